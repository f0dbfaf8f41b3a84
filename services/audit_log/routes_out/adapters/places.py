"""How far each route came in each log."""

from typing import Final

from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

SCHEMA: Final = [
    """
CREATE TABLE IF NOT EXISTS route_place (
  tenant_id text NOT NULL,
  route text NOT NULL,
  following bigint NOT NULL,
  CONSTRAINT route_place_pkey PRIMARY KEY (tenant_id, route)
)""",
    *tenant_table("route_place"),
]
_PLACE: Final = "SELECT following FROM route_place WHERE tenant_id = $1 AND route = $2"
_MOVED: Final = """
INSERT INTO route_place (tenant_id, route, following) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, route) DO UPDATE SET following = greatest(route_place.following, excluded.following)
"""
_END: Final = "SELECT coalesce(max(idx) + 1, 0) AS following FROM ledger_entry WHERE tenant_id = $1"


class PostgresRoutePlaces:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def place(self, tenant: str, route: str) -> int | None:
        rows = await self._store.fetch(tenant, _PLACE, tenant, route)
        return int(rows[0]["following"]) if rows else None

    def moved(self, tenant: str, route: str, following: int) -> Statement:
        return Statement(_MOVED, (tenant, route, following))

    async def end(self, tenant: str) -> int:
        return int((await self._store.fetch(tenant, _END, tenant))[0]["following"])
