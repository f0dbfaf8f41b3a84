"""What needs a person, counted from the ledger's columns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from services.audit_log.ledger.adapters.search import SELECT, stored_entry
from services.audit_log.ledger.application.ledger_view import StoredEntry
from services.audit_log.officers.application.today import Alarms, Repeated
from shared.eventstore.store import EventStore

_REFUSED: Final = """
SELECT agent, agent_role, client_id, count(*) AS times, max(at) AS last, max(idx) AS idx,
  (SELECT a.name FROM ledger_agent a WHERE a.tenant_id = $1 AND a.sub = e.agent LIMIT 1) AS name
FROM ledger_entry e
WHERE tenant_id = $1 AND outcome = 'deny' AND kind = 'disclosure' AND at >= $2
GROUP BY agent, agent_role, client_id HAVING count(*) >= $3 ORDER BY times DESC, last DESC LIMIT $4"""
_SIZE: Final = "SELECT coalesce(max(idx) + 1, 0) AS size FROM ledger_entry WHERE tenant_id = $1"
_VERIFIED: Final = f"""{SELECT}
WHERE e.tenant_id = $1 AND e.action = 'verify-ledger' AND e.outcome = 'permit' ORDER BY e.at DESC LIMIT 1"""
_ALARMS: Final = """SELECT reason, count(*) AS times, max(idx) AS idx FROM (
  SELECT e.idx, coalesce(convert_from(p.payload, 'UTF8')::json ->> 'reason', '') AS reason
  FROM ledger_entry e LEFT JOIN ledger_payload p USING (tenant_id, idx)
  WHERE e.tenant_id = $1 AND e.kind = 'alarm' AND e.at >= $2) AS raised GROUP BY reason ORDER BY idx DESC"""
_THESE: Final = f"{SELECT} WHERE e.tenant_id = $1 AND e.idx = ANY ($2)"


class Attention:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def repeated_refusals(self, tenant: str, since: datetime, *, least: int, limit: int) -> list[Repeated]:
        return [_repeated(r) for r in await self._store.fetch(tenant, _REFUSED, tenant, since, least, limit)]

    async def alarms(self, tenant: str, since: datetime) -> list[Alarms]:
        kinds = await self._store.fetch(tenant, _ALARMS, tenant, since)
        rows = await self._store.fetch(tenant, _THESE, tenant, [k["idx"] for k in kinds])
        newest = {r["idx"]: stored_entry(r) for r in rows}
        return [Alarms(k["reason"], k["times"], newest[k["idx"]]) for k in kinds]

    async def size(self, tenant: str) -> int:
        (row,) = await self._store.fetch(tenant, _SIZE, tenant)
        return int(row["size"])

    async def last_verification(self, tenant: str) -> StoredEntry | None:
        rows = await self._store.fetch(tenant, _VERIFIED, tenant)
        return stored_entry(rows[0]) if rows else None


def _repeated(row: Mapping[str, Any]) -> Repeated:
    return Repeated(
        agent=row["agent"],
        name=(row["name"] or "").title(),
        role=row["agent_role"],
        client_id=row["client_id"],
        times=row["times"],
        last=row["last"],
        index=row["idx"],
    )
