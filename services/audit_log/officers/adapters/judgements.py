"""Entries not judged yet, what is known around them, and what became of them: in the service's own database."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.audit_log.ledger.domain.payload import entry_of
from services.audit_log.officers.adapters.open_questions import counted
from services.audit_log.officers.application.judging import BREATH
from services.audit_log.officers.domain.access import Access, Tie, Work
from services.audit_log.officers.domain.explanations import UNEXPLAINED, Judged
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_READING: Final = "('read', 'search', 'export')"
_NO_PERSON: Final = "('client', 'representative', 'job', 'link', 'service', 'operator')"
_NEXT: Final = "SELECT coalesce(max(until), 0) AS next FROM review_batch WHERE tenant_id = $1"
_END: Final = """SELECT coalesce((SELECT max(idx) + 1 FROM ledger_entry WHERE tenant_id = $1), 0) AS size,
  (SELECT count(*) FROM (
    SELECT FROM ledger_entry WHERE tenant_id = $1 AND idx >= $2 AND kind = 'disclosure' LIMIT 20000) AS found) AS uses"""
_ACCESSES: Final = f"""SELECT e.idx, p.payload FROM ledger_entry e JOIN ledger_payload p USING (tenant_id, idx)
WHERE e.tenant_id = $1 AND {{which}} AND e.kind = 'disclosure' AND e.outcome = 'permit' AND e.client_id IS NOT NULL
  AND e.action IN {_READING} AND e.agent_role NOT IN {_NO_PERSON} ORDER BY e.idx"""  # noqa: S608
_BATCH: Final = _ACCESSES.format(which="e.idx >= $2 AND e.idx < $3")
_SOME: Final = _ACCESSES.format(which="e.idx = ANY ($2)")
_WORK: Final = """SELECT record_id, client_id, record_type, author, labels, created_at FROM record
WHERE tenant_id = $1 AND client_id = ANY ($2::uuid[]) ORDER BY created_at"""
_TIES: Final = "SELECT agent, client_id, ties FROM review_tie WHERE tenant_id = $1 AND client_id = ANY ($2)"
_REFUSED: Final = """SELECT agent, client_id, at FROM ledger_entry
WHERE tenant_id = $1 AND outcome = 'deny' AND kind = 'disclosure' AND agent = ANY ($2) AND at >= $3 AND at <= $4
  AND client_id IS NOT NULL"""
_JUSTIFIED: Final = "SELECT grant_id FROM grant_decision WHERE tenant_id = $1 AND decision = 'justified' AND grant_id = ANY ($2)"
_AROUND: Final = f"""SELECT idx, agent, client_id, action, at FROM ledger_entry
WHERE tenant_id = $1 AND kind = 'disclosure' AND at >= $2 AND at <= $3 AND agent_role NOT IN {_NO_PERSON}
ORDER BY at LIMIT 50000"""  # noqa: S608
_HOURS: Final = """SELECT extract(hour FROM hour AT TIME ZONE 'UTC')::int AS hour, sum(times)::bigint AS times FROM review_hour
WHERE tenant_id = $1 AND kind = 'disclosure' AND hour >= $2 GROUP BY 1"""

_TAKE: Final = "INSERT INTO review_batch (tenant_id, first, until) VALUES ($1, $2, $3)"
_COUNT_HOURS: Final = """INSERT INTO review_hour (tenant_id, hour, kind, outcome, times)
SELECT tenant_id, date_trunc('hour', at), kind, outcome, count(*) FROM ledger_entry
WHERE tenant_id = $1 AND idx >= $2 AND idx < $3 GROUP BY 1, 2, 3, 4
ON CONFLICT ON CONSTRAINT review_hour_pkey DO UPDATE SET times = review_hour.times + excluded.times"""
_COUNT_PEOPLE: Final = """INSERT INTO review_person_{span} (tenant_id, {span}, agent, agent_role, purpose, times)
SELECT tenant_id, date_trunc('{span}', at AT TIME ZONE 'UTC')::date, agent, agent_role, coalesce(purpose, ''), count(*)
FROM ledger_entry WHERE tenant_id = $1 AND idx >= $2 AND idx < $3 AND kind = 'disclosure' GROUP BY 1, 2, 3, 4, 5
ON CONFLICT ON CONSTRAINT review_person_{span}_pkey DO UPDATE SET times = review_person_{span}.times + excluded.times"""
_COUNT_GROUNDS: Final = """INSERT INTO review_ground (tenant_id, day, ground, times)
SELECT $1, * FROM unnest($2::date[], $3::text[], $4::bigint[])
ON CONFLICT ON CONSTRAINT review_ground_pkey DO UPDATE SET times = review_ground.times + excluded.times"""
_ASK: Final = """INSERT INTO review_question (tenant_id, idx, agent, client_id, at, marks)
SELECT $1, idx, agent, client_id, at, string_to_array(marks, ' ')
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]) AS q (idx, agent, client_id, at, marks)"""
_MARK: Final = """UPDATE review_question q SET marks = string_to_array(n.marks, ' ')
FROM unnest($2::bigint[], $3::text[]) AS n (idx, marks) WHERE q.tenant_id = $1 AND q.idx = n.idx"""
_ANSWERED: Final = f"""WITH gone AS (
  DELETE FROM review_question WHERE tenant_id = $1 AND idx = ANY ($2::bigint[]) RETURNING idx),
answered AS (SELECT * FROM unnest($2::bigint[], $3::date[], $4::text[]) AS a (idx, day, ground) JOIN gone USING (idx))
INSERT INTO review_ground (tenant_id, day, ground, times)
SELECT $1, day, ground, sum(times) FROM (
  SELECT day, ground, 1 AS times FROM answered UNION ALL SELECT day, '{UNEXPLAINED}', -1 FROM answered) AS moved
GROUP BY 2, 3
ON CONFLICT ON CONSTRAINT review_ground_pkey DO UPDATE SET times = review_ground.times + excluded.times"""  # noqa: S608
"""counted by whoever takes the question away, so that two officers at once count it once"""


class Judgements:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def span(self, tenant: str) -> tuple[int, int, int]:
        """The next index to judge, the length of the log, and how many uses of records are between them (20,000 at most)."""
        (at,) = await self._store.fetch(tenant, _NEXT, tenant)
        (end,) = await self._store.fetch(tenant, _END, tenant, at["next"])
        return int(at["next"]), int(end["size"]), int(end["uses"])

    async def accesses(self, tenant: str, first: int, until: int) -> list[Access]:
        return await _accesses(await self._store.fetch(tenant, _BATCH, tenant, first, until))

    async def some(self, tenant: str, indexes: Sequence[int]) -> list[Access]:
        """Those whose words are still there, in order of index."""
        return await _accesses(await self._store.fetch(tenant, _SOME, tenant, list(indexes)))

    async def work(self, tenant: str, clients: Sequence[str]) -> tuple[dict[str, list[Work]], dict[str, set[str]]]:
        """What was written about each client, and the labels it carries."""
        work: dict[str, list[Work]] = defaultdict(list)
        labels: dict[str, set[str]] = defaultdict(set)
        for place, r in enumerate(await self._store.fetch(tenant, _WORK, tenant, [UUID(c) for c in clients])):
            if place % (10 * BREATH) == 0:
                await asyncio.sleep(0)
            client = str(r["client_id"])
            work[client].append(Work(str(r["record_id"]), r["author"] or "", r["record_type"], r["created_at"]))
            labels[client].update(r["labels"])
        return work, labels

    async def ties(self, tenant: str, clients: Sequence[str]) -> dict[str, dict[str, frozenset[Tie]]]:
        found: dict[str, dict[str, frozenset[Tie]]] = defaultdict(dict)
        for r in await self._store.fetch(tenant, _TIES, tenant, list(clients)):
            found[r["client_id"]][r["agent"]] = frozenset(map(Tie, r["ties"]))
        return found

    async def refused(
        self, tenant: str, agents: Sequence[str], since: datetime, until: datetime
    ) -> dict[str, dict[str, tuple[datetime, ...]]]:
        """Client → person → when they were refused."""
        found: dict[str, dict[str, tuple[datetime, ...]]] = defaultdict(dict)
        for r in await self._store.fetch(tenant, _REFUSED, tenant, list(agents), since, until):
            of_client = found[r["client_id"]]
            of_client[r["agent"]] = (*of_client.get(r["agent"], ()), r["at"])
        return found

    async def justified(self, tenant: str, grants: Iterable[str]) -> frozenset[str]:
        wanted = [UUID(g) for g in grants]
        if not wanted:
            return frozenset()
        return frozenset(str(r["grant_id"]) for r in await self._store.fetch(tenant, _JUSTIFIED, tenant, wanted))

    async def around(self, tenant: str, since: datetime, until: datetime) -> list[Mapping[str, Any]]:
        """Uses by people in that time: idx, agent, client_id, action, at; oldest first."""
        return await self._store.fetch(tenant, _AROUND, tenant, since, until)

    async def hours(self, tenant: str, since: datetime) -> dict[int, int]:
        """Uses by hour of the day (UTC)."""
        return {r["hour"]: int(r["times"]) for r in await self._store.fetch(tenant, _HOURS, tenant, since)}

    async def keep(self, tenant: str, first: int, until: int, judged: Sequence[Judged]) -> None:
        """A batch, all or nothing. UniqueViolation where another process took it."""
        statements = [
            Statement(_TAKE, (tenant, first, until)),
            Statement(_COUNT_HOURS, (tenant, first, until)),
            *(Statement(_COUNT_PEOPLE.format(span=span), (tenant, first, until)) for span in ("day", "month")),
            *_grounds(tenant, judged),
            *_asked(tenant, [j for j in judged if j.explanation is None]),
        ]
        await self._store.append(tenant, [], statements=statements)

    async def again(self, tenant: str, judged: Sequence[Judged]) -> None:
        """Questions that were judged anew, and otherwise than before: those that are explained by now leave."""
        statements: list[Statement] = []
        marked = [j for j in judged if j.explanation is None]
        if marked:
            statements.append(Statement(_MARK, (tenant, [j.access.index for j in marked], [_marks(j) for j in marked])))
        answered = [(j.access, j.explanation) for j in judged if j.explanation is not None]
        if answered:
            days, grounds = [a.at.date() for a, _ in answered], [e.ground.value for _, e in answered]
            statements.append(Statement(_ANSWERED, (tenant, [a.index for a, _ in answered], days, grounds)))
            statements += counted(tenant, (a.agent for a, _ in answered))
        if statements:
            await self._store.append(tenant, [], statements=statements)


async def _accesses(rows: Sequence[Mapping[str, Any]]) -> list[Access]:
    found = []
    for place, row in enumerate(rows):
        if place % BREATH == 0:
            await asyncio.sleep(0)
        found.append(_access(row["idx"], row["payload"]))
    return found


def _access(index: int, payload: bytes) -> Access:
    entry = entry_of(payload)
    return Access(
        index=index,
        at=entry.at,
        agent=entry.agent,
        name=entry.agent_name,
        role=entry.agent_role,
        client_id=entry.client_id or "",
        action=entry.action,
        purpose=entry.purpose or "",
        records=tuple(r.record_id for r in entry.records),
        record_types=frozenset(r.record_type for r in entry.records),
        grant=next((b.partition(":")[2] for b in entry.basis if b.startswith("grant:")), None),
    )


def _grounds(tenant: str, judged: Sequence[Judged]) -> list[Statement]:
    counts: dict[tuple[Any, str], int] = defaultdict(int)
    for j in judged:
        counts[j.access.at.date(), j.explanation.ground.value if j.explanation else UNEXPLAINED] += 1
    if not counts:
        return []
    days, grounds = zip(*sorted(counts), strict=True)
    return [Statement(_COUNT_GROUNDS, (tenant, list(days), list(grounds), [counts[k] for k in sorted(counts)]))]


def _asked(tenant: str, judged: Sequence[Judged]) -> list[Statement]:
    if not judged:
        return []
    found = [j.access for j in judged]
    marks = [_marks(j) for j in judged]
    columns = ([a.index for a in found], [a.agent for a in found], [a.client_id for a in found], [a.at for a in found], marks)
    return [Statement(_ASK, (tenant, *columns)), *counted(tenant, (a.agent for a in found))]


def _marks(judged: Judged) -> str:
    return " ".join(m.value for m in judged.marks)
