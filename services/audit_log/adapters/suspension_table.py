"""Suspensions of the right to an accounting."""

from datetime import datetime
from typing import Final
from uuid import UUID

from services.audit_log.domain.suspensions import Suspension
from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

SCHEMA: Final = [
    """
CREATE TABLE IF NOT EXISTS accounting_suspension (
  tenant_id text NOT NULL,
  id uuid NOT NULL,
  client_id uuid NOT NULL,
  agency text NOT NULL,
  oral boolean NOT NULL,
  placed_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  CONSTRAINT accounting_suspension_pkey PRIMARY KEY (tenant_id, id)
)""",
    *tenant_table("accounting_suspension"),
]
_STANDING: Final = """
SELECT id, client_id, agency, oral, placed_at, until FROM accounting_suspension
WHERE tenant_id = $1 AND client_id = $2 AND until > $3 ORDER BY until
"""
_PLACED: Final = """
INSERT INTO accounting_suspension (tenant_id, id, client_id, agency, oral, placed_at, until) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


class SuspensionTable:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def standing(self, tenant: str, client_id: str, now: datetime) -> list[Suspension]:
        rows = await self._store.fetch(tenant, _STANDING, tenant, UUID(client_id), now)
        return [Suspension(str(r["id"]), str(r["client_id"]), r["agency"], r["oral"], r["placed_at"], r["until"]) for r in rows]

    def placed(self, tenant: str, s: Suspension) -> Statement:
        return Statement(_PLACED, (tenant, UUID(s.id), UUID(s.client_id), s.agency, s.oral, s.placed_at, s.until))
