"""Runs the store's and a service's DDL as the owner: once for each list of statements, one process at a time, all or nothing."""

from collections.abc import Sequence

import asyncpg

from shared.eventstore.schema import base_ddl, digest

_TURN = (4_011, 1)
"""two-part advisory lock: streams lock in the one-part key space"""


async def migrate(owner_dsn: str, ddl: Sequence[str] = ()) -> None:
    """Idempotent statements only: an older process that starts later may run its own list again."""
    statements = [*base_ddl(), *ddl]
    name = digest(statements)
    connection = await asyncpg.connect(owner_dsn)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL client_min_messages = warning")
            await connection.execute(f"SELECT pg_advisory_xact_lock({_TURN[0]}, {_TURN[1]})")
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_applied (digest text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
            )
            if await connection.fetchval("SELECT true FROM schema_applied WHERE digest = $1", name):
                return
            for statement in statements:
                await connection.execute(statement)
            await connection.execute("INSERT INTO schema_applied (digest) VALUES ($1)", name)
    finally:
        await connection.close()
