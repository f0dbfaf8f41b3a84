"""A restore from a backup takes every log back to an earlier moment: the alarm of it, in each log.

The restoring command leaves a mark beside the checkpoints (infra/backup/restoring.py). The same rollback without a mark shows
elsewhere: the witnesses have seen more, and so has everybody who kept a checkpoint.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from services.audit_log.ledger.application.ports import Ledger, LedgerUnavailable
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.records import ServiceName

MARK: Final = "restored.json"
RESTORED: Final = "restored-from-backup"
_TOLD: Final = ("made_at", "restored_at", "by", "second")
_RETRY_SECONDS: Final = 1.0
_log = logging.getLogger("restored")


class Restored:
    """`tenants`: those whose log this process leads; `run` until the mark is told of, or until cancelled."""

    def __init__(self, anchors: Path, ledger: Ledger, tenants: Callable[[], list[str]], *, now: Callable[[], datetime]) -> None:
        self._mark, self._ledger, self._tenants, self._now = anchors / MARK, ledger, tenants, now

    async def run(self) -> None:
        """Tells each log once; again where it was broken off, so an alarm may stand twice."""
        while await asyncio.to_thread(self._mark.exists):
            if await self._told():
                await asyncio.to_thread(self._mark.unlink)
                break
            await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.Event().wait()

    async def _told(self) -> bool:
        tenants = self._tenants()
        try:
            mark = json.loads(await asyncio.to_thread(self._mark.read_text))
            for tenant in tenants:
                await self._ledger.append(tenant, [restored_alarm(mark, self._now())])
        except LedgerUnavailable:
            return False
        except (ValueError, KeyError):
            _log.error("%s cannot be read: it is left as it is", MARK)
            return True
        return bool(tenants)


def restored_alarm(mark: dict[str, str], at: datetime) -> Entry:
    return Entry(
        kind=EntryKind.ALARM,
        at=at,
        action="restore",
        outcome="done",
        reason=RESTORED,
        agent=mark["by"],
        agent_role="operator",
        service=str(ServiceName.AUDIT_LOG),
        request_id="",
        detail={name: mark[name] for name in _TOLD},
    )
