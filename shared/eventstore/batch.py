"""One transaction for many appends of one tenant; what fails, fails alone.

Plain appends go in one statement (`one_trip`). With statements or an inbox mark, the order inside is: locks of the streams
(sorted, before anything that takes a transaction id: the reader's fence relies on it), versions, inbox marks seen, events and
outbox rows in one statement, inbox rows, statements. A conflict is found before anything is written. What the database refuses
later ends the transaction; the batch is then halved until the culprit stands alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from shared.eventstore import one_trip
from shared.eventstore.failures import is_away, is_transient, store_error
from shared.eventstore.model import AlreadyHandled, InboxMark, NewEvent, Statement, StoreError, StreamAppend, VersionConflict
from shared.eventstore.pool import acquired, transaction

_LOCK = "SELECT lock_streams($1, $2)"
_SEEN = """
SELECT consumer, message_id FROM inbox JOIN unnest($2::text[], $3::uuid[]) AS mark(consumer, message_id)
  USING (consumer, message_id) WHERE tenant_id = $1
"""
_INSERT = """
INSERT INTO events (tenant_id, recorded_at, stream, version, event_id, type, schema_version, data, meta)
SELECT $1, $2, e.* FROM unnest($3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::int[], $8::bytea[], $9::bytea[]) AS e
"""
_INSERT_WITH_OUTBOX = f"""
WITH written AS ({_INSERT})
INSERT INTO outbox (tenant_id, event_id, aggregatetype, aggregateid, type, schema_version, stream, sequence, payload)
SELECT $1, o.* FROM unnest($10::uuid[], $11::text[], $12::text[], $13::text[], $14::int[], $15::text[], $16::bigint[],
  $17::bytea[]) AS o
"""  # noqa: S608
_MARK = "INSERT INTO inbox (tenant_id, consumer, message_id) SELECT $1, m.* FROM unnest($2::text[], $3::uuid[]) AS m"
_TRIES = 3
_GUESSES = 3

Outcome = dict[str, int] | StoreError


@dataclass(frozen=True, slots=True)
class Append:
    """One call of `EventStore.append`."""

    appends: tuple[StreamAppend, ...]
    statements: tuple[Statement, ...] = ()
    inbox: InboxMark | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """An event with its version."""

    stream: str
    version: int
    event: NewEvent


def place(appends: Sequence[StreamAppend], newest: dict[str, int]) -> tuple[list[Placed], dict[str, int]]:
    """The events of one append with their versions, and what `newest` is after them. Raises VersionConflict."""
    after = {a.stream: newest[a.stream] for a in appends}
    placed: list[Placed] = []
    for append in appends:
        version = after[append.stream]
        if append.expected_version is not None and append.expected_version != version:
            raise VersionConflict(
                f"the stream is at version {version}, not {append.expected_version}: read it again, decide again"
            )
        for event in append.events:
            version += 1
            placed.append(Placed(append.stream, version, event))
        after[append.stream] = version
    return placed, after


class BatchWriter:
    """Commits batches over a pool of the app role."""

    def __init__(
        self, pool: Callable[[], "asyncpg.Pool[asyncpg.Record]"], now: Callable[[], datetime], published: Callable[[], None]
    ) -> None:
        """`published` is called after each commit that wrote outbox rows."""
        self._pool, self._now, self._published = pool, now, published
        self._known = one_trip.KnownVersions()

    async def commit(self, tenant: str, items: Sequence[Append]) -> list[Outcome]:
        """For each append its streams' new versions, or why it was not written."""
        cut = _repeated_mark(items)
        if cut:
            return [*await self.commit(tenant, items[:cut]), *await self.commit(tenant, items[cut:])]
        for _ in range(_TRIES):
            try:
                return await self._written(tenant, items)
            except Exception as error:
                failed = error
            if not is_transient(failed):
                break
            await asyncio.sleep(0.005)
        if len(items) == 1 or is_away(failed):
            return [store_error(failed) for _ in items]
        half = len(items) // 2
        return [*await self.commit(tenant, items[:half]), *await self.commit(tenant, items[half:])]

    async def _written(self, tenant: str, items: Sequence[Append]) -> list[Outcome]:
        if any(item.statements or item.inbox for item in items):
            return await self._transaction(tenant, items)
        outcomes = await self._one_trip(tenant, items)
        return outcomes if outcomes is not None else await self._transaction(tenant, items)

    async def _one_trip(self, tenant: str, items: Sequence[Append]) -> list[Outcome] | None:
        """None where other processes write the same streams all the time."""
        streams = sorted({a.stream for item in items for a in item.appends})
        for _ in range(_GUESSES):
            bases = self._known.guess(tenant, streams)
            after = dict(bases)
            placed, outcomes = _decided(items, after)
            own, out = one_trip.columns(placed), one_trip.outgoing(placed)
            async with acquired(self._pool()) as connection:
                newest = await connection.fetchval(one_trip.CALL, tenant, streams, list(bases.values()), self._now(), *own, *out)
            if newest is None:
                self._known.learn(tenant, after)
                if out[0]:
                    self._published()
                return outcomes
            self._known.learn(tenant, dict(zip(streams, newest, strict=True)))
        return None

    async def _transaction(self, tenant: str, items: Sequence[Append]) -> list[Outcome]:
        streams = sorted({a.stream for item in items for a in item.appends})
        async with transaction(self._pool()) as connection:
            newest = dict(zip(streams, await connection.fetchval(_LOCK, tenant, streams), strict=True))
            seen = await _seen(connection, tenant, items)
            placed: list[Placed] = []
            outcomes: list[Outcome] = []
            for item in items:
                if item.inbox in seen:
                    outcomes.append(AlreadyHandled("the inbox holds this message"))
                    continue
                try:
                    own, after = place(item.appends, newest)
                except VersionConflict as conflict:
                    outcomes.append(conflict)
                    continue
                placed += own
                newest.update(after)
                outcomes.append(after)
            kept = [item for item, outcome in zip(items, outcomes, strict=True) if not isinstance(outcome, StoreError)]
            publishes = await self._insert(connection, tenant, placed)
            marks = [item.inbox for item in kept if item.inbox is not None]
            if marks:
                await connection.execute(_MARK, tenant, [m.consumer for m in marks], [m.message_id for m in marks])
            await _run_statements(connection, kept)
        if publishes:
            self._published()
        return outcomes

    async def _insert(self, connection: Any, tenant: str, placed: Sequence[Placed]) -> bool:
        """Whether outbox rows were written."""
        if not placed:
            return False
        own, out = [tenant, self._now(), *one_trip.columns(placed)], one_trip.outgoing(placed)
        if not out[0]:
            await connection.execute(_INSERT, *own)
            return False
        await connection.execute(_INSERT_WITH_OUTBOX, *own, *out)
        return True


def _decided(items: Sequence[Append], newest: dict[str, int]) -> tuple[list[Placed], list[Outcome]]:
    """The events of those whose expected versions hold, each after those before it. `newest` is moved on."""
    placed: list[Placed] = []
    outcomes: list[Outcome] = []
    for item in items:
        try:
            own, after = place(item.appends, newest)
        except VersionConflict as conflict:
            outcomes.append(conflict)
            continue
        placed += own
        newest.update(after)
        outcomes.append(after)
    return placed, outcomes


def _repeated_mark(items: Sequence[Append]) -> int:
    """Index of the first append whose message stands earlier in the batch: whether that one is written must be known first."""
    seen: set[InboxMark] = set()
    for index, item in enumerate(items):
        if item.inbox in seen:
            return index
        if item.inbox is not None:
            seen.add(item.inbox)
    return 0


async def _seen(connection: Any, tenant: str, items: Sequence[Append]) -> set[InboxMark | None]:
    marks = [item.inbox for item in items if item.inbox is not None]
    if not marks:
        return set()
    rows = await connection.fetch(_SEEN, tenant, [m.consumer for m in marks], [m.message_id for m in marks])
    return {InboxMark(row["consumer"], row["message_id"]) for row in rows}


async def _run_statements(connection: Any, items: Sequence[Append]) -> None:
    """In the order of the appends where two of them touch one stream; else the same SQL of several appends in one round trip.

    The latter is an order that the same appends in transactions of their own could have had.
    """
    writing = [item for item in items if item.statements]
    streams = [stream for item in writing for stream in {a.stream for a in item.appends}]
    if len(writing) > 1 and len(set(streams)) == len(streams):
        for turn in range(max(len(item.statements) for item in writing)):
            by_sql: dict[str, list[tuple[Any, ...]]] = {}
            for item in writing:
                if turn < len(item.statements):
                    by_sql.setdefault(item.statements[turn].sql, []).append(item.statements[turn].args)
            for sql, rows in by_sql.items():
                await _run(connection, sql, rows)
    else:
        for item in writing:
            for statement in item.statements:
                await connection.execute(statement.sql, *statement.args)


async def _run(connection: Any, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if len(rows) == 1:
        await connection.execute(sql, *rows[0])
    else:
        await connection.executemany(sql, rows)
