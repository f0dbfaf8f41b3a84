"""Notes that wait, as their services announced them: what is not reconciled in time is an alarm, once each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from services.audit_log.downtime.domain.late_writes import MISSED_AFTER, LateReason
from services.audit_log.ledger.application.each_tenant import each_tenant
from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.disclosure import Decision
from shared.contracts.downtime import NOTE_WAITS, NoteWaits
from shared.contracts.records import RECORD_TYPES, RecordType, ServiceName
from shared.eventstore.model import Statement
from shared.messaging.port import Effect, Handler, Message

EVERY: Final = timedelta(seconds=30)
PAGE: Final = 200


class ForeignNote(Exception):
    """A note announced by another service than it waits in: it is parked."""


@dataclass(frozen=True, slots=True)
class Overdue:
    record_id: str
    client_id: str
    service: str
    record_type: str
    author: str
    written_at: datetime
    reason: str | None
    """why it was refused last; None where its service never asked"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one tenant's late writes."""

    waiting: int
    reconciled: int
    dropped: int
    oldest: datetime | None
    """when the oldest that waits was written"""


class LateNotes(Protocol):
    def announced(self, tenant: str, waits: NoteWaits, at: datetime) -> Statement: ...

    async def overdue(self, tenant: str, before: datetime, limit: int) -> list[Overdue]:
        """Those that wait, were announced before and are no alarm yet."""

    def alarmed(self, tenant: str, record_ids: Sequence[str], at: datetime) -> Statement: ...

    async def standing(self, tenant: str) -> Standing: ...


class LateWatch:
    def __init__(
        self,
        notes: LateNotes,
        ledger: Ledger,
        tenants: Callable[[], Sequence[str]],
        *,
        now: Callable[[], datetime],
        after: timedelta = MISSED_AFTER,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`tenants`: those whose ledger this process leads."""
        self._notes, self._ledger, self._tenants, self._now = notes, ledger, tenants, now
        self._after, self._sleep = after, sleep

    def handlers(self) -> dict[str, Handler]:
        """For the consumer of `receipts.v1`."""
        return {NOTE_WAITS: self._announced}

    async def _announced(self, message: Message) -> Effect:
        waits = NoteWaits.model_validate_json(message.payload)
        if waits.service != message.source:
            raise ForeignNote("a service announces its own notes only")
        return Effect(statements=(self._notes.announced(message.tenant, waits, self._now()),))

    async def run(self) -> None:
        """Until cancelled."""
        failed = "a tenant's late notes were not looked through"
        await each_tenant(self._tenants, self.sweep, failed, every=EVERY, sleep=self._sleep)

    async def sweep(self, tenant: str) -> int:
        """How many became an alarm."""
        now = self._now()
        overdue = await self._notes.overdue(tenant, now - self._after, PAGE)
        if overdue:
            statement = self._notes.alarmed(tenant, [o.record_id for o in overdue], now)
            await self._ledger.append(tenant, [_alarm(o, now) for o in overdue], statements=[statement])
        return len(overdue)

    async def standing(self, tenant: str) -> Standing:
        return await self._notes.standing(tenant)


def _alarm(overdue: Overdue, at: datetime) -> Entry:
    reason = overdue.reason or str(LateReason.MISSING)
    key_class = RECORD_TYPES[RecordType(overdue.record_type)].key_class
    return Entry(
        kind=EntryKind.ALARM,
        at=at,
        action="reconcile",
        outcome="done",
        reason=LateReason.MISSING,
        agent=f"service:{overdue.service}",
        agent_role="service",
        service=str(ServiceName.AUDIT_LOG),
        request_id="",
        client_id=overdue.client_id,
        records=(EntryRecord(overdue.record_id, overdue.record_type, str(key_class), str(Decision.DENY), reason),),
        detail={"author": overdue.author, "written_at": overdue.written_at.isoformat(), "refused": overdue.reason},
    )
