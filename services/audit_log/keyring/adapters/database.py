"""The keyring's database: its pool, and rows under a tenant's row-level security."""

import asyncio
import logging
from typing import Any, Final

import asyncpg

from services.audit_log.keyring.adapters.migrations import KEYRING_SCHEMA
from services.audit_log.ledger.application.ports import KeyringUnavailable
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.migrate import check

_log = logging.getLogger("keyring")
_CONNECT_SECONDS: Final = 5.0
_QUERY_SECONDS: Final = 10.0


class KeyringDatabase:
    """Raises KeyringUnavailable for whatever the database does not answer."""

    def __init__(self, urls: DatabaseUrls, connections: int) -> None:
        self._urls, self._connections = urls, connections
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Connects. Raises SchemaMismatch, asyncpg's errors and OSError: a start fails loudly."""
        self._pool = await asyncpg.create_pool(
            self._urls.app,
            min_size=1,
            max_size=self._connections,
            timeout=_CONNECT_SECONDS,
            command_timeout=_QUERY_SECONDS,
            reset=_nothing_to_reset,
        )
        async with self._pool.acquire() as connection:
            for fault in await check(connection, KEYRING_SCHEMA):
                _log.warning("%s", fault)

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


async def _nothing_to_reset(connection: Any) -> None:
    """In place of asyncpg's four statements: nothing but a transaction is ever left behind here."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
