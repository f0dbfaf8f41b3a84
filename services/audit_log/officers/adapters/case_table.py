"""Open questions by person, what was decided, and the flags of likeness."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.audit_log.officers.adapters.open_questions import counted
from services.audit_log.officers.application.cases import Decided, Person, Place, Question
from services.audit_log.officers.domain.access import Tie
from services.audit_log.officers.domain.explanations import LIKENESS_MARKS, UNEXPLAINED
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_PEOPLE: Final = """SELECT * FROM (
  SELECT agent, times, clients, first, last,
    (SELECT a.name FROM ledger_agent a WHERE a.tenant_id = $1 AND a.sub = o.agent LIMIT 1) AS name,
    (SELECT count(*) FROM review_decision d
     WHERE d.tenant_id = $1 AND d.agent = o.agent AND d.decision = 'inappropriate') AS before
  FROM review_open o WHERE tenant_id = $1 AND times > 0) AS people
WHERE $3::bigint IS NULL OR (before, times, last, agent) < ($3, $4, $5, $6)
ORDER BY before DESC, times DESC, last DESC, agent DESC LIMIT $2"""
_COUNT: Final = "SELECT count(*) AS people FROM review_open WHERE tenant_id = $1 AND times > 0"
_OF: Final = """SELECT idx, client_id, at, marks FROM review_question q WHERE q.tenant_id = $1 AND q.agent = $2
  AND q.idx > coalesce((SELECT max(up_to) FROM review_decision d WHERE d.tenant_id = $1 AND d.agent = $2), -1)
  AND EXISTS (SELECT FROM ledger_payload p WHERE p.tenant_id = q.tenant_id AND p.idx = q.idx) ORDER BY idx LIMIT $3"""
"""without those whose words are gone: nothing can be shown of them"""
_GROUNDS: Final = """SELECT ground, sum(times)::bigint AS times FROM review_ground WHERE tenant_id = $1 AND day >= $2
GROUP BY ground ORDER BY times DESC"""
_DECISIONS: Final = """SELECT agent, up_to, decision, decided_by, decided_at FROM review_decision
WHERE tenant_id = $1 AND ($2::text IS NULL OR agent = $2) ORDER BY decided_at DESC LIMIT $3"""
_NAMES: Final = "SELECT name FROM ledger_agent WHERE tenant_id = $1 AND sub = $2 ORDER BY name"
_DECIDE: Final = """INSERT INTO review_decision (tenant_id, agent, up_to, decision, decided_by, decided_at)
VALUES ($1, $2, $3, $4, $5, $6)"""
_TIE: Final = """INSERT INTO review_tie (tenant_id, agent, client_id, ties, computed_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT review_tie_pkey DO UPDATE SET computed_at = greatest(review_tie.computed_at, excluded.computed_at),
  ties = (SELECT coalesce(array_agg(DISTINCT t ORDER BY t), '{}') FROM unnest(review_tie.ties || excluded.ties) AS t)"""
"""a statement adds ties and never takes one away (ADR 0027)"""
_LIKE: Final = """SELECT FROM review_tie WHERE tenant_id = $1 AND client_id = $2
UNION ALL SELECT FROM review_question WHERE tenant_id = $1 AND client_id = $2 AND marks && $3 LIMIT 1"""
_UNTIE: Final = "DELETE FROM review_tie WHERE tenant_id = $1 AND client_id = $2"
_UNMARK: Final = """UPDATE review_question SET marks = ARRAY(SELECT m FROM unnest(marks) AS m WHERE m <> ALL ($3))
WHERE tenant_id = $1 AND client_id = $2 AND marks && $3"""


class CaseTable:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def people(self, tenant: str, limit: int, after: Place | None = None) -> list[Person]:
        """Those found out before come first, then those with the most questions."""
        rows = await self._store.fetch(tenant, _PEOPLE, tenant, limit, *(after or (None, None, None, None)))
        return [_person(r) for r in rows]

    async def open(self, tenant: str) -> int:
        """People with questions that nobody has decided on."""
        (row,) = await self._store.fetch(tenant, _COUNT, tenant)
        return int(row["people"])

    async def questions(self, tenant: str, agent: str, limit: int) -> list[Question]:
        """Open ones, the oldest first."""
        rows = await self._store.fetch(tenant, _OF, tenant, agent, limit)
        return [Question(r["idx"], r["client_id"], r["at"], tuple(r["marks"])) for r in rows]

    async def shares(self, tenant: str, since: datetime) -> tuple[list[tuple[str, int]], int]:
        """Accesses by what explains them, and how many nothing explains."""
        counts = {r["ground"]: int(r["times"]) for r in await self._store.fetch(tenant, _GROUNDS, tenant, since.date())}
        unexplained = counts.pop(UNEXPLAINED, 0)
        return list(counts.items()), unexplained

    async def decisions(self, tenant: str, agent: str | None, limit: int) -> list[Decided]:
        rows = await self._store.fetch(tenant, _DECISIONS, tenant, agent, limit)
        return [Decided(r["agent"], r["up_to"], r["decision"], r["decided_by"], r["decided_at"]) for r in rows]

    async def name(self, tenant: str, agent: str) -> str:
        """The name under which a member of staff acted, in title case; empty where none is known."""
        known = await self.names(tenant, agent)
        return known[0].title() if known else ""

    async def names(self, tenant: str, agent: str) -> list[str]:
        """All under which they acted, case folded."""
        return [str(r["name"]) for r in await self._store.fetch(tenant, _NAMES, tenant, agent)]

    def decided(self, tenant: str, d: Decided) -> list[Statement]:
        return [Statement(_DECIDE, (tenant, d.agent, d.up_to, d.decision, d.by, d.at)), *counted(tenant, [d.agent])]

    def tie(self, tenant: str, agent: str, client_id: str, ties: Sequence[Tie], at: datetime) -> Statement:
        return Statement(_TIE, (tenant, agent, client_id, sorted(t.value for t in ties), at))

    async def known(self, tenant: str, client_id: str) -> bool:
        """Whether anybody is marked as like the client."""
        return bool(await self._store.fetch(tenant, _LIKE, tenant, client_id, sorted(LIKENESS_MARKS)))

    def forgotten(self, tenant: str, client_id: str) -> list[Statement]:
        """Takes those flags and marks away, with the client's identity. Safe to repeat."""
        return [
            Statement(_UNTIE, (tenant, client_id)),
            Statement(_UNMARK, (tenant, client_id, sorted(LIKENESS_MARKS))),
        ]


def _person(r: Mapping[str, Any]) -> Person:
    name = str(r["name"] or "").title()
    return Person(r["agent"], name, r["times"], r["clients"], r["first"], r["last"], r["before"])
