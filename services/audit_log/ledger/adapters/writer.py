"""Group commit: one coroutine writes everybody's entries, and it alone assigns indexes.

It writes on the very session that holds the advisory lock `ledger`: who loses the session loses the lock and the transaction
with it, so two processes can never both assign an index (ADR 0020).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import asyncpg

from services.audit_log.ledger.adapters.rows import (
    DATABASE_ERRORS,
    INSERT,
    Connection,
    EntryRow,
    as_tenant,
    begin,
    insert_arguments,
    unavailable,
)
from services.audit_log.ledger.application.ports import LedgerUnavailable
from shared.eventstore.model import Statement, UniqueViolation

MAX_QUEUE = 4_096
"""appends that may wait"""
MAX_BATCH = 512
"""appends that share a commit"""
_OWN_KEYS = frozenset({"ledger_entry_pkey", "ledger_payload_pkey", "ledger_record_pkey"})


class SequenceLost(Exception):
    """An index that was next is taken: another process wrote. The session ends and everything is read anew."""


@dataclass(slots=True)
class _Pending:
    tenant: str
    rows: Sequence[EntryRow]
    statements: Sequence[Statement]
    done: asyncio.Future[list[int]]

    def resolve(self, indexes: list[int]) -> None:
        if not self.done.done():
            self.done.set_result(indexes)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class LedgerWriter:
    """`next_index(tenant)` gives a tenant's next index or raises LedgerUnavailable; `committed` is told the new one."""

    def __init__(self, next_index: Callable[[str], Awaitable[int]], committed: Callable[[str, int], None]) -> None:
        self._next_index, self._committed = next_index, committed
        self._queue: deque[_Pending] = deque()
        self._some = asyncio.Event()

    async def append(self, tenant: str, rows: Sequence[EntryRow], statements: Sequence[Statement]) -> list[int]:
        if len(self._queue) >= MAX_QUEUE:
            raise LedgerUnavailable("too many entries wait to be written")
        pending = _Pending(tenant, rows, statements, asyncio.get_running_loop().create_future())
        self._queue.append(pending)
        self._some.set()
        return await pending.done

    def refuse_waiting(self) -> None:
        """Fail what waits: nothing of it was written."""
        while self._queue:
            self._queue.popleft().fail(LedgerUnavailable("the ledger's database does not answer"))

    async def run(self, connection: Connection) -> None:
        """Write until the session ends; then raises one of DATABASE_ERRORS or SequenceLost."""
        while True:
            if not self._queue:
                self._some.clear()
                await self._some.wait()
            # whoever is about to write in this very turn of the loop shares the commit: fewer of them, for a few microseconds
            await asyncio.sleep(0)
            batch = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
            try:
                await self._write([p for p in batch if not p.done.cancelled()], connection)
            except BaseException:
                for pending in batch:
                    pending.fail(LedgerUnavailable("the ledger's database does not answer; whether the entry stands is unknown"))
                raise

    async def _write(self, batch: Sequence[_Pending], connection: Connection) -> None:
        ready = []
        for tenant, calls in _by_tenant(batch):
            try:
                ready.append((tenant, calls, await self._next_index(tenant)))
            except LedgerUnavailable as refusal:
                for call in calls:
                    call.fail(refusal)
        if not ready:
            return
        try:
            await self._write_together(ready, connection)
        except DATABASE_ERRORS as error:
            if unavailable(error, connection):
                raise
            await connection.execute("ROLLBACK")
            for tenant, calls, following in ready:
                await self._write_each(tenant, calls, following, connection)

    async def _write_together(self, ready: Sequence[tuple[str, list[_Pending], int]], connection: Connection) -> None:
        """The usual way: one transaction for all tenants and callers. Entries alone, of one tenant, are one statement."""
        several = len(ready) > 1 or any(call.statements for _, calls, _ in ready for call in calls)
        if several:
            await connection.execute("BEGIN")
        for tenant, calls, following in ready:
            rows = [row for call in calls for row in call.rows]
            if rows:
                await connection.execute(INSERT, *insert_arguments(tenant, range(following, following + len(rows)), rows))
            else:
                await connection.execute(as_tenant(tenant))
            for sql, group in _waves(calls):
                await connection.executemany(sql, group)
        if several:
            await connection.execute("COMMIT")
        for tenant, calls, following in ready:
            for call in calls:
                call.resolve(list(range(following, following + len(call.rows))))
                following += len(call.rows)
            self._committed(tenant, following)

    async def _write_each(self, tenant: str, calls: Sequence[_Pending], following: int, connection: Connection) -> None:
        """Somebody's statement failed: each caller in a transaction of its own, so that it fails alone and no index is lost."""
        for call in calls:
            try:
                await connection.execute(begin(tenant))
                if call.rows:
                    indexes = range(following, following + len(call.rows))
                    await connection.execute(INSERT, *insert_arguments(tenant, indexes, call.rows))
                for statement in call.statements:
                    await connection.execute(statement.sql, *statement.args)
                await connection.execute("COMMIT")
            except DATABASE_ERRORS as error:
                if unavailable(error, connection):
                    raise
                await connection.execute("ROLLBACK")
                call.fail(_of_caller(error))
            else:
                call.resolve(list(range(following, following + len(call.rows))))
                following += len(call.rows)
                self._committed(tenant, following)


def _of_caller(error: Exception) -> Exception:
    """What the caller is told whose statements were refused. Raises SequenceLost where it was no statement of theirs."""
    if isinstance(error, asyncpg.UniqueViolationError):
        if error.constraint_name in _OWN_KEYS:
            raise SequenceLost from None
        return UniqueViolation(error.constraint_name or "")
    if isinstance(error, asyncpg.TransactionRollbackError):
        return LedgerUnavailable("another transaction was in the way: nothing was written, try again")
    return error


def _by_tenant(batch: Sequence[_Pending]) -> list[tuple[str, list[_Pending]]]:
    by_tenant: dict[str, list[_Pending]] = {}
    for pending in batch:
        by_tenant.setdefault(pending.tenant, []).append(pending)
    return list(by_tenant.items())


def _waves(calls: Sequence[_Pending]) -> Iterable[tuple[str, list[tuple[object, ...]]]]:
    """Statements in groups of one SQL text: each caller's stay in their order, those of several callers travel together."""
    depth = max((len(call.statements) for call in calls), default=0)
    for step in range(depth):
        wave = sorted((c.statements[step] for c in calls if len(c.statements) > step), key=lambda s: s.sql)
        for sql, group in groupby(wave, key=lambda s: s.sql):
            yield sql, [s.args for s in group]
