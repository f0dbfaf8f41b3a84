"""Entries that allowed a write and that no receipt followed: the other half of `receipts` (ADR 0022).

A receipt without its entry is noticed when it comes. One that never comes is noticed here: each minute the entries that allowed a
write, and are older than the grace, are looked through once. What has no receipt is an alarm, one for each service, that names
the entries; a receipt that comes after all settles it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, Protocol

from services.audit_log.decision.domain.rules.tables import WRITING
from services.audit_log.ledger.application.each_tenant import each_tenant
from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement, UniqueViolation

WITHOUT_RECEIPT: Final = "entry-without-receipt"
GRACE: Final = timedelta(minutes=10)
"""receipts come within seconds; after a restart of the broker within minutes"""
EVERY: Final = timedelta(minutes=1)
PAGE: Final = 5_000
"""entries looked through at once"""
_NAMED: Final = 200
"""indexes that one alarm names"""


@dataclass(frozen=True, slots=True)
class Missing:
    """An entry that allowed a write, and no receipt of it."""

    entry: int
    service: str


@dataclass(frozen=True, slots=True)
class Sweep:
    following: int
    """the first entry that is not looked through yet"""
    entries: int
    """looked through in this sweep"""
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of one tenant."""

    checked: int
    """entries looked through"""
    last_run: datetime | None
    open: tuple[Missing, ...]
    """still without a receipt"""
    settled: int
    """whose receipt came late"""
    faulty: int
    """receipts without their entry, or of another"""
    receipts: int


class CompletenessTable(Protocol):
    async def sweep(self, tenant: str, actions: Sequence[str], until: datetime, limit: int) -> Sweep:
        """Entries after the last sweep that were made before `until`."""

    def swept(self, tenant: str, sweep: Sweep, at: datetime) -> list[Statement]:
        """Another sweep that was faster violates `receipt_missing_pkey`."""

    async def standing(self, tenant: str) -> Completeness: ...


class CompletenessSweep:
    def __init__(
        self,
        table: CompletenessTable,
        ledger: Ledger,
        tenants: Callable[[], Sequence[str]],
        *,
        now: Callable[[], datetime],
        grace: timedelta = GRACE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`tenants`: those whose ledger this process leads."""
        self._table, self._ledger, self._tenants, self._now = table, ledger, tenants, now
        self._grace, self._sleep = grace, sleep

    async def run(self) -> None:
        """Until cancelled."""
        failed = "a tenant's receipts were not looked through"
        await each_tenant(self._tenants, self.sweep, failed, every=EVERY, sleep=self._sleep, passing=(UniqueViolation,))

    async def sweep(self, tenant: str) -> int:
        """How many entries were found to have no receipt."""
        now, found = self._now(), 0
        while True:
            sweep = await self._table.sweep(tenant, sorted(WRITING), now - self._grace, PAGE)
            alarms = [
                _alarm(service, [m.entry for m in group], now)
                for service, group in groupby(sorted(sweep.missing, key=lambda m: m.service), key=lambda m: m.service)
            ]
            await self._ledger.append(tenant, alarms, statements=self._table.swept(tenant, sweep, now))
            found += len(sweep.missing)
            if not sweep.entries:
                return found

    async def standing(self, tenant: str) -> Completeness:
        return await self._table.standing(tenant)


def _alarm(service: str, entries: Sequence[int], at: datetime) -> Entry:
    return Entry(
        kind=EntryKind.ALARM,
        at=at,
        action="receipt",
        outcome="done",
        reason=WITHOUT_RECEIPT,
        agent=f"service:{service}",
        agent_role="service",
        service=str(ServiceName.AUDIT_LOG),
        request_id="",
        detail={"entries": list(entries[:_NAMED]), "count": len(entries)},
    )
