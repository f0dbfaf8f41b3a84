"""`python -m infra.operator.rewrap`: moves every tenant's data keys to the newest epoch of the KMS, with progress.

The running audit log does the same by itself within a minute of a rotation; this shows how far it is and says when it is done.
Both may run at once, and be stopped at any time: what is left is done by the next run. Rows alone change, never an event.

KEYRING_DATABASE_FILE (JSON: owner, app, relay), KMS_PROVIDER and what that provider needs, as for the audit log.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from infra.progress import Progress
from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.adapters.kms.chosen import kms_of
from services.audit_log.keyring.adapters.kms_book import KmsBook
from services.audit_log.keyring.adapters.rewrapping import Rewrapping
from services.audit_log.ledger.application.ports import KeyringUnavailable
from shared.service.parts import DatabaseUrls, Unwired
from shared.service.run import require

_CONNECTIONS = 2


async def run(env: Mapping[str, str]) -> tuple[int, int, int]:
    """(keys behind at the start, keys that do not unwrap, epoch). KeyringUnavailable, Unwired, asyncpg's errors, OSError."""
    kms = kms_of(env)
    urls = DatabaseUrls(**json.loads(Path(require(env, "KEYRING_DATABASE_FILE")).read_text()))
    database = KeyringDatabase(urls, _CONNECTIONS)
    await database.open()
    try:
        await kms.open()
        book = KmsBook(database)
        kms.follow(book)
        keys = Rewrapping(database, kms, book)
        newest, tenants = (await kms.epochs())[-1], await keys.tenants()
        behind = sum([await keys.behind(tenant) for tenant in tenants])
        bar = Progress(behind, f"epoch {newest}")
        stuck = sum([await keys.rewrap(tenant, on_key=bar.step) for tenant in tenants])
        if behind:
            bar.close()
        return behind, stuck, newest
    finally:
        await kms.close()
        await database.close()


def main(env: Mapping[str, str] = os.environ) -> int:
    try:
        behind, stuck, newest = asyncio.run(run(env))
    except (KeyringUnavailable, Unwired) as error:
        print(f"{error}; run this again: it goes on with what is left", file=sys.stderr)
        return 1
    except (asyncpg.PostgresError, OSError, ValueError, TypeError) as error:
        print(f"the keyring's database cannot be used: {type(error).__name__}", file=sys.stderr)
        return 1
    if stuck:
        print(f"{stuck} keys do not unwrap: destroy no epoch before the audit log's log says why", file=sys.stderr)
        return 1
    print(f"{behind} keys moved: every data key is wrapped under epoch {newest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
