"""The turns of conditional creates: counters alone."""

from typing import Final
from uuid import UUID

from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

DDL: Final = (
    """
CREATE TABLE IF NOT EXISTS conditional_creates (
  tenant_id text NOT NULL,
  client_id uuid NOT NULL,
  turn bigint NOT NULL,
  CONSTRAINT conditional_creates_pkey PRIMARY KEY (tenant_id, client_id, turn)
)
""",
    *tenant_table("conditional_creates"),
)
_NEXT: Final = "SELECT coalesce(max(turn), 0) + 1 AS turn FROM conditional_creates WHERE tenant_id = $1 AND client_id = $2"
_TAKE: Final = "INSERT INTO conditional_creates (tenant_id, client_id, turn) VALUES ($1, $2, $3)"


class PostgresConditionalCreates:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def turn(self, tenant: str, client_id: UUID) -> int:
        rows = await self._store.fetch(tenant, _NEXT, tenant, client_id)
        return int(rows[0]["turn"])

    def taken(self, tenant: str, client_id: UUID, turn: int) -> Statement:
        return Statement(_TAKE, (tenant, client_id, turn))
