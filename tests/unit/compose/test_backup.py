"""A backup's manifest, and what a restore refuses before it changes anything."""

import json
from pathlib import Path

import pytest

from infra.backup.__main__ import main
from infra.backup.layout import FILES, Manifest, digest, schema_digests
from infra.backup.restoring import Refused, restore_backup
from infra.compose.command import Compose


class Untouched(Compose):
    """Of which nothing may be asked."""

    def __init__(self) -> None:
        pass


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    Manifest("2026-12-01T00:00:00+00:00", schema_digests(), {n: digest(folder / n) for n in FILES}).write(folder)
    return folder


def refused(folder: Path, *, by: str = "Ana", second: str = "Ben") -> str:
    with pytest.raises((Refused, ValueError)) as refusal:
        restore_backup(Untouched(), folder, folder / "secrets", by=by, second=second)
    return str(refusal.value)


def test_a_whole_backup_is_read(backup: Path) -> None:
    assert Manifest.read(backup).made_at.startswith("2026-12-01")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_changed_file_is_named(backup: Path, name: str) -> None:
    (backup / name).write_text("another")
    assert name in refused(backup) and "SHA-256" in refused(backup)
    (backup / name).unlink()
    assert f"{name} is missing" in refused(backup)


def test_a_backup_that_was_broken_off(backup: Path) -> None:
    (backup / "manifest.json").unlink()
    assert "no finished backup" in refused(backup)


def test_one_of_a_later_release(backup: Path) -> None:
    said = json.loads((backup / "manifest.json").read_text())
    said["schemas"]["appointments"] = "0"
    (backup / "manifest.json").write_text(json.dumps(said))
    assert "databases that this release does not know (appointments)" in refused(backup)


@pytest.mark.parametrize(("by", "second"), [("Ana", ""), (" ", "Ben"), ("Ana", "ana ")])
def test_two_people_are_named(backup: Path, by: str, second: str) -> None:
    assert "two different people" in refused(backup, by=by, second=second)


def test_the_command_says_it_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(tmp_path), "--by", "Ana", "--second", "Ben"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
