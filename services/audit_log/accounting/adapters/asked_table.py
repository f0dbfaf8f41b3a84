"""Requests for an accounting, and what became of each. Rows are added and never changed; reasons stand in the ledger alone."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from services.audit_log.accounting.domain.asked import Asked
from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

_TABLES: Final = {
    "accounting_request": """
CREATE TABLE IF NOT EXISTS accounting_request (
  tenant_id text NOT NULL,
  id uuid NOT NULL,
  client_id uuid NOT NULL,
  asked_on date NOT NULL,
  free boolean NOT NULL,
  entered_by text NOT NULL,
  entered_at timestamptz NOT NULL,
  CONSTRAINT accounting_request_pkey PRIMARY KEY (tenant_id, id)
)""",
    "accounting_step": """
CREATE TABLE IF NOT EXISTS accounting_step (
  tenant_id text NOT NULL,
  request_id uuid NOT NULL,
  step text NOT NULL,
  day date NOT NULL,
  entered_by text NOT NULL,
  entered_at timestamptz NOT NULL,
  CONSTRAINT accounting_step_pkey PRIMARY KEY (tenant_id, request_id, step)
)""",
}
SCHEMA: Final = (
    *_TABLES.values(),
    "CREATE INDEX IF NOT EXISTS accounting_request_client ON accounting_request (tenant_id, client_id)",
    *(statement for name in _TABLES for statement in tenant_table(name)),
)
_SELECT: Final = """SELECT r.id, r.client_id, r.asked_on, r.free, r.entered_by, e.day AS extended_to, a.day AS answered_on
FROM accounting_request r
LEFT JOIN accounting_step e ON e.tenant_id = r.tenant_id AND e.request_id = r.id AND e.step = 'extended'
LEFT JOIN accounting_step a ON a.tenant_id = r.tenant_id AND a.request_id = r.id AND a.step = 'answered'
WHERE r.tenant_id = $1"""
_OF: Final = f"{_SELECT} AND r.client_id = $2 ORDER BY r.asked_on DESC, r.id"
_OPEN: Final = f"{_SELECT} AND a.day IS NULL ORDER BY coalesce(e.day, r.asked_on + 60), r.id LIMIT $2"
_INSERT: Final = """INSERT INTO accounting_request (tenant_id, id, client_id, asked_on, free, entered_by, entered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
_STEP: Final = """INSERT INTO accounting_step (tenant_id, request_id, step, day, entered_by, entered_at)
VALUES ($1, $2, $3, $4, $5, $6)"""


class AskedTable:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def of(self, tenant: str, client_id: str) -> list[Asked]:
        """Newest first."""
        return [_asked(r) for r in await self._store.fetch(tenant, _OF, tenant, UUID(client_id))]

    async def waiting(self, tenant: str, limit: int) -> list[Asked]:
        """Those not answered yet, soonest due first."""
        return [_asked(r) for r in await self._store.fetch(tenant, _OPEN, tenant, limit)]

    def made(self, tenant: str, asked: Asked, at: datetime) -> Statement:
        row = (tenant, UUID(asked.id), UUID(asked.client_id), asked.asked_on, asked.free, asked.entered_by, at)
        return Statement(_INSERT, row)

    def stepped(self, tenant: str, asked: Asked, step: str, day: date, by: str, at: datetime) -> Statement:
        """UniqueViolation where it had this step already."""
        return Statement(_STEP, (tenant, UUID(asked.id), step, day, by, at))


def _asked(r: Mapping[str, Any]) -> Asked:
    return Asked(
        id=str(r["id"]),
        client_id=str(r["client_id"]),
        asked_on=r["asked_on"],
        entered_by=r["entered_by"],
        free=r["free"],
        extended_to=r["extended_to"],
        answered_on=r["answered_on"],
    )
