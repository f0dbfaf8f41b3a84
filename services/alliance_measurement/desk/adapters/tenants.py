"""The one table that is read across tenants: their names and nothing else."""

from typing import Final

from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

TABLES: Final = {
    "assessment_tenant": """
CREATE TABLE IF NOT EXISTS assessment_tenant (
  tenant_id text NOT NULL,
  CONSTRAINT assessment_tenant_pkey PRIMARY KEY (tenant_id)
)
""",
}
READ_ACROSS: Final = (
    "DROP POLICY IF EXISTS assessment_tenant_names ON assessment_tenant",
    "CREATE POLICY assessment_tenant_names ON assessment_tenant FOR SELECT USING (true)",
)

_TENANTS: Final = "SELECT tenant_id FROM assessment_tenant"
_INSERT: Final = "INSERT INTO assessment_tenant (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING"
_NO_TENANT: Final = "-"


class PostgresTenants:
    """`Tenants` over the service's own database."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def names(self) -> list[str]:
        return [row["tenant_id"] for row in await self._store.fetch(_NO_TENANT, _TENANTS)]

    def row(self, tenant: str) -> Statement:
        return Statement(_INSERT, (tenant,))
