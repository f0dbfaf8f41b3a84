"""`python -m infra.doctor.inside`, run by doctor in a service's container: its schema, its events. JSON on standard output.

It reads DATABASE_FILE (and KEYRING_DATABASE_FILE where it is set) as the service does, and changes nothing.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from infra.doctor.finding import Finding, fault, warning, well
from infra.migrate import SCHEMAS
from shared.eventstore.migrate import SchemaMismatch, check
from shared.service.run import database_urls
from shared.service.watch import STUCK_SECONDS

_OLDEST: Final = "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 FROM outbox"


async def look(env: Mapping[str, str]) -> list[Finding]:
    found = []
    for variable in ("DATABASE_FILE", "KEYRING_DATABASE_FILE"):
        if env.get(variable):
            urls = database_urls(env, variable)
            name = urlsplit(urls.app).path.strip("/")
            found += await _schema(urls.app, name)
            if name != "keyring":
                found += await _events(urls.relay)
    return found


async def _schema(dsn: str, name: str) -> list[Finding]:
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (asyncpg.PostgresError, OSError) as error:
        return [fault(f"database {name}", type(error).__name__, "Nothing of it can be read.", "docker compose up -d postgres")]
    try:
        invalid = await check(connection, SCHEMAS[name])
    except SchemaMismatch as mismatch:
        return [
            fault(
                f"schema {name}", str(mismatch), "The service refuses to start.", "docker compose up -d migrate migrate-keyring"
            )
        ]
    finally:
        await connection.close()
    why = "Queries that need this index are slow."
    return [warning(f"schema {name}", line, why, "docs/operations/migrations.md") for line in invalid] or [
        well(f"schema {name}", "is that of this release")
    ]


async def _events(dsn: str) -> list[Finding]:
    connection: Any = await asyncpg.connect(dsn, timeout=10)
    try:
        oldest, parked = float(await connection.fetchval(_OLDEST)), int(await connection.fetchval("SELECT count(*) FROM parked"))
    finally:
        await connection.close()
    found = []
    if oldest > STUCK_SECONDS:
        found.append(
            fault(
                "outbox",
                f"the oldest event has waited for {oldest:.0f} s",
                "The other services do not learn of changes; a revocation is felt late.",
                "docker compose up -d kafka topics; then docs/operations/events.md",
            )
        )
    if parked:
        found.append(
            fault(
                "parked messages",
                f"{parked} could not be handled",
                "Changes to the records of these clients wait here.",
                "docs/operations/events.md, 'parked'",
            )
        )
    return found or [well("events", "nothing waits")]


def main(env: Mapping[str, str] = os.environ) -> int:
    print(json.dumps([one.as_json() for one in asyncio.run(look(env))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
