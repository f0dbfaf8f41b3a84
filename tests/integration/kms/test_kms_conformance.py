"""What every KMS provider must do, asked of each one really running; of AWS, of moto's server, which speaks its API.

moto decrypts with keys that are disabled or being deleted. So these runs prove how `aws` speaks (contexts, re-encryption,
epochs by alias), and not that a key deleted at AWS opens nothing: that test is marked so.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.audit_log.keyring.adapters.kms.aws import AwsKms
from services.audit_log.keyring.adapters.kms.file import FileKms
from services.audit_log.keyring.adapters.kms.openbao import OpenBaoKms
from services.audit_log.keyring.adapters.kms.port import CannotUnwrap, Kms, epoch_of
from tests.support.aws import Aws
from tests.support.openbao import OpenBao

CONTEXT = b"tenant, client, class, kid"


@dataclass(frozen=True)
class Providers:
    service: Kms
    """as the service holds it"""
    operator: Kms
    """as the person holds it who rotates and destroys"""


@pytest.fixture(params=["file", "openbao", "aws"])
async def kms(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Providers]:
    if request.param == "file":
        file = FileKms(tmp_path / "kms.json", environment="test", random=os.urandom)
        await file.open()
        yield Providers(file, file)
        await file.close()
        return
    if request.param == "aws":
        cloud: Aws = request.getfixturevalue("aws")
        aws = cloud.kms()
        await aws.prepare()
        yield Providers(aws, cloud.kms(aws))
        await aws.close()
        return
    server: OpenBao = request.getfixturevalue("openbao")
    tokens = {policy: server.new_token(policy=policy) for policy in ("keyring", "keyring-operator")}
    service = OpenBaoKms(server.url, token=lambda: tokens["keyring"])
    operator = OpenBaoKms(server.url, token=lambda: tokens["keyring-operator"])
    await service.open()
    yield Providers(service, operator)
    await service.close()
    await operator.close()


async def test_what_was_wrapped_unwraps(kms: Providers) -> None:
    for size in (16, 32, 64):
        key = os.urandom(size)
        blob = await kms.service.wrap(key, CONTEXT)
        assert key not in blob
        assert await kms.service.unwrap(blob, CONTEXT) == key


async def test_wrapping_twice_gives_two_blobs(kms: Providers) -> None:
    assert await kms.service.wrap(b"k" * 32, CONTEXT) != await kms.service.wrap(b"k" * 32, CONTEXT)


@pytest.mark.parametrize("context", [b"", b"tenant, client, class, kie", CONTEXT + b"\x00", CONTEXT[:-1]])
async def test_another_context_does_not_unwrap(kms: Providers, context: bytes) -> None:
    blob = await kms.service.wrap(b"k" * 32, CONTEXT)
    with pytest.raises(CannotUnwrap):
        await kms.service.unwrap(blob, context)
    with pytest.raises(CannotUnwrap):
        await kms.service.rewrap(blob, context)


async def test_a_changed_blob_does_not_unwrap(kms: Providers) -> None:
    blob = await kms.service.wrap(b"k" * 32, CONTEXT)
    for at in (len(blob) // 2, len(blob) - 6):
        changed = bytearray(blob)
        changed[at] = ord("A") if changed[at] != ord("A") else ord("B")
        with pytest.raises(CannotUnwrap):
            await kms.service.unwrap(bytes(changed), CONTEXT)
    for other in (b"", b"file:v1:", b"vault:v1:", b"vault:v999:AAAA", b"file:v999:AAAA", b"aws:v999:AAAA", blob[:-9]):
        with pytest.raises(CannotUnwrap):
            await kms.service.unwrap(other, CONTEXT)


async def test_rotation_keeps_old_blobs_and_wraps_under_the_new_epoch(kms: Providers) -> None:
    old = await kms.service.wrap(b"k" * 32, CONTEXT)
    newest = await kms.operator.rotate()
    assert newest == epoch_of(old) + 1
    assert await kms.service.unwrap(old, CONTEXT) == b"k" * 32
    assert epoch_of(await kms.service.wrap(b"k" * 32, CONTEXT)) == newest
    assert (await kms.service.epochs())[-1] == newest


async def test_rewrapping_moves_a_blob_to_the_new_epoch_and_keeps_its_context(kms: Providers) -> None:
    old = await kms.service.wrap(b"k" * 32, CONTEXT)
    newest = await kms.operator.rotate()
    fresh = await kms.service.rewrap(old, CONTEXT)
    assert epoch_of(fresh) == newest
    assert await kms.service.unwrap(fresh, CONTEXT) == b"k" * 32
    with pytest.raises(CannotUnwrap):
        await kms.service.unwrap(fresh, b"another")


async def test_a_destroyed_epoch_opens_nothing_any_more(kms: Providers, request: pytest.FixtureRequest) -> None:
    kept, lost = await kms.service.wrap(b"a" * 32, CONTEXT), await kms.service.wrap(b"b" * 32, CONTEXT)
    newest = await kms.operator.rotate()
    kept = await kms.service.rewrap(kept, CONTEXT)
    await kms.operator.destroy_epoch(epoch_of(lost))
    assert await kms.service.epochs() == [newest]
    assert await kms.service.unwrap(kept, CONTEXT) == b"a" * 32
    if isinstance(kms.service, AwsKms):
        # ordered, and may be called back for seven days: an erasure is not final yet
        assert await kms.service.recoverable() == [newest - 1, newest]
        request.applymarker(pytest.mark.xfail(reason="moto decrypts with a key that is being deleted; AWS does not", strict=True))
    else:
        assert await kms.service.recoverable() == [newest]
    with pytest.raises(CannotUnwrap):
        await kms.service.unwrap(lost, CONTEXT)
    with pytest.raises(CannotUnwrap):
        await kms.service.rewrap(lost, CONTEXT)


async def test_the_newest_epoch_cannot_be_destroyed(kms: Providers) -> None:
    newest = (await kms.operator.epochs())[-1]
    with pytest.raises(ValueError, match="newest"):
        await kms.operator.destroy_epoch(newest)
    assert await kms.service.unwrap(await kms.service.wrap(b"k", CONTEXT), CONTEXT) == b"k"


async def test_healthy(kms: Providers) -> None:
    assert await kms.service.healthy()
