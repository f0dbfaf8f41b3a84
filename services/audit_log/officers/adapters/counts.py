"""Counts for the pictures: from tables that grow with the ledger, so that a year is as quick as a day (ADR 0028)."""

from datetime import date, datetime
from typing import Any, Final

from services.audit_log.officers.domain.pictures import Dot
from shared.eventstore.store import EventStore

_HEAT: Final = """SELECT extract(isodow FROM hour AT TIME ZONE 'UTC')::int - 1 AS weekday,
  extract(hour FROM hour AT TIME ZONE 'UTC')::int AS hour, sum(times)::bigint AS times
FROM review_hour WHERE tenant_id = $1 AND kind = 'disclosure' AND hour >= $2 AND hour < $3 GROUP BY 1, 2 ORDER BY 1, 2"""
_PEOPLE: Final = """WITH whole AS (
  SELECT date_trunc('month', $2::date + interval '1 month - 1 day')::date AS first, date_trunc('month', $3::date)::date AS until),
counted AS (
  SELECT agent, agent_role, purpose, times FROM review_person_month, whole
  WHERE tenant_id = $1 AND month >= whole.first AND month < whole.until
  UNION ALL
  SELECT agent, agent_role, purpose, times FROM review_person_day, whole
  WHERE tenant_id = $1 AND day >= $2 AND day < least($3, greatest(whole.first, $2))
  UNION ALL
  SELECT agent, agent_role, purpose, times FROM review_person_day, whole
  WHERE tenant_id = $1 AND day >= greatest(whole.until, whole.first, $2) AND day < $3),
of AS (SELECT agent, agent_role, purpose, sum(times)::bigint AS times FROM counted GROUP BY 1, 2, 3),
top AS (SELECT agent, sum(times) AS times FROM of GROUP BY 1 ORDER BY 2 DESC LIMIT $4)
SELECT of.agent, of.agent_role, of.purpose, of.times,
  (SELECT a.name FROM ledger_agent a WHERE a.tenant_id = $1 AND a.sub = of.agent LIMIT 1) AS name
FROM of JOIN top USING (agent) ORDER BY top.times DESC, of.agent, of.times DESC"""
_REFUSED: Final = """SELECT (hour AT TIME ZONE 'UTC')::date AS day, sum(times)::bigint AS times FROM review_hour
WHERE tenant_id = $1 AND kind = 'disclosure' AND outcome = 'deny' AND hour >= $2 AND hour < $3 GROUP BY 1 ORDER BY 1"""
_CLIENT: Final = """SELECT (at AT TIME ZONE 'UTC')::date AS day, agent, agent_role, count(*) AS times,
  count(*) FILTER (WHERE outcome = 'deny') AS refused,
  (SELECT a.name FROM ledger_agent a WHERE a.tenant_id = $1 AND a.sub = agent LIMIT 1) AS name
FROM ledger_entry WHERE tenant_id = $1 AND client_id = $2 AND kind = 'disclosure' AND at >= $3 AND at < $4
GROUP BY 1, 2, 3 ORDER BY 1, 2 LIMIT 5000"""


class Counts:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def heat(self, tenant: str, since: datetime, until: datetime) -> dict[tuple[int, int], int]:
        """(weekday, hour) → uses; 0 is Monday, UTC."""
        rows = await self._store.fetch(tenant, _HEAT, tenant, since, until)
        return {(r["weekday"], r["hour"]): int(r["times"]) for r in rows}

    async def people(self, tenant: str, since: date, until: date, limit: int) -> list[tuple[str, str, str, int]]:
        """Name or id, role, purpose and uses, of those who used most."""
        rows = await self._store.fetch(tenant, _PEOPLE, tenant, since, until, limit)
        return [(_named(r), r["agent_role"], r["purpose"], int(r["times"])) for r in rows]

    async def refused(self, tenant: str, since: datetime, until: datetime) -> dict[date, int]:
        return {r["day"]: int(r["times"]) for r in await self._store.fetch(tenant, _REFUSED, tenant, since, until)}

    async def of_client(self, tenant: str, client_id: str, since: datetime, until: datetime) -> list[Dot]:
        rows = await self._store.fetch(tenant, _CLIENT, tenant, client_id, since, until)
        return [Dot(r["day"], _named(r), int(r["times"]), int(r["refused"])) for r in rows]


def _named(row: Any) -> str:
    if row["agent_role"] == "client":
        return "the client"
    return str(row["name"]).title() if row["name"] else str(row["agent"])
