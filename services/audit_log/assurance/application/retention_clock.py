"""The retention clock: payloads older than the deployment keeps them are deleted once a day, and each run is on record.

Index, leaf, tree and old proofs stay (ADR 0020). Six years is the least that may be set (45 CFR 164.316(b)(2)(i), 164.528(a)(1));
unset, nothing is ever deleted by time, and the clock says so each day. What is under a legal hold stays, and is counted.
Erasures' own entries stay: they tell erased from removed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from services.audit_log.ledger.application.each_tenant import each_tenant
from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement

LEAST_YEARS: Final = 6
EVERY: Final = timedelta(days=1)
LOOK_EVERY: Final = timedelta(minutes=5)
PAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Due:
    index: int
    client_id: str | None


@dataclass(frozen=True, slots=True)
class RetentionRun:
    at: datetime
    years: int | None
    erased: int
    held: int
    """kept because of a legal hold"""


class RetentionTable(Protocol):
    async def last_run(self, tenant: str) -> RetentionRun | None: ...

    async def due(self, tenant: str, before: datetime, after: int, limit: int) -> list[Due]:
        """Entries made before that moment whose payload is there and is no erasure's, above index `after`, in order."""

    def ran(self, tenant: str, run: RetentionRun) -> Statement: ...


class StandingHolds(Protocol):
    async def standing(self, tenant: str, client_id: UUID) -> dict[UUID, Any]: ...


class RetainedLedger(Ledger, Protocol):
    async def erase_payloads(self, tenant: str, indexes: Sequence[int], entry: Entry) -> int:
        """Deletes those payloads and says so in `entry`, in one transaction; the entry's index."""


class RetentionClock:
    def __init__(
        self,
        table: RetentionTable,
        ledger: RetainedLedger,
        holds: StandingHolds,
        tenants: Callable[[], Sequence[str]],
        *,
        years: int | None,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if years is not None and years < LEAST_YEARS:
            raise ValueError(f"the ledger is kept for {LEAST_YEARS} years at least")
        self._table, self._ledger, self._holds, self._tenants = table, ledger, holds, tenants
        self.years, self._now, self._sleep = years, now, sleep

    async def run(self) -> None:
        """Until cancelled: each tenant once a day."""
        await each_tenant(self._tenants, self._daily, "a tenant's retention did not run", every=LOOK_EVERY, sleep=self._sleep)

    async def _daily(self, tenant: str) -> None:
        last = await self._table.last_run(tenant)
        if last is None or self._now() - last.at >= EVERY:
            await self.tick(tenant)

    async def tick(self, tenant: str) -> RetentionRun:
        """One run, which leaves an entry, whatever it finds."""
        now, erased, held, after = self._now(), 0, 0, -1
        before = _years_before(now, self.years) if self.years is not None else None
        standing: dict[str, bool] = {}
        while before is not None and (due := await self._table.due(tenant, before, after, PAGE)):
            after, free = due[-1].index, []
            for each in due:
                if await self._is_held(tenant, each.client_id, standing):
                    held += 1
                else:
                    free.append(each.index)
            if free:
                told = _entry("payloads-erased", now, {"years": self.years, "held": held})
                await self._ledger.erase_payloads(tenant, free, told)
                erased += len(free)
        run = RetentionRun(now, self.years, erased, held)
        detail = {"years": self.years, "erased_count": erased, "held": held}
        await self._ledger.append(tenant, [_entry("retention-ran", now, detail)], statements=[self._table.ran(tenant, run)])
        return run

    async def last_run(self, tenant: str) -> RetentionRun | None:
        return await self._table.last_run(tenant)

    async def _is_held(self, tenant: str, client_id: str | None, standing: dict[str, bool]) -> bool:
        if client_id is None:
            return False
        if client_id not in standing:
            try:
                standing[client_id] = bool(await self._holds.standing(tenant, UUID(client_id)))
            except ValueError:  # a claim that named no client
                standing[client_id] = False
        return standing[client_id]


def _years_before(now: datetime, years: int) -> datetime:
    return now.replace(year=now.year - years, day=min(now.day, 28))


def _entry(action: str, at: datetime, detail: dict[str, Any]) -> Entry:
    return Entry(
        kind=EntryKind.ERASURE,
        at=at,
        action=action,
        outcome="done",
        reason="retention",
        agent=f"service:{ServiceName.AUDIT_LOG}",
        agent_role="service",
        service=str(ServiceName.AUDIT_LOG),
        request_id="",
        basis=("law:45 CFR 164.316(b)(2)(i)",),
        detail=detail,
    )
