"""A database's schema: what a new database gets, the ordered steps of older ones, and the check at a service's start (ADR 0077).

Only the owner of a database runs `apply`; `python -m infra.migrate` does it once for each release. A running service has no such
login: it calls `check` with its own.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from shared.eventstore.schema import base_ddl, digest

_TURN: Final = (4_011, 1)
"""two-part advisory lock of the session that migrates; streams lock in the one-part key space"""
LOCK_SECONDS: Final = 5
"""how long a statement waits for a table that is in use"""
TURN_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 0.2
_SAY_EVERY: Final = 25
"""polls between two lines of the log"""
_CONNECT_SECONDS: Final = 5.0
COMMAND: Final = "python -m infra.migrate"

_BOOKS: Final = (
    "CREATE TABLE IF NOT EXISTS schema_step "
    "(number int PRIMARY KEY, title text NOT NULL, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())",
    "CREATE TABLE IF NOT EXISTS schema_declared "
    "(number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())",
    "DO $do$ BEGIN EXECUTE format('GRANT SELECT ON schema_step, schema_declared TO %I', "
    "regexp_replace(current_user, '_owner$', '_app')); END $do$",
)
_IN_USE: Final = "SELECT count(*) > 0 FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
_HAS_BOOKS: Final = "SELECT to_regclass('public.schema_step') IS NOT NULL AND to_regclass('public.schema_declared') IS NOT NULL"
_STEPS: Final = "SELECT number, digest FROM schema_step ORDER BY number"
_DECLARED: Final = "SELECT digest FROM schema_declared ORDER BY number"
_INVALID: Final = """
SELECT i.indexrelid::regclass::text AS index, i.indrelid::regclass::text AS table FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""


class SchemaMismatch(Exception):
    """The database is behind or ahead of this release: the message says which, and what to run."""


class MigrationFailed(Exception):
    """Why the schema was not brought up to date; the message says what to do, and carries no value of a row."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of databases that were made before it. A released step never changes: what comes later is a later step."""

    title: str
    statements: tuple[str, ...]
    concurrently: bool = False
    """runs outside a transaction, as CREATE INDEX CONCURRENTLY must; each statement can then run again after a crash"""

    @property
    def digest(self) -> str:
        return digest([self.title, *self.statements])


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of one database in this release."""

    database: str
    declared: tuple[str, ...]
    """The whole schema as it is now; each statement may run again. A new database gets these and no step; an older one runs
    them after its steps, so that functions, policies, grants and enumerations are those of this release."""
    steps: tuple[Step, ...]
    """What older databases need besides, in this order; the number of a step is its place, from 1"""

    @property
    def digest(self) -> str:
        return digest(self.declared)


def event_store_schema(database: str, declared: Sequence[str], steps: Sequence[Step]) -> Schema:
    """A schema that holds the event store's own tables, and `declared` besides."""
    return Schema(database, (*base_ddl(), *declared), tuple(steps))


def taken_over(*statements: str) -> Step:
    """The first step of every database: one from before the steps were counted becomes one that has this step."""
    forgotten = "DROP TABLE IF EXISTS schema_applied, ledger_schema"
    return Step("taken over", (*statements, "DROP INDEX IF EXISTS events_fence", forgotten))


async def apply(
    owner_dsn: str, schema: Schema, *, say: Callable[[str], None], lock_seconds: float = LOCK_SECONDS, turn: float = TURN_SECONDS
) -> None:
    """Brings a database to `schema`, as its owner. Waits up to `turn` seconds while another process does the same.

    `say` gets a line of progress. Each step is a transaction of its own: what was done stays done, and a second run goes on.
    Raises MigrationFailed, SchemaMismatch where the database is ahead, and asyncpg's errors where it cannot be reached.
    """
    connection = await asyncpg.connect(owner_dsn, timeout=_CONNECT_SECONDS)
    try:
        await _take_turn(connection, schema.database, say, turn)
        await connection.execute(f"SET client_min_messages = warning; SET lock_timeout = '{int(lock_seconds * 1000)}ms'")
        if not await connection.fetchval(_IN_USE):
            await _run(connection, schema.database, "new schema", (*_BOOKS, *schema.declared), _record_all(schema))
            say(f"{schema.database}: made, at step {len(schema.steps)}")
            return
        await _no_invalid_index(connection, schema.database)
        await _run(connection, schema.database, "bookkeeping", _BOOKS)
        steps, declared = await _applied(connection)
        _refuse_foreign(schema, steps)
        for number in range(len(steps) + 1, len(schema.steps) + 1):
            step = schema.steps[number - 1]
            say(f"{schema.database}: step {number} of {len(schema.steps)}, {step.title} …")
            record = (("INSERT INTO schema_step (number, title, digest) VALUES ($1, $2, $3)", (number, step.title, step.digest)),)
            await _run(
                connection,
                schema.database,
                f"step {number} ({step.title})",
                step.statements,
                record,
                together=not step.concurrently,
            )
            await _no_invalid_index(connection, schema.database)
        if declared[-1:] != [schema.digest]:
            record_declared = (("INSERT INTO schema_declared (digest) VALUES ($1)", (schema.digest,)),)
            await _run(connection, schema.database, "declared schema", schema.declared, record_declared)
        say(f"{schema.database}: at step {len(schema.steps)}")
    finally:
        await connection.close()


async def check(connection: Any, schema: Schema) -> list[str]:
    """Invalid indexes, as lines for the log. `connection`: of the app role. Raises SchemaMismatch."""
    if not await connection.fetchval(_HAS_BOOKS):
        raise SchemaMismatch(_behind(schema, "it has not been migrated yet"))
    steps, declared = await _applied(connection)
    _refuse_foreign(schema, steps)
    if len(steps) < len(schema.steps):
        raise SchemaMismatch(_behind(schema, f"it is at step {len(steps)}, this release needs step {len(schema.steps)}"))
    if schema.digest in declared[:-1] and declared[-1] != schema.digest:
        raise SchemaMismatch(_ahead(schema, "a later release has declared its schema there"))
    if declared[-1:] != [schema.digest]:
        raise SchemaMismatch(_behind(schema, "its declared schema is that of another release"))
    return [_invalid(row) for row in await connection.fetch(_INVALID)]


async def _applied(connection: Any) -> tuple[Mapping[int, str], list[str]]:
    steps = {row["number"]: row["digest"] for row in await connection.fetch(_STEPS)}
    return steps, [row["digest"] for row in await connection.fetch(_DECLARED)]


def _refuse_foreign(schema: Schema, steps: Mapping[int, str]) -> None:
    """Raises SchemaMismatch where a newer release, or another product, wrote there."""
    if len(steps) > len(schema.steps):
        raise SchemaMismatch(_ahead(schema, f"it is at step {len(steps)}, this release knows {len(schema.steps)}"))
    for number, step in enumerate(schema.steps, 1):
        if steps.get(number, step.digest) != step.digest:
            raise SchemaMismatch(_ahead(schema, f"its step {number} is not the step {number} of this release"))


def _behind(schema: Schema, why: str) -> str:
    return f"database `{schema.database}` is behind this release: {why}. Run `{COMMAND}` of this release, then start again"


def _ahead(schema: Schema, why: str) -> str:
    return (
        f"database `{schema.database}` is ahead of this release: {why}. Start the newer release (docs/operations/migrations.md)"
    )


async def _take_turn(connection: Any, database: str, say: Callable[[str], None], seconds: float) -> None:
    """A session lock, so that it outlives each step's transaction; polled, so that a wait is told and ends."""
    polls = 0
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *_TURN):
        if polls * _POLL_SECONDS >= seconds:
            raise MigrationFailed(
                f"{database}: another run of `{COMMAND}` has been at work for {seconds:.0f} s: let it end first"
            )
        if polls % _SAY_EVERY == 0:
            say(f"{database}: waits for another run of `{COMMAND}` …")
        polls += 1
        await asyncio.sleep(_POLL_SECONDS)


async def _run(
    connection: Any,
    database: str,
    what: str,
    statements: Sequence[str],
    records: Sequence[tuple[str, tuple[Any, ...]]] = (),
    *,
    together: bool = True,
) -> None:
    """`statements`, then `records`, in one transaction; with `together=False` each for itself."""
    try:
        if together:
            async with connection.transaction():
                await _each(connection, statements, records)
        else:
            await _each(connection, statements, records)
    except asyncpg.LockNotAvailableError:
        raise MigrationFailed(
            f"{database}: {what} waited {LOCK_SECONDS} s for a table in use, and was not done: "
            f"run `{COMMAND}` again, best while little is written"
        ) from None
    except asyncpg.PostgresError as error:
        where = ", ".join(f"{k} {v}" for k in ("table_name", "constraint_name") if (v := getattr(error, k, None)))
        kind = f"{type(error).__name__} (SQLSTATE {error.sqlstate}{', ' + where if where else ''})"
        raise MigrationFailed(
            f"{database}: {what} was not done: {kind}. What is before it stays done; see docs/operations/migrations.md"
        ) from None


async def _each(connection: Any, statements: Sequence[str], records: Sequence[tuple[str, tuple[Any, ...]]]) -> None:
    for statement in statements:
        await connection.execute(statement)
    for sql, args in records:
        await connection.execute(sql, *args)


def _record_all(schema: Schema) -> list[tuple[str, tuple[Any, ...]]]:
    step = "INSERT INTO schema_step (number, title, digest) VALUES ($1, $2, $3)"
    steps: list[tuple[str, tuple[Any, ...]]] = [(step, (n, s.title, s.digest)) for n, s in enumerate(schema.steps, 1)]
    return [*steps, ("INSERT INTO schema_declared (digest) VALUES ($1)", (schema.digest,))]


async def _no_invalid_index(connection: Any, database: str) -> None:
    """An index whose build broke off is never used, and IF NOT EXISTS would step over it."""
    if found := [_invalid(row) for row in await connection.fetch(_INVALID)]:
        raise MigrationFailed(f"{database}: {'; '.join(found)}. Then run `{COMMAND}` again")


def _invalid(row: Mapping[str, Any]) -> str:
    return f"index {row['index']} of table {row['table']} is invalid, its build broke off: DROP INDEX {row['index']}"
