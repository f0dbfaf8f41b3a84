"""Cases: what nothing explains, grouped by person; an officer asks, decides and says why. Each step is an entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from services.audit_log.erasure.application.erasing_reasons import COMPARE
from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.officers.application.judging import Judging
from services.audit_log.officers.domain.access import Tie
from services.audit_log.officers.domain.explanations import Judged, Mark
from services.audit_log.officers.domain.questions import sentences
from shared.contracts.likeness import Likeness, digest_of
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement, UniqueViolation
from shared.http.call import Call
from shared.http.problems import conflict, forbidden, not_found
from shared.identity.roles import default_purpose

SHOWN: Final = 100
"""questions of one person that a page judges anew and shows, the oldest first; a decision covers no others"""
SHARES_SINCE: Final = timedelta(days=90)

FRESH: Final = timedelta(minutes=10)
"""after which a statement of likeness is not taken any more: the client may have been erased since"""


Place = tuple[int, int, datetime, str]
"""of a person in the list of people to ask: where the next page begins"""


class Decision(StrEnum):
    APPROPRIATE = "appropriate"
    FOLLOW_UP = "follow_up"
    """somebody is going to be asked; the case is not closed by it outside this system"""
    INAPPROPRIATE = "inappropriate"


@dataclass(frozen=True, slots=True)
class Person:
    agent: str
    name: str
    times: int
    clients: int
    first: datetime
    last: datetime
    before: int
    """earlier decisions that found accesses of theirs inappropriate"""

    @property
    def place(self) -> Place:
        return self.before, self.times, self.last, self.agent


@dataclass(frozen=True, slots=True)
class Question:
    index: int
    client_id: str
    at: datetime
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    agent: str
    up_to: int
    """index of the newest access that it covers"""
    decision: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """One client whom the person looked at, with the accesses and what there is to ask."""

    client_id: str
    accesses: tuple[Judged, ...]
    """newest first"""
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    told: tuple[Told, ...]
    """empty where nothing is left to ask"""
    up_to: int
    """index of the newest access told; 0 without any"""
    more: bool
    """newer ones follow, once these are decided or explained"""


class Cases(Protocol):
    async def questions(self, tenant: str, agent: str, limit: int) -> list[Question]:
        """Open ones, the oldest first."""

    async def names(self, tenant: str, agent: str) -> list[str]: ...

    def decided(self, tenant: str, d: Decided) -> list[Statement]: ...

    def tie(self, tenant: str, agent: str, client_id: str, ties: Sequence[Tie], at: datetime) -> Statement: ...


class Deciding:
    def __init__(self, cases: Cases, judging: Judging, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._cases, self._judging, self._ledger, self._now = cases, judging, ledger, now

    async def of(self, tenant: str, agent: str) -> Case:
        """The person's oldest open questions, judged anew, by client."""
        found = await self._cases.questions(tenant, agent, SHOWN + 1)
        open_ones = found[:SHOWN]
        left = await self._judging.again(tenant, {q.index: q.marks for q in open_ones}) if open_ones else []
        by_client: dict[str, list[Judged]] = {}
        for judged in sorted(left, key=lambda j: -j.access.index):
            by_client.setdefault(judged.access.client_id, []).append(judged)
        told = tuple(Told(client, tuple(js), tuple(_said(js))) for client, js in by_client.items())
        return Case(told, max((j.access.index for j in left), default=0), len(found) > SHOWN)

    async def decide(self, call: Call, agent: str, up_to: int, decision: Decision, note: str) -> None:
        """Covers the person's questions up to that entry, as far as a page shows them: its entry names each. Problem 403 for
        one's own, 404, 409 where it was decided."""
        if agent == call.principal.sub:
            raise forbidden("Somebody else has to decide on your own accesses.")
        covered = [q.index for q in await self._cases.questions(call.tenant, agent, SHOWN) if q.index <= up_to]
        if not covered:
            raise not_found("No open question of this person stands there.")
        now = self._now()
        decided = Decided(agent, max(covered), decision.value, call.principal.sub, now)
        detail = {"person": agent, "decision": decision.value, "note": note, "entries": covered, "covered": len(covered)}
        entry = _entry(call, "decide-accesses", decision.value, now, detail)
        try:
            await self._ledger.append(call.tenant, [entry], statements=self._cases.decided(call.tenant, decided))
        except UniqueViolation:
            raise conflict("Somebody was faster: look at it again.") from None

    async def liken(self, call: Call, likeness: Likeness) -> None:
        """Keep the flags that session_notes computed and signed; that they were asked for is an entry. A flag that was set stays:
        nothing said later takes it away. Problem 403 for oneself, 409 for an old statement or another name than the log's."""
        if likeness.sub == call.principal.sub:
            raise forbidden("Somebody else has to ask about you.")
        known = await self._cases.names(call.tenant, likeness.sub) or [likeness.sub]
        if self._now() - likeness.at > FRESH:
            raise conflict("The statement is too old: ask again.")
        if likeness.compared not in map(digest_of, known):
            raise conflict("Another name was compared than the one under which the log knows this person.")
        ties = [t for t in Tie if getattr(likeness, t.value)]
        detail = {"person": likeness.sub, "ties": [t.value for t in ties]}
        entry = _entry(call, COMPARE, "done", self._now(), detail, str(likeness.client_id))
        statement = self._cases.tie(call.tenant, likeness.sub, str(likeness.client_id), ties, likeness.at)
        await self._ledger.append(call.tenant, [entry], statements=[statement])


def _said(found: Sequence[Judged]) -> list[str]:
    marks = {m for j in found for m in j.marks}
    if len({j.access.at.date() for j in found}) > 1:
        marks.add(Mark.REPEATED)
    return sentences(m.value for m in marks)


def _entry(call: Call, action: str, reason: str, at: datetime, detail: dict[str, Any], client_id: str | None = None) -> Entry:
    who = call.principal
    return Entry(
        kind=EntryKind.QUERY,
        at=at,
        action=action,
        outcome="done",
        reason=reason,
        agent=who.sub,
        agent_name=who.name,
        agent_role=who.role.value,
        service=ServiceName.AUDIT_LOG.value,
        request_id=call.request_id,
        client_id=client_id,
        purpose=call.purpose or default_purpose(who.role),
        purpose_defaulted=call.purpose is None,
        detail=detail,
    )
