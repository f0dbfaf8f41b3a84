"""Entries go out by themselves: a feed for a SIEM, alarms by webhook and mail, each by a route of its own (ADR 0025).

At least once and in order: a route's place in a log moves when the other side has taken a batch, in one transaction with the
entry that says so. What does not answer is tried again, later and later, and holds up no other route. What goes out are the
columns of an entry, never its `detail`: a break-glass reason stays in the ledger.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final, Protocol

from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.ledger.application.ports import Ledger, LedgerUnavailable
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.reports.domain.rows import COLUMNS, cells
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement, StoreUnavailable

FED: Final = "feed-entries"
EVERY: Final = timedelta(seconds=1)
FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)
BATCH: Final = 200
_log = logging.getLogger("routes")


class NotTaken(Exception):
    """The other side did not take the batch; says why, in words, without what was in it."""


class Sink(Protocol):
    async def send(self, tenant: str, rows: Sequence[dict[str, str]]) -> None:
        """Returns once the other side has them. Raises NotTaken, OSError, TimeoutError."""


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    """keeps the route's place: never change it"""
    sink: Sink
    tenants: tuple[str, ...] = ("*",)
    """patterns of tenants"""
    kinds: tuple[str, ...] = ()
    """kinds of entries; empty means all"""
    reasons: tuple[str, ...] = ("*",)
    """patterns of reasons"""
    from_the_beginning: bool = False
    """else from the entries that come after the route was first seen"""

    def takes(self, tenant: str) -> bool:
        return any(fnmatchcase(tenant, pattern) for pattern in self.tenants)

    def wants(self, entry: Entry) -> bool:
        return any(fnmatchcase(entry.reason, pattern) for pattern in self.reasons)


class RoutePlaces(Protocol):
    async def place(self, tenant: str, route: str) -> int | None:
        """The first entry that has not gone out; None where the route is new."""

    def moved(self, tenant: str, route: str, following: int) -> Statement: ...

    async def end(self, tenant: str) -> int:
        """Entries of the log."""


class RoutedLedger(Ledger, Protocol):
    async def following(self, tenant: str, filters: Filters, first: int, limit: int) -> list[StoredEntry]:
        """From index `first` on, the oldest first."""


@dataclass(slots=True)
class _State:
    fault: str | None = None
    not_before: datetime | None = None
    wait: timedelta = field(default=FIRST_WAIT)


@dataclass(frozen=True, slots=True)
class RouteStanding:
    name: str
    following: int | None
    waiting: int
    """entries of the log beyond its place"""
    fault: str | None


class Routes:
    def __init__(
        self,
        routes: Sequence[Route],
        ledger: RoutedLedger,
        places: RoutePlaces,
        tenants: Callable[[], Sequence[str]],
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._routes, self._ledger, self._places, self._tenants = tuple(routes), ledger, places, tenants
        self._now, self._sleep = now, sleep
        self._states: dict[tuple[str, str], _State] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.gather(*(self._serve(route) for route in self._routes))
            await self._sleep(EVERY.total_seconds())

    async def standings(self, tenant: str) -> list[RouteStanding]:
        found, end = [], await self._places.end(tenant)
        for route in self._routes:
            if route.takes(tenant):
                place = await self._places.place(tenant, route.name)
                state = self._states.get((tenant, route.name))
                fault = state.fault if state is not None else None
                found.append(RouteStanding(route.name, place, end - place if place is not None else 0, fault))
        return found

    async def _serve(self, route: Route) -> None:
        for tenant in filter(route.takes, self._tenants()):
            state = self._states.setdefault((tenant, route.name), _State())
            if state.not_before is not None and self._now() < state.not_before:
                continue
            try:
                while await self._step(route, tenant):
                    state.fault, state.not_before, state.wait = None, None, FIRST_WAIT
            except (NotTaken, OSError, TimeoutError) as error:
                state.fault = str(error) if isinstance(error, NotTaken) else f"it does not answer: {type(error).__name__}"
                state.not_before, state.wait = self._now() + state.wait, min(state.wait * 2, LONGEST_WAIT)
                _log.warning("route %s: %s", route.name, state.fault)
            except (LedgerUnavailable, StoreUnavailable) as error:
                _log.warning("route %s could not read the ledger: %s", route.name, type(error).__name__)

    async def _step(self, route: Route, tenant: str) -> bool:
        """One batch; whether there was one."""
        place = await self._places.place(tenant, route.name)
        if place is None:
            place = 0 if route.from_the_beginning else await self._places.end(tenant)
            await self._ledger.append(tenant, [], statements=[self._places.moved(tenant, route.name, place)])
        found = await self._ledger.following(tenant, Filters(kinds=route.kinds), place, BATCH)
        if not found:
            return False
        wanted = [stored for stored in found if route.wants(stored.entry)]
        if wanted:
            rows = [dict(zip(COLUMNS, cells(s.index, s.entry, erased=s.erased), strict=True)) for s in wanted]
            await route.sink.send(tenant, rows)
        following = found[-1].index + 1
        # a batch of nothing but this has no entry of its own: else each would call for the next
        told = [self._entry(route, wanted)] if any(s.entry.action != FED for s in wanted) else []
        await self._ledger.append(tenant, told, statements=[self._places.moved(tenant, route.name, following)])
        return True

    def _entry(self, route: Route, sent: Sequence[StoredEntry]) -> Entry:
        return Entry(
            kind=EntryKind.QUERY,
            at=self._now(),
            action=FED,
            outcome="permit",
            reason="route",
            agent=f"service:{ServiceName.AUDIT_LOG}",
            agent_role="service",
            service=str(ServiceName.AUDIT_LOG),
            request_id="",
            purpose="HCOMPL",
            purpose_defaulted=True,
            detail={
                "route": route.name,
                "rows": len(sent),
                "first": sent[0].index,
                "last": sent[-1].index,
                "late_by_seconds": max(0, int((self._now() - sent[0].entry.at).total_seconds())),
            },
        )
