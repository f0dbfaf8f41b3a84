"""The outbox as the relay sees it: rows of every tenant in the order of the fence, for the one process that leads."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.eventstore.failures import store_error
from shared.eventstore.model import StoreUnavailable

_LEADER = (4_011, 2)
"""two-part advisory lock: streams lock in the one-part key space"""
_COLUMNS = "id, tenant_id, event_id, aggregatetype, aggregateid, type, schema_version, stream, sequence, payload, created_at"
# Rows of transactions this cluster has not reached come from a dump of another: they are older than all it wrote itself.
_PENDING = f"""
(SELECT {_COLUMNS} FROM outbox WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint ORDER BY xid, id LIMIT $1)
UNION ALL
(SELECT {_COLUMNS} FROM outbox WHERE xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid, id LIMIT $1)
LIMIT $1
"""  # noqa: S608
_OLDEST = "SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM outbox ORDER BY id LIMIT 1"
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    id: int
    tenant_id: str
    event_id: UUID
    """message id"""
    aggregatetype: str
    """topic"""
    aggregateid: str
    """key: `tenant/client_id`"""
    type: str
    schema_version: int
    stream: str
    sequence: int
    """version of the event in its stream"""
    payload: bytes
    created_at: datetime


class Outbox:
    """One connection of the relay role. Leadership is an advisory lock of that very connection: it ends with it."""

    def __init__(self, relay_url: str) -> None:
        self._url = relay_url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._leads = False
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        """Optional: `lead` connects as well. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            await self._connected()

    async def close(self) -> None:
        """Gives the lead up. Idempotent."""
        connection, self._connection, self._leads = self._connection, None, False
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def lead(self) -> bool:
        """Whether this process leads; ask again after False. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            connection = await self._connected()
            if not self._leads:
                try:
                    self._leads = await connection.fetchval("SELECT pg_try_advisory_lock($1::int, $2::int)", *_LEADER)
                except Exception as error:
                    raise store_error(error) from None
            return self._leads

    async def pending(self, limit: int) -> list[OutboxRow]:
        """The oldest rows that no running transaction can still precede. Raises StoreUnavailable, also without the lead."""
        rows = await self._query(_PENDING, limit)
        return [OutboxRow(*row) for row in rows]

    async def delete(self, ids: Sequence[int]) -> None:
        """Rows that the transport has confirmed. Raises StoreUnavailable, also without the lead."""
        await self._query("DELETE FROM outbox WHERE id = ANY($1::bigint[])", list(ids))

    async def oldest_age(self) -> float:
        """Age in seconds of the oldest row; 0 where there is none. Raises StoreUnavailable."""
        async with self._one_at_a_time:
            connection = await self._connected()
            try:
                return max(0.0, await connection.fetchval(_OLDEST) or 0.0)
            except Exception as error:
                raise store_error(error) from None

    async def _query(self, sql: str, argument: int | list[int]) -> list[asyncpg.Record]:
        async with self._one_at_a_time:
            if self._connection is None or self._connection.is_closed() or not self._leads:
                self._leads = False
                raise StoreUnavailable("this process does not lead the relay: call lead() again")
            try:
                return await self._connection.fetch(sql, argument)
            except Exception as error:
                raise store_error(error) from None

    async def _connected(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._leads = False
            try:
                self._connection = await asyncpg.connect(self._url, timeout=_SECONDS, command_timeout=_SECONDS)
            except Exception as error:
                raise store_error(error) from None
        return self._connection
