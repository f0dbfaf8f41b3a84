"""The event store on PostgreSQL: group-committed appends, streams, rows, all under the tenant's row-level security."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from shared.eventstore.batch import Append, BatchWriter
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.failures import store_error
from shared.eventstore.group import GroupCommit
from shared.eventstore.migrate import Schema, check
from shared.eventstore.model import InboxMark, Snapshot, Statement, StoredEvent, StoreUnavailable, StreamAppend
from shared.eventstore.pool import CONNECT_SECONDS, acquired, connect, transaction

_log = logging.getLogger("eventstore")
_READ = "SELECT * FROM read_stream($1, $2, $3, $4, $5)"
_VERSION = "SELECT newest_version($1, $2)"
_FROM_SNAPSHOTS = "SELECT * FROM read_from_snapshots($1, $2, $3, $4)"
_COLUMNS = "xid, stream, version, position, event_id, type, schema_version, data, meta, recorded_at"
_FENCED = f"""
(SELECT 0 AS era, {_COLUMNS} FROM events WHERE tenant_id = $1 AND $2 = 0
   AND xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint AND (xid, position) > ($3, $4)
 ORDER BY xid, position LIMIT $5)
UNION ALL
(SELECT 1 AS era, {_COLUMNS} FROM events WHERE tenant_id = $1
   AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint AND ($2 = 0 OR (xid, position) > ($3, $4))
 ORDER BY xid, position LIMIT $5)
LIMIT $5
"""  # noqa: S608

_NUMBERED = """
SELECT s.global_seq, e.stream, e.version, e.position, e.event_id, e.type, e.schema_version, e.data, e.meta, e.recorded_at
FROM (SELECT global_seq, position FROM sequence WHERE tenant_id = $1 AND global_seq > $2 ORDER BY global_seq LIMIT $3) AS s
JOIN events e ON e.position = s.position AND e.tenant_id = $1 ORDER BY s.global_seq
"""
# while statistics lag behind a table that grows, the planner would gather and sort the whole rest of the log for every page
_BY_INDEX = "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"


class Place(NamedTuple):
    """Where a fenced reader stands. For one run of a reader only: transaction ids mean nothing in a restored database."""

    era: int
    """0: rows of a cluster this database was restored from; 1: of this one"""
    xid: int
    position: int


START = Place(0, -1, -1)


class PostgresEventStore:
    """`open` before use, from the event loop that uses it. Recovers by itself when PostgreSQL comes back."""

    def __init__(
        self,
        urls: DatabaseUrls,
        *,
        schema: Schema | None = None,
        now: Callable[[], datetime],
        readers: int = 8,
        writers: int = 2,
        capacity: int = 4096,
    ) -> None:
        """`schema`: what the database must hold, else `open` refuses; None checks nothing. `readers`, `writers`: connections.

        `capacity`: appends that may wait; one more raises Overloaded.
        """
        self._urls, self._schema = urls, schema
        self._readers, self._writers = readers, writers
        self._read_pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._write_pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._callbacks: list[Callable[[], None]] = []
        writer = BatchWriter(self._writing, now, self._published)
        self._group: GroupCommit[Append, dict[str, int]] = GroupCommit(writer.commit, writers=writers, capacity=capacity)

    async def open(self) -> None:
        """Connects. Raises SchemaMismatch, asyncpg's errors and OSError: a start fails loudly."""
        self._read_pool = await connect(self._urls.app, self._readers)
        self._write_pool = await connect(self._urls.app, self._writers)
        if self._schema is not None:
            async with self._read_pool.acquire() as connection:
                for fault in await check(connection, self._schema):
                    _log.warning("%s", fault)

    async def close(self) -> None:
        """Writes what waits, then disconnects. Idempotent; the store does not open again."""
        await self._group.close()
        pools = (self._read_pool, self._write_pool)
        self._read_pool = self._write_pool = None
        for pool in pools:
            if pool is not None:
                try:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        await pool.close()
                except TimeoutError:
                    pool.terminate()

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Called after each commit that wrote outbox rows: wakes the relay."""
        self._callbacks.append(callback)

    async def append(
        self,
        tenant: str,
        appends: Sequence[StreamAppend],
        *,
        statements: Sequence[Statement] = (),
        inbox: InboxMark | None = None,
    ) -> dict[str, int]:
        """See EventStore.append. Refused as well, where a value or statement is not what the database takes."""
        return await self._group.submit(tenant, Append(tuple(appends), tuple(statements), inbox))

    async def read_stream(
        self,
        tenant: str,
        stream: str,
        *,
        after: int = 0,
        until_version: int | None = None,
        until: datetime | None = None,
    ) -> list[StoredEvent]:
        rows = await self._one_trip(_READ, tenant, stream, after, until_version, until)
        return [StoredEvent(tenant, stream, *row) for row in rows]

    async def read_from_snapshots(
        self, tenant: str, streams: Sequence[str], *, form: str, fold: int
    ) -> dict[str, tuple[Snapshot | None, list[StoredEvent]]]:
        found: dict[str, tuple[Snapshot | None, list[StoredEvent]]] = {stream: (None, []) for stream in streams}
        for stream, *row in await self._one_trip(_FROM_SNAPSHOTS, tenant, list(streams), form, fold):
            if row[2] is None:
                found[stream] = (Snapshot(row[0], row[5]), [])
            else:
                found[stream][1].append(StoredEvent(tenant, stream, *row))
        return found

    async def version(self, tenant: str, stream: str) -> int:
        rows = await self._one_trip(_VERSION, tenant, stream)
        return int(rows[0][0])

    async def fetch(self, tenant: str, sql: str, *args: Any) -> list[Mapping[str, Any]]:
        """See EventStore.fetch. The transaction is read-only: what writes is a Statement of an append."""
        return await self._rows(f"BEGIN READ ONLY; SET LOCAL app.tenant_id = {_literal(tenant)}", sql, *args)

    async def _rows(self, begin: str, sql: str, *args: Any) -> list[Mapping[str, Any]]:
        try:
            async with transaction(self._reading(), begin) as connection:
                rows = await connection.fetch(sql, *args)
        except Exception as error:
            raise store_error(error) from None
        return [dict(row) for row in rows]

    async def read_fenced(self, tenant: str, after: Place = START, limit: int = 5000) -> list[tuple[Place, StoredEvent]]:
        """A tenant's events in an order in which none is ever missed and each stream is in order; for rebuilding read models.

        Events of transactions that began before one still running are held back; an empty page means "nothing yet".
        """
        rows = await self.fetch(tenant, _FENCED, tenant, *after, limit)
        return [(Place(r["era"], r["xid"], r["position"]), _event(tenant, r)) for r in rows]

    async def read_numbered(self, tenant: str, after: int = 0, limit: int = 5000) -> list[tuple[int, StoredEvent]]:
        """A tenant's events with their place in the global sequence, from the first behind `after`: what a reader keeps as its
        checkpoint, in this cluster and in any that the database is restored to. A number, once read, is no event's before it.

        An event gets its number from the sequencer shortly after its commit; an empty page means "nothing yet".
        """
        begin = f"BEGIN READ ONLY; SET LOCAL app.tenant_id = {_literal(tenant)}; {_BY_INDEX}"
        try:
            async with transaction(self._reading(), begin) as connection:
                rows = await connection.fetch(_NUMBERED, tenant, after, limit)
        except Exception as error:
            raise store_error(error) from None
        return [(row[0], StoredEvent(tenant, *row[1:])) for row in map(tuple, rows)]

    async def read_ahead(self, tenant: str, after: int = 0, limit: int = 5000) -> AsyncIterator[list[tuple[int, StoredEvent]]]:
        """The pages of `read_numbered` to the last that is there now; the next is fetched while one is worked on."""
        following = asyncio.create_task(self.read_numbered(tenant, after, limit))
        try:
            while page := await following:
                following = asyncio.create_task(self.read_numbered(tenant, page[-1][0], limit))
                yield page
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def ready(self) -> bool:
        try:
            async with self._reading().acquire(timeout=2) as connection:
                await connection.execute("SELECT 1", timeout=2)
        except Exception:
            return False
        return True

    async def _one_trip(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """A function that sets the tenant itself: one statement, one transaction, one round trip."""
        try:
            async with acquired(self._reading()) as connection:
                rows: list[asyncpg.Record] = await connection.fetch(sql, *args)
                return rows
        except Exception as error:
            raise store_error(error) from None

    def _published(self) -> None:
        for callback in self._callbacks:
            callback()

    def _reading(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._read_pool is None:
            raise StoreUnavailable("the store is not open")
        return self._read_pool

    def _writing(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._write_pool is None:
            raise StoreUnavailable("the store is not open")
        return self._write_pool


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _event(tenant: str, row: Mapping[str, Any]) -> StoredEvent:
    event_id: UUID = row["event_id"]
    return StoredEvent(
        tenant,
        row["stream"],
        row["version"],
        row["position"],
        event_id,
        row["type"],
        row["schema_version"],
        row["data"],
        row["meta"],
        row["recorded_at"],
    )
