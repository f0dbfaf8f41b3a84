"""The page Today: what needs a person, gathered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

from services.audit_log.accounting.domain.asked import Asked
from services.audit_log.break_glass.application.reviews import Reviewing
from services.audit_log.break_glass.domain.reviews import Review
from services.audit_log.ledger.application.ledger_view import CosignedCheckpoint, LedgerView, StoredEntry
from services.audit_log.ledger.domain.checkpoint import parse_text
from services.audit_log.ledger.domain.cosignature import Standing
from services.audit_log.ledger.domain.signed_note import split_note
from services.audit_log.officers.domain.ledger_state import LedgerState, Verified
from shared.http.call import Call

REFUSALS_SINCE: Final = timedelta(days=7)
REFUSALS_LEAST: Final = 3
"""refusals of one person for one client that are more than a slip"""
ALARMS_SINCE: Final = timedelta(days=30)
_SHOWN: Final = 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Repeated:
    """One person, refused again and again for one client."""

    agent: str
    name: str
    role: str
    client_id: str | None
    times: int
    last: datetime
    index: int
    """of the newest refusal"""


@dataclass(frozen=True, slots=True)
class Alarms:
    """Alarms of one kind."""

    reason: str
    """empty of alarms whose details were erased"""
    times: int
    newest: StoredEntry


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """The first of them."""

    items: Sequence[T]
    more: bool
    """whether there are others"""


@dataclass(frozen=True, slots=True)
class Today:
    reviews: Listed[Review]
    documentation: Sequence[Review]
    """decided or not, something about them is still to be written down"""
    refusals: Listed[Repeated]
    alarms: Sequence[Alarms]
    accountings: Listed[Asked]
    """asked for and not given yet, soonest due first"""
    day: date
    """at the practice"""
    unexplained: int
    """people with accesses that nothing explains, not decided on yet"""
    state: LedgerState


class Waiting(Protocol):
    async def waiting(self, tenant: str, limit: int) -> list[Asked]: ...

    async def today(self, tenant: str) -> date: ...


class Open(Protocol):
    async def open(self, tenant: str) -> int: ...


class Ahead(Protocol):
    async def catch_up(self, tenant: str) -> int: ...


class Counts(Protocol):
    async def repeated_refusals(self, tenant: str, since: datetime, *, least: int, limit: int) -> list[Repeated]: ...

    async def alarms(self, tenant: str, since: datetime) -> list[Alarms]:
        """Every kind that a search would find, the newest first, however many there are of another."""

    async def size(self, tenant: str) -> int: ...

    async def last_verification(self, tenant: str) -> StoredEntry | None: ...


class Standings(Protocol):
    def __call__(self, tenant: str, cosigned: Sequence[CosignedCheckpoint], size: int) -> list[Standing]:
        """How each witness stands to a log of that size."""


class Gathering:
    def __init__(
        self,
        ledger: LedgerView,
        reviewing: Reviewing,
        counts: Counts,
        judging: Ahead,
        cases: Open,
        asking: Waiting,
        standings: Standings,
        now: Callable[[], datetime],
    ) -> None:
        self._ledger, self._reviewing, self._counts, self._now = ledger, reviewing, counts, now
        self._asking = asking
        self._judging, self._cases, self._standings = judging, cases, standings

    async def today(self, call: Call) -> Today:
        tenant, now = call.tenant, self._now()
        await self._judging.catch_up(tenant)
        return Today(
            reviews=_listed(await self._reviewing.queue(call, "open", None, _SHOWN + 1)),
            documentation=[r for r in await self._reviewing.queue(call, "documentation", None, _SHOWN) if r.finding is not None],
            refusals=_listed(
                await self._counts.repeated_refusals(tenant, now - REFUSALS_SINCE, least=REFUSALS_LEAST, limit=_SHOWN + 1)
            ),
            alarms=await self._counts.alarms(tenant, now - ALARMS_SINCE),
            accountings=_listed(await self._asking.waiting(tenant, _SHOWN + 1)),
            day=await self._asking.today(tenant),
            unexplained=await self._cases.open(tenant),
            state=await self.state(tenant),
        )

    async def state(self, tenant: str) -> LedgerState:
        note = await self._ledger.checkpoint(tenant)
        checkpoint = parse_text(split_note(note)[0]) if note is not None else None
        cosigned = await self._ledger.cosigned(tenant)
        last = await self._counts.last_verification(tenant)
        return LedgerState(
            entries=await self._counts.size(tenant),
            checkpoint=checkpoint,
            witnesses=self._standings(tenant, cosigned, checkpoint.size if checkpoint else 0),
            verified=_verified(last) if last else None,
            refused=self._ledger.refused().get(tenant),
            now=self._now(),
        )


def _listed(found: Sequence[T]) -> Listed[T]:
    return Listed(found[:_SHOWN], len(found) > _SHOWN)


def _verified(stored: StoredEntry) -> Verified:
    query = stored.entry.detail.get("query", {})
    return Verified(
        at=stored.entry.at,
        by=stored.entry.agent_name or stored.entry.agent,
        entries=int(stored.entry.detail.get("rows", 0)),
        finding=query.get("finding"),
    )
