"""Connections of the app role, and a transaction on one of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

CONNECT_SECONDS = 5.0
_QUERY_SECONDS = 30.0


async def connect(dsn: str, size: int) -> "asyncpg.Pool[asyncpg.Record]":
    """At most `size` connections, made when they are needed; one is tried. Raises asyncpg's errors and OSError."""
    pool = await asyncpg.create_pool(
        dsn, min_size=0, max_size=size, timeout=CONNECT_SECONDS, command_timeout=_QUERY_SECONDS, reset=_nothing
    )
    async with pool.acquire():
        return pool


@asynccontextmanager
async def transaction(pool: "asyncpg.Pool[asyncpg.Record]", begin: str = "BEGIN") -> AsyncIterator[Any]:
    """A connection inside a transaction that `begin` opens; committed at the end, rolled back by any error."""
    async with pool.acquire() as connection:
        await connection.execute(begin)
        try:
            yield connection
        except BaseException:
            with suppress(Exception):
                await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")


async def _nothing(connection: Any) -> None:
    """In place of asyncpg's reset: four statements, 30 % of the CPU. No session state is ever set on these connections."""
