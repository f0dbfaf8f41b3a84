"""The file KMS: where it refuses to run, and that its file survives."""

import os
from pathlib import Path

import pytest

from services.audit_log.keyring.adapters.kms.file import FileKms
from services.audit_log.keyring.adapters.kms.port import KmsUnavailable
from shared.service.parts import Unwired


@pytest.mark.parametrize("environment", [None, "", "production", "Production", "staging", "prod"])
def test_it_refuses_anything_but_development(tmp_path: Path, environment: str | None) -> None:
    with pytest.raises(Unwired, match="development"):
        FileKms(tmp_path / "kms.json", environment=environment, random=os.urandom)
    assert not (tmp_path / "kms.json").exists()


async def test_it_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "kms.json"
    first = FileKms(path, environment="development", random=os.urandom)
    await first.open()
    await first.rotate()
    blob = await first.wrap(b"k" * 32, b"c")
    await first.close()
    with pytest.raises(KmsUnavailable):
        await first.unwrap(blob, b"c")
    assert not await first.healthy()
    second = FileKms(path, environment="development", random=os.urandom)
    await second.open()
    assert await second.unwrap(blob, b"c") == b"k" * 32
    assert await second.epochs() == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


async def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kms.json"
    kms = FileKms(path, environment="development", random=os.urandom)
    await kms.open()
    path.chmod(0o644)
    with pytest.raises(Unwired, match="chmod 600"):
        await kms.open()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"epochs": {}}', '{"epochs": {"1": "AAAA"}}', '{"epochs": {"x": 1}}'])
async def test_a_damaged_file_is_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kms.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Unwired, match="restore it"):
        await FileKms(path, environment="development", random=os.urandom).open()
    assert path.read_text() == content
