"""How far each tenant's entries were compared with receipts, and which still have none."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.audit_log.assurance.application.completeness import Completeness, Missing, Sweep
from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

_TABLES: Final = {
    "completeness": """
CREATE TABLE IF NOT EXISTS completeness (
  tenant_id text NOT NULL,
  following bigint NOT NULL,
  swept_at timestamptz NOT NULL,
  CONSTRAINT completeness_pkey PRIMARY KEY (tenant_id)
)""",
    "receipt_missing": """
CREATE TABLE IF NOT EXISTS receipt_missing (
  tenant_id text NOT NULL,
  entry bigint NOT NULL,
  service text NOT NULL,
  noticed_at timestamptz NOT NULL,
  CONSTRAINT receipt_missing_pkey PRIMARY KEY (tenant_id, entry)
)""",
}
SCHEMA: Final = [*_TABLES.values(), *(statement for name in _TABLES for statement in tenant_table(name))]
_FOLLOWING: Final = "SELECT following FROM completeness WHERE tenant_id = $1"
_LAST: Final = "SELECT max(idx) AS last FROM ledger_entry WHERE tenant_id = $1 AND idx >= $2 AND idx < $3 AND at < $4"
_MISSING: Final = """
SELECT e.idx, e.service FROM ledger_entry e
WHERE e.tenant_id = $1 AND e.idx >= $2 AND e.idx <= $3 AND e.outcome = 'permit'
  AND (e.kind = 'release' OR (e.kind = 'disclosure' AND e.action = ANY ($4)
    AND EXISTS (SELECT FROM ledger_record r WHERE r.tenant_id = e.tenant_id AND r.idx = e.idx AND r.decision = 'permit')))
  AND NOT EXISTS (SELECT FROM receipt c WHERE c.tenant_id = e.tenant_id AND c.entry = e.idx)
ORDER BY e.idx
"""
_SWEPT: Final = """
INSERT INTO completeness (tenant_id, following, swept_at) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id) DO UPDATE SET
  following = greatest(completeness.following, excluded.following), swept_at = excluded.swept_at
"""
_NOTICED: Final = "INSERT INTO receipt_missing (tenant_id, entry, service, noticed_at) VALUES ($1, $2, $3, $4)"
_STANDING: Final = """
SELECT coalesce((SELECT following FROM completeness WHERE tenant_id = $1), 0) AS checked,
       (SELECT swept_at FROM completeness WHERE tenant_id = $1) AS last_run,
       (SELECT count(*) FROM receipt_missing m WHERE tenant_id = $1
          AND EXISTS (SELECT FROM receipt c WHERE c.tenant_id = $1 AND c.entry = m.entry)) AS settled,
       (SELECT count(*) FROM receipt WHERE tenant_id = $1 AND fault IS NOT NULL) AS faulty,
       (SELECT count(*) FROM receipt WHERE tenant_id = $1) AS receipts
"""
_OPEN: Final = """
SELECT entry, service FROM receipt_missing m WHERE tenant_id = $1
  AND NOT EXISTS (SELECT FROM receipt c WHERE c.tenant_id = $1 AND c.entry = m.entry)
ORDER BY entry DESC LIMIT 200
"""


class PostgresCompleteness:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def sweep(self, tenant: str, actions: Sequence[str], until: datetime, limit: int) -> Sweep:
        rows = await self._store.fetch(tenant, _FOLLOWING, tenant)
        following = int(rows[0]["following"]) if rows else 0
        rows = await self._store.fetch(tenant, _LAST, tenant, following, following + limit, until)
        last = rows[0]["last"]
        if last is None:
            return Sweep(following, 0, ())
        found = await self._store.fetch(tenant, _MISSING, tenant, following, last, list(actions))
        return Sweep(last + 1, last + 1 - following, tuple(Missing(r["idx"], r["service"]) for r in found))

    def swept(self, tenant: str, sweep: Sweep, at: datetime) -> list[Statement]:
        noticed = [Statement(_NOTICED, (tenant, m.entry, m.service, at)) for m in sweep.missing]
        return [Statement(_SWEPT, (tenant, sweep.following, at)), *noticed]

    async def standing(self, tenant: str) -> Completeness:
        (row,) = await self._store.fetch(tenant, _STANDING, tenant)
        still = await self._store.fetch(tenant, _OPEN, tenant)
        return Completeness(
            checked=row["checked"],
            last_run=row["last_run"],
            open=tuple(Missing(r["entry"], r["service"]) for r in still),
            settled=row["settled"],
            faulty=row["faulty"],
            receipts=row["receipts"],
        )
