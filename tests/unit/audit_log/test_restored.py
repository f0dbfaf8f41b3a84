"""A restore leaves a mark beside the checkpoints: every log gets its alarm, once, and the mark goes."""

import asyncio
import json
from pathlib import Path

import pytest

from services.audit_log.assurance.application.restored import MARK, RESTORED, Restored
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.service.clock import now

SAID = {"made_at": "2026-12-01T00:00:00Z", "restored_at": "2026-12-02T00:00:00Z", "by": "Ana Roth", "second": "Ben Ito"}


class Kept:
    """What was appended; away for the first call."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Entry]] = []
        self.away = True

    async def append(self, tenant: str, entries: list[Entry]) -> list[int]:
        if self.away:
            self.away = False
            raise LedgerUnavailable("not yet")
        self.entries += [(tenant, entry) for entry in entries]
        return [0]


@pytest.mark.parametrize("text", [json.dumps(SAID), "{", json.dumps({"by": "x"})])
async def test_the_alarm(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.audit_log.assurance.application.restored._RETRY_SECONDS", 0.01)
    (tmp_path / MARK).write_text(text)
    ledger = Kept()
    running = asyncio.create_task(Restored(tmp_path, ledger, lambda: ["a", "b"], now=now).run())  # type: ignore[arg-type]
    while (tmp_path / MARK).exists():
        await asyncio.sleep(0.01)
    running.cancel()
    good = text == json.dumps(SAID)
    assert [tenant for tenant, _ in ledger.entries] == (["a", "b"] if good else [])
    for _, entry in ledger.entries:
        assert (entry.kind, entry.reason, entry.agent) == (EntryKind.ALARM, RESTORED, "Ana Roth")
        assert entry.detail == SAID
