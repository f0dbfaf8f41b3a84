"""The keyring's database: its pool, its schema, and rows under a tenant's row-level security."""

import asyncio
from typing import Any, Final

import asyncpg

from services.audit_log.keyring.adapters.schema import SCHEMA
from services.audit_log.ledger.application.ports import KeyringUnavailable
from shared.service.parts import DatabaseUrls

_TURN: Final = (4_011, 2)
"""two-part advisory lock of the migration"""
_CONNECT_SECONDS: Final = 5.0
_QUERY_SECONDS: Final = 10.0


class KeyringDatabase:
    """Raises KeyringUnavailable for whatever the database does not answer."""

    def __init__(self, urls: DatabaseUrls, connections: int) -> None:
        self._urls, self._connections = urls, connections
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Makes the schema as the owner, then connects. Raises asyncpg's errors and OSError: a start fails loudly."""
        await _migrate(self._urls.owner)
        self._pool = await asyncpg.create_pool(
            self._urls.app,
            min_size=1,
            max_size=self._connections,
            timeout=_CONNECT_SECONDS,
            command_timeout=_QUERY_SECONDS,
            reset=_nothing_to_reset,
        )

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    async def rows(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Of a function that sets the tenant itself: one statement, one round trip."""
        try:
            async with self._connected().acquire() as connection:
                return await connection.fetch(sql, *args)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise KeyringUnavailable(f"the keyring's database does not answer ({type(error).__name__})") from None

    async def of_tenant(self, tenant: str, sql: str, *args: Any) -> list[asyncpg.Record]:
        try:
            async with self._connected().acquire() as connection, connection.transaction():
                await connection.execute("SELECT set_config('app.tenant_id', $1, true)", tenant)
                return await connection.fetch(sql, *args)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise KeyringUnavailable(f"the keyring's database does not answer ({type(error).__name__})") from None

    def _connected(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._pool is None:
            raise KeyringUnavailable("the keyring is not open")
        return self._pool


async def _migrate(owner_dsn: str) -> None:
    connection = await asyncpg.connect(owner_dsn)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL client_min_messages = warning")
            await connection.execute(f"SELECT pg_advisory_xact_lock({_TURN[0]}, {_TURN[1]})")
            for statement in SCHEMA:
                await connection.execute(statement)
    finally:
        await connection.close()


async def _nothing_to_reset(connection: Any) -> None:
    """In place of asyncpg's four statements: nothing but a transaction is ever left behind here."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
