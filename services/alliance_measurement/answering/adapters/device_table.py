"""The device that a link was opened on first: a digest, and when."""

from typing import Final
from uuid import UUID

from shared.contracts.records import KeyClass
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.service.erasure import DerivedTable

TABLES: Final = {
    "answering_device": """
CREATE TABLE IF NOT EXISTS answering_device (
  tenant_id text NOT NULL,
  administration_id uuid NOT NULL,
  client_id uuid NOT NULL,
  device text NOT NULL,
  bound_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT answering_device_pkey PRIMARY KEY (tenant_id, administration_id)
)
""",
}
DERIVED: Final = (DerivedTable("answering_device", KeyClass.MEASURES),)
_OF: Final = "SELECT device FROM answering_device WHERE tenant_id = $1 AND administration_id = $2"
_BIND: Final = (
    "INSERT INTO answering_device (tenant_id, administration_id, client_id, device) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT ON CONSTRAINT answering_device_pkey DO NOTHING"
)


class PostgresDevices:
    """`Devices` over the service's own database."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def of(self, tenant: str, administration_id: UUID) -> str | None:
        rows = await self._store.fetch(tenant, _OF, tenant, administration_id)
        return rows[0]["device"] if rows else None

    def row(self, tenant: str, administration_id: UUID, client_id: UUID, device: str) -> Statement:
        return Statement(_BIND, (tenant, administration_id, client_id, device))
