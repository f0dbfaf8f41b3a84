"""`python -m infra.operator.rebuild <service>`: makes a service's read models anew from its events, beside the live ones.

DSNs from DATABASE_FILE (JSON: app, relay) or `--database`, and the owner's from DATABASE_OWNERS_FILE, as for `infra.migrate`.
The service may go on running: the new tables are filled in a schema of their own. Then writers wait while the last events are
added and the tables change places.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from infra.migrate import owners_of
from infra.postgres.provision import OwnedDatabase
from infra.progress import Progress
from services.alliance_measurement import migrations as alliance_schema
from services.alliance_measurement import projection as alliance
from services.consent.adapters import projection as consent
from services.consent.adapters import schema as consent_schema
from services.session_notes import projection as session_notes
from services.session_notes import schema as session_notes_schema
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import StoredEvent
from shared.eventstore.projection import ReadModel
from shared.eventstore.sequencer import Sequencer
from shared.service.parts import Unwired
from shared.service.run import database_urls

MODELS: Final[dict[str, tuple[ReadModel, Sequence[str]]]] = {
    "consent": (consent.READ_MODEL, consent_schema.DDL),
    "session_notes": (session_notes.READ_MODEL, session_notes_schema.DDL),
    "alliance_measurement": (alliance.READ_MODEL, alliance_schema.DDL),
}
PAGE: Final = 5000
_BESIDE: Final = "rebuilt"
_TURN: Final = "SELECT pg_try_advisory_lock(4011, 4)"
_TENANTS: Final = "SELECT tenant_id, count(*) AS events FROM sequence GROUP BY tenant_id ORDER BY tenant_id"
_COLUMNS: Final = "e.stream, e.version, e.position, e.event_id, e.type, e.schema_version, e.data, e.meta, e.recorded_at"
_NUMBERED: Final = f"""
SELECT s.global_seq, {_COLUMNS}
FROM (SELECT global_seq, position FROM sequence WHERE tenant_id = $1 AND global_seq > $2 ORDER BY global_seq LIMIT $3) AS s
JOIN events e ON e.position = s.position AND e.tenant_id = $1 ORDER BY s.global_seq
"""  # noqa: S608
_REST: Final = f"""
SELECT NULL::bigint AS global_seq, {_COLUMNS} FROM events e
WHERE e.tenant_id = $1 AND NOT EXISTS (
  SELECT 1 FROM sequence s WHERE s.position = e.position AND s.tenant_id = $1 AND s.global_seq <= $2)
ORDER BY e.position
"""  # noqa: S608


class Trouble(Exception):
    """Why nothing was changed; the message says what to do."""


async def rebuild(service: str, urls: OwnedDatabase, *, progress: bool = True) -> int:
    """How many events were read. Trouble where another rebuild runs. All or nothing: the live tables stay until the swap."""
    model, ddl = MODELS[service]
    tenants = await _tenants(urls)
    async with _connected(urls.owner) as owner:
        if not await owner.fetchval(_TURN):
            raise Trouble("another rebuild of this service is running: wait for it")
        try:
            await _make_beside(owner, ddl)
            bar = Progress(sum(tenants.values()), service) if progress else None
            read = {tenant: await _fill(owner, model, tenant, bar) for tenant in tenants}
            if bar is not None:
                bar.close()
            rest = await _swap(owner, urls, model, {tenant: last for tenant, (_, last) in read.items()})
        finally:
            await owner.execute(f"SET search_path = public; DROP SCHEMA IF EXISTS {_BESIDE} CASCADE")
    return sum(count for count, _ in read.values()) + rest


async def _tenants(urls: DatabaseUrls) -> dict[str, int]:
    """Events numbered so far, by tenant. Numbers what has none yet, unless the running service does."""
    sequencer = Sequencer(urls.relay)
    try:
        await sequencer.catch_up()
    finally:
        await sequencer.close()
    async with _connected(urls.relay) as relay:
        return {row["tenant_id"]: row["events"] for row in await relay.fetch(_TENANTS)}


async def _make_beside(owner: Any, ddl: Sequence[str]) -> None:
    """The same statements that made the live tables, in a schema of their own: names, policies and grants are the same."""
    await owner.execute(f"DROP SCHEMA IF EXISTS {_BESIDE} CASCADE; CREATE SCHEMA {_BESIDE}; SET search_path = {_BESIDE}, public")
    await owner.execute("SET client_min_messages = warning")
    for statement in ddl:
        await owner.execute(statement)


async def _fill(owner: Any, model: ReadModel, tenant: str, bar: Progress | None) -> tuple[int, int]:
    """(events read, the number of the last)."""
    read, last = 0, 0
    while True:
        async with owner.transaction():
            await owner.execute("SELECT set_config('app.tenant_id', $1, true)", tenant)
            rows = await owner.fetch(_NUMBERED, tenant, last, PAGE)
            await _apply(owner, model, tenant, rows)
        if not rows:
            return read, last
        read, last = read + len(rows), rows[-1]["global_seq"]
        if bar is not None:
            bar.step(len(rows))


async def _apply(owner: Any, model: ReadModel, tenant: str, rows: Iterable[Any]) -> None:
    for row in rows:
        stored = StoredEvent(tenant, *(row[name.strip().removeprefix("e.")] for name in _COLUMNS.split(",")))
        for statement in model.statements(stored):
            await owner.execute(statement.sql, *statement.args)


async def _swap(owner: Any, urls: DatabaseUrls, model: ReadModel, last: dict[str, int]) -> int:
    """Whoever writes to the tables is waited for, whoever wants to waits; the last events are added, and the tables change."""
    rest = 0
    async with owner.transaction():
        await owner.execute(f"LOCK TABLE {', '.join(f'public.{t}' for t in model.tables)} IN ACCESS EXCLUSIVE MODE")
        async with _connected(urls.relay) as relay:
            tenants = {row["tenant_id"] for row in await relay.fetch("SELECT DISTINCT tenant_id FROM events")}
        for tenant in sorted(tenants):
            await owner.execute("SELECT set_config('app.tenant_id', $1, true)", tenant)
            rows = await owner.fetch(_REST, tenant, last.get(tenant, 0))
            await _apply(owner, model, tenant, rows)
            rest += len(rows)
        for table in model.tables:
            await owner.execute(f"DROP TABLE public.{table}")
            await owner.execute(f"ALTER TABLE {_BESIDE}.{table} SET SCHEMA public")
    return rest


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


def main(argv: Sequence[str] = tuple(sys.argv[1:])) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.operator.rebuild", description="read models made anew from events")
    parser.add_argument("service", choices=sorted(MODELS))
    parser.add_argument("--database", default=os.environ.get("DATABASE_FILE"), help="JSON file of the service's DSNs")
    options = parser.parse_args(argv)
    if not options.database:
        print("name the service's DSNs: set DATABASE_FILE or give --database", file=sys.stderr)
        return 2
    try:
        running = database_urls({"DATABASE_FILE": options.database}, "DATABASE_FILE")
        owners = owners_of(os.environ)
        if options.service not in owners:
            raise Trouble(f"DATABASE_OWNERS_FILE has no login for {options.service}")
        urls = OwnedDatabase(app=running.app, relay=running.relay, owner=owners[options.service])
        count = asyncio.run(rebuild(options.service, urls))
    except (Trouble, Unwired, OSError, asyncpg.PostgresError) as error:
        said = str(error) if isinstance(error, Trouble | Unwired) else f"nothing was changed: {type(error).__name__}"
        print(said, file=sys.stderr)
        return 1
    print(f"{options.service}: rebuilt from {count} events")
    return 0


if __name__ == "__main__":
    sys.exit(main())
