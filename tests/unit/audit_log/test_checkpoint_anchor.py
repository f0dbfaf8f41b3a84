"""The file anchor swaps only what it is told to expect, and names its tenants."""

import asyncio
from pathlib import Path

import pytest

from services.audit_log.ledger.adapters.checkpoint_anchor import FileAnchor
from services.audit_log.ledger.application.ledger_view import AnchorMoved


async def test_a_swap_needs_the_stored_note(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "anchors")
    assert await anchor.load("north") is None and await anchor.tenants() == []
    await anchor.swap("north", None, b"one")
    with pytest.raises(AnchorMoved):
        await anchor.swap("north", None, b"two")
    await anchor.swap("north", b"one", b"two")
    assert await FileAnchor(tmp_path / "anchors").load("north") == b"two"
    assert await anchor.tenants() == ["north"]


async def test_of_many_swaps_at_once_one_wins(tmp_path: Path) -> None:
    anchors = [FileAnchor(tmp_path) for _ in range(8)]
    results = await asyncio.gather(
        *(a.swap("north", None, str(i).encode()) for i, a in enumerate(anchors)), return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(r, AnchorMoved) for r in results) == 7


@pytest.mark.parametrize("name", ["", "../north", "a/b", ".hidden"])
async def test_a_name_cannot_leave_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        await FileAnchor(tmp_path).load(name)
