"""The page Today: what needs a person, gathered."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from services.audit_log.application.ledger_view import Filters, LedgerView, StoredEntry
from services.audit_log.application.reviews import Reviewing
from services.audit_log.domain.entry import EntryKind
from services.audit_log.domain.reviews import Review
from services.audit_log.review.domain.ledger_state import LedgerState, Verified, read_note
from shared.http.call import Call

REFUSALS_SINCE: Final = timedelta(days=7)
REFUSALS_LEAST: Final = 3
"""refusals of one person for one client that are more than a slip"""
ALARMS_SINCE: Final = timedelta(days=30)
_SHOWN: Final = 20
_ALARMS_READ: Final = 200
_NO_CONCERN: Final = frozenset({"break-glass-granted"})
"""alarms that stand on the page as reviews already"""


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
    times: int
    newest: StoredEntry


@dataclass(frozen=True, slots=True)
class Today:
    reviews: Sequence[Review]
    documentation: Sequence[Review]
    """decided or not, something about them is still to be written down"""
    refusals: Sequence[Repeated]
    alarms: Sequence[Alarms]
    unexplained: int
    """people with accesses that nothing explains, not decided on yet"""
    state: LedgerState


class Open(Protocol):
    async def open(self, tenant: str) -> int: ...


class Ahead(Protocol):
    async def catch_up(self, tenant: str) -> int: ...


class Counts(Protocol):
    async def repeated_refusals(self, tenant: str, since: datetime, *, least: int, limit: int) -> list[Repeated]: ...

    async def size(self, tenant: str) -> int: ...

    async def last_verification(self, tenant: str) -> StoredEntry | None: ...


class Gathering:
    def __init__(
        self,
        ledger: LedgerView,
        reviewing: Reviewing,
        counts: Counts,
        judging: Ahead,
        cases: Open,
        now: Callable[[], datetime],
    ) -> None:
        self._ledger, self._reviewing, self._counts, self._now = ledger, reviewing, counts, now
        self._judging, self._cases = judging, cases

    async def today(self, call: Call) -> Today:
        tenant, now = call.tenant, self._now()
        await self._judging.catch_up(tenant)
        return Today(
            reviews=await self._reviewing.queue(call, "open", None, _SHOWN),
            documentation=[r for r in await self._reviewing.queue(call, "documentation", None, _SHOWN) if r.finding is not None],
            refusals=await self._counts.repeated_refusals(tenant, now - REFUSALS_SINCE, least=REFUSALS_LEAST, limit=_SHOWN),
            alarms=await self._alarms(tenant, now),
            unexplained=await self._cases.open(tenant),
            state=await self.state(tenant),
        )

    async def state(self, tenant: str) -> LedgerState:
        checkpoint, cosignatures = read_note(await self._ledger.checkpoint(tenant))
        last = await self._counts.last_verification(tenant)
        return LedgerState(
            entries=await self._counts.size(tenant),
            checkpoint=checkpoint,
            cosignatures=cosignatures,
            verified=_verified(last) if last else None,
            refused=self._ledger.refused().get(tenant),
            now=self._now(),
        )

    async def _alarms(self, tenant: str, now: datetime) -> list[Alarms]:
        filters = Filters(kinds=(EntryKind.ALARM.value,), since=now - ALARMS_SINCE)
        by_reason: dict[str, list[StoredEntry]] = defaultdict(list)
        for stored in await self._ledger.search(tenant, filters, limit=_ALARMS_READ):
            if stored.entry.reason not in _NO_CONCERN:
                by_reason[stored.entry.reason].append(stored)
        return [Alarms(reason, len(found), found[0]) for reason, found in by_reason.items()]


def _verified(stored: StoredEntry) -> Verified:
    query = stored.entry.detail.get("query", {})
    return Verified(
        at=stored.entry.at,
        by=stored.entry.agent_name or stored.entry.agent,
        entries=int(stored.entry.detail.get("rows", 0)),
        finding=query.get("finding"),
    )
