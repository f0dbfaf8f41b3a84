"""Runs of the retention clock, and what is due."""

from datetime import datetime
from typing import Final

from services.audit_log.assurance.application.retention_clock import Due, RetentionRun
from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

SCHEMA: Final = [
    """
CREATE TABLE IF NOT EXISTS retention_run (
  tenant_id text NOT NULL,
  at timestamptz NOT NULL,
  years int,
  erased bigint NOT NULL,
  held bigint NOT NULL,
  CONSTRAINT retention_run_pkey PRIMARY KEY (tenant_id, at)
)""",
    *tenant_table("retention_run"),
]
_LAST: Final = "SELECT at, years, erased, held FROM retention_run WHERE tenant_id = $1 ORDER BY at DESC LIMIT 1"
_DUE: Final = """
SELECT e.idx, e.client_id FROM ledger_entry e JOIN ledger_payload p USING (tenant_id, idx)
WHERE e.tenant_id = $1 AND e.at < $2 AND e.idx > $3 AND e.kind <> 'erasure' ORDER BY e.idx LIMIT $4
"""
_RAN: Final = "INSERT INTO retention_run (tenant_id, at, years, erased, held) VALUES ($1, $2, $3, $4, $5)"


class PostgresRetention:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def last_run(self, tenant: str) -> RetentionRun | None:
        rows = await self._store.fetch(tenant, _LAST, tenant)
        return RetentionRun(rows[0]["at"], rows[0]["years"], rows[0]["erased"], rows[0]["held"]) if rows else None

    async def due(self, tenant: str, before: datetime, after: int, limit: int) -> list[Due]:
        rows = await self._store.fetch(tenant, _DUE, tenant, before, after, limit)
        return [Due(r["idx"], r["client_id"]) for r in rows]

    def ran(self, tenant: str, run: RetentionRun) -> Statement:
        return Statement(_RAN, (tenant, run.at, run.years, run.erased, run.held))
