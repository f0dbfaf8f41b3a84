"""Rows of the ledger's tables: how entries are written, and how a tenant's rows are read under row-level security."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncpg

from services.audit_log.ledger.adapters.keys import check_tenant
from services.audit_log.ledger.domain.entry import Entry
from services.audit_log.ledger.domain.leaf import SALT_SIZE, canonical, commit
from services.audit_log.ledger.domain.payload import Columns, RecordRows, columns_of, payload_of, records_of
from shared.identity.roles import Role

Connection = asyncpg.Connection
Pool = asyncpg.Pool

_CLIENTS: Final = frozenset({Role.CLIENT, Role.REPRESENTATIVE})
DATABASE_ERRORS: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def unavailable(error: BaseException, connection: Connection | None = None) -> bool:
    """Whether an error says nothing about what was asked, only that the database does not answer."""
    if isinstance(error, OSError | TimeoutError | asyncpg.InternalClientError):
        return True
    if isinstance(
        error,
        asyncpg.PostgresConnectionError | asyncpg.OperatorInterventionError | asyncpg.InsufficientResourcesError,
    ):
        return True
    # asyncpg raises InterfaceError both for a closed connection and for arguments that do not fit a statement
    return isinstance(error, asyncpg.InterfaceError) and (connection is None or connection.is_closed())


INSERT: Final = "SELECT ledger_append(" + ", ".join(f"${n}" for n in range(1, 22)) + ")"
"""a statement that is its own transaction, or one of a longer; see `insert_arguments`"""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry in the form in which it is committed to; its index comes later."""

    leaf: bytes
    columns: Columns
    payload: bytes
    salt: bytes
    records: RecordRows
    agent: tuple[str, str] | None
    """name in lower case and `sub`, of staff"""


def row_of(entry: Entry, random: Callable[[int], bytes]) -> EntryRow:
    """Raises NotCanonical or ValueError for an entry that has no canonical form. Clients, and those who act for them, stand in it
    by their ids: whatever name their token carries, this service is not to learn it."""
    if entry.agent_role in _CLIENTS:
        entry = replace(entry, agent_name="")
    payload, salt = canonical(payload_of(entry), entry.detail, entry.policy_sequence), random(SALT_SIZE)
    return EntryRow(
        leaf=commit(salt, payload),
        columns=columns_of(entry),
        payload=payload,
        salt=salt,
        records=records_of(entry),
        agent=(entry.agent_name.casefold(), entry.agent) if entry.agent_name else None,
    )


def insert_arguments(tenant: str, indexes: Sequence[int], rows: Sequence[EntryRow]) -> list[Any]:
    records = [(index, *record) for index, row in zip(indexes, rows, strict=True) for record in row.records]
    agents = sorted({row.agent for row in rows if row.agent is not None})
    columns = list(zip(*(row.columns for row in rows), strict=True))
    return [
        tenant,
        list(indexes),
        [row.leaf for row in rows],
        *map(list, columns),
        [row.payload for row in rows],
        [row.salt for row in rows],
        *map(list, zip(*records, strict=True) if records else ((), (), (), ())),
        *map(list, zip(*agents, strict=True) if agents else ((), ())),
    ]


def begin(tenant: str) -> str:
    """Opens a transaction under the tenant's row-level security, in one round trip."""
    return f"BEGIN; {as_tenant(tenant)}"


def as_tenant(tenant: str) -> str:
    return f"SET LOCAL app.tenant_id = '{check_tenant(tenant)}'"


@asynccontextmanager
async def reading(pool: Pool, tenant: str) -> AsyncIterator[Connection]:
    """One snapshot of a tenant's rows."""
    async with pool.acquire() as connection:
        await connection.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {as_tenant(tenant)}")
        try:
            yield connection  # type: ignore[misc]  # the pool's proxy has the connection's interface
        finally:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
