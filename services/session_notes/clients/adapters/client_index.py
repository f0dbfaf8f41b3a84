"""The index of clients in PostgreSQL."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from services.session_notes.clients.application.client_index import Token, Work
from services.session_notes.clients.domain.lookup import SPELLING
from shared.contracts.disclosure import IndexField
from shared.contracts.records import KeyClass
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.service.erasure import ERASURES_STREAM, erased_clients

_CANDIDATES: Final = (
    "SELECT DISTINCT client_id FROM client_index WHERE tenant_id = $1 AND field = $2 "
    "AND (kid, token) IN (SELECT * FROM unnest($3::text[], $4::bytea[])) ORDER BY client_id LIMIT $5"
)
_WORK: Final = "SELECT kid, after, done, spelling FROM client_index_work WHERE tenant_id = $1"
_TENANTS: Final = "SELECT tenant_id FROM client_index_tenant"
_TENANT: Final = "INSERT INTO client_index_tenant (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING"
_CLIENTS: Final = (
    "SELECT client_id FROM client WHERE tenant_id = $1 AND ($2::uuid IS NULL OR client_id > $2) ORDER BY client_id LIMIT $3"
)
_ADD: Final = "INSERT INTO client_index (tenant_id, client_id, field, kid, token) VALUES ($1, $2, $3, $4, $5)"
_BEGUN: Final = (
    "INSERT INTO client_index_work (tenant_id, kid, done, spelling) "
    "VALUES ($1, $2, NOT EXISTS (SELECT FROM client WHERE tenant_id = $1), $3) ON CONFLICT (tenant_id) DO NOTHING"
)
_UNDER: Final = (
    "INSERT INTO client_index_work (tenant_id, kid, done, spelling) VALUES ($1, $2, false, $3) "
    "ON CONFLICT (tenant_id) DO UPDATE SET kid = $2, after = NULL, done = false, spelling = $3 "
    "WHERE (client_index_work.kid, client_index_work.spelling) <> ($2, $3)"
)
_FORGET: Final = "DELETE FROM client_index WHERE tenant_id = $1 AND client_id = ANY($2::uuid[])"
_MAKE: Final = (
    "INSERT INTO client_index (tenant_id, client_id, field, kid, token) "  # noqa: S608
    "SELECT $1, new.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[]) AS new (client_id, field, kid, token) "
    f"WHERE client_id NOT IN ({erased_clients('$1', '$6', '$7')})"
)
_ON: Final = "UPDATE client_index_work SET after = $3 WHERE tenant_id = $1 AND kid = $2"
_DONE: Final = "UPDATE client_index_work SET done = true WHERE tenant_id = $1 AND kid = $2"
_NO_TENANT: Final = "-"


class PostgresClientIndex:
    """`ClientIndex`."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def candidates(self, tenant: str, field: IndexField, tokens: Sequence[tuple[str, bytes]], limit: int) -> list[UUID]:
        kids, found = [kid for kid, _ in tokens], [token for _, token in tokens]
        rows = await self._store.fetch(tenant, _CANDIDATES, tenant, str(field), kids, found, limit)
        return [row["client_id"] for row in rows]

    async def work(self, tenant: str) -> Work | None:
        rows = await self._store.fetch(tenant, _WORK, tenant)
        return Work(rows[0]["kid"], rows[0]["after"], rows[0]["done"], rows[0]["spelling"]) if rows else None

    async def tenants(self) -> list[str]:
        return [row["tenant_id"] for row in await self._store.fetch(_NO_TENANT, _TENANTS)]

    async def clients_after(self, tenant: str, after: UUID | None, limit: int) -> list[UUID]:
        return [row["client_id"] for row in await self._store.fetch(tenant, _CLIENTS, tenant, after, limit)]

    def rows_of(self, tenant: str, tokens: Sequence[Token]) -> tuple[Statement, ...]:
        return tuple(Statement(_ADD, (tenant, t.client_id, str(t.field), t.kid, t.token)) for t in tokens)

    def begun(self, tenant: str, kid: str) -> tuple[Statement, ...]:
        return Statement(_BEGUN, (tenant, kid, SPELLING)), Statement(_TENANT, (tenant,))

    def under(self, tenant: str, kid: str) -> tuple[Statement, ...]:
        return Statement(_UNDER, (tenant, kid, SPELLING)), Statement(_TENANT, (tenant,))

    def made_anew(self, tenant: str, work: Work, clients: Sequence[UUID], tokens: Sequence[Token]) -> tuple[Statement, ...]:
        whose, fields = [t.client_id for t in tokens], [str(t.field) for t in tokens]
        columns = (whose, fields, [t.kid for t in tokens], [t.token for t in tokens])
        return (
            Statement(_FORGET, (tenant, list(clients))),
            Statement(_MAKE, (tenant, *columns, ERASURES_STREAM, str(KeyClass.IDENTITY))),
            Statement(_ON, (tenant, work.kid, clients[-1])),
        )

    def finished(self, tenant: str, work: Work) -> Statement:
        return Statement(_DONE, (tenant, work.kid))
