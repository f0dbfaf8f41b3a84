"""`python -m infra.migrate`: brings the schemas of the databases to this release, as their owners, and ends.

A release's job: it runs before the services of that release start, and may run again. Its log says what it does; it ends with 1
where a schema was not brought up to date, and says what to do. Steps and recipes: docs/operations/migrations.md.

| variable | meaning |
|---|---|
| DATABASE_OWNERS_FILE | DSNs of the databases' owners (JSON: database → DSN). Databases that are not in it are left alone |
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import asyncpg

from services.alliance_measurement.migrations import SCHEMA as ALLIANCE
from services.audit_log.keyring.adapters.migrations import KEYRING_SCHEMA
from services.audit_log.migrations import SCHEMA as AUDIT_LOG
from services.consent.adapters.migrations import SCHEMA as CONSENT
from services.session_notes.migrations import SCHEMA as SESSION_NOTES
from shared.eventstore.migrate import MigrationFailed, Schema, SchemaMismatch, apply
from shared.service.parts import Unwired
from shared.service.run import require
from shared.service.serve import configure_logging
from shared.service.transport import check_database

SCHEMAS: Final[Mapping[str, Schema]] = {s.database: s for s in (CONSENT, SESSION_NOTES, ALLIANCE, AUDIT_LOG, KEYRING_SCHEMA)}
_log = logging.getLogger("migrate")


async def migrate_all(owners: Mapping[str, str], *, say: Callable[[str], None]) -> None:
    """`owners`: DSN of each database's owner, by its name in SCHEMAS. One after the other; the first that fails ends the run."""
    for database, dsn in owners.items():
        await apply(dsn, SCHEMAS[database], say=say)


def owners_of(env: Mapping[str, str]) -> dict[str, str]:
    """From DATABASE_OWNERS_FILE. Unwired where it is missing, or names a database that this release does not have."""
    owners: dict[str, str] = json.loads(Path(require(env, "DATABASE_OWNERS_FILE")).read_text())
    if unknown := sorted(owners.keys() - SCHEMAS):
        raise Unwired(f"DATABASE_OWNERS_FILE names {', '.join(unknown)}: the databases are {', '.join(SCHEMAS)}")
    for dsn in owners.values():
        check_database(env, "DATABASE_OWNERS_FILE", dsn)
    return owners


def main(env: Mapping[str, str] = os.environ) -> int:
    configure_logging()
    try:
        asyncio.run(migrate_all(owners_of(env), say=_log.info))
    except (MigrationFailed, SchemaMismatch, Unwired) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except (asyncpg.PostgresError, OSError) as error:
        print(
            f"a database cannot be reached as its owner: {type(error).__name__}. See docs/operations/migrations.md",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
