"""What an older release left is brought to this one: nothing is lost, everything can be opened, and the schema is that of a new
deployment."""

import gzip
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from infra.embedded.runtime import Embedded, EmbeddedSettings
from infra.embedded.secrets import EmbeddedSecrets
from infra.migrate import SCHEMAS
from infra.postgres.launcher import LocalPostgres
from infra.postgres.provision import OwnedDatabase, provision
from shared.eventstore.migrate import MigrationFailed, apply
from shared.service import clock
from tests.e2e.rest import Rest
from tests.support.http import serving
from tests.support.postgres import quiet, server_directory
from tests.upgrade.snapshot import BESIDE, HERE, PUBLIC_URL, dumped, tables

SNAPSHOTS = sorted(p.parent.name for p in HERE.glob("*/secrets.json"))
PINNED = json.loads((HERE / "released_steps.json").read_text())
FORGOTTEN = {"schema_applied", "ledger_schema"}
"""books of releases before the counted steps"""


@dataclass
class Older:
    """A deployment as the release of a snapshot left it, restored."""

    postgres: LocalPostgres
    data: Path
    urls: dict[str, OwnedDatabase]


@pytest.fixture(params=SNAPSHOTS)
async def older(request: pytest.FixtureRequest) -> AsyncIterator[Older]:
    with server_directory() as directory, LocalPostgres(directory / "server") as postgres:
        data, kept = directory / "data", HERE / request.param
        data.mkdir()
        for beside in BESIDE:
            (shutil.copytree if (kept / beside).is_dir() else shutil.copy)(kept / beside, data / beside)
        for secret in ("kms.json", "secrets.json"):
            (data / secret).chmod(0o600)  # a checkout may have given others the right to read
        secrets = EmbeddedSecrets(data / "secrets.json", random=clock.random)
        urls = await provision(postgres.dsn(), tuple(SCHEMAS), secrets.password)
        for database in SCHEMAS:
            connection = await asyncpg.connect(postgres.dsn(database))
            await connection.execute(gzip.decompress((kept / f"{database}.sql.gz").read_bytes()).decode())
            await connection.close()
        yield Older(postgres, data, urls)


async def counted(postgres: LocalPostgres, database: str) -> dict[str, int]:
    connection = await asyncpg.connect(postgres.dsn(database))
    try:
        names = await tables(connection)
        return {t: await connection.fetchval(f'SELECT count(*) FROM "{t}"') for t in names}  # noqa: S608
    finally:
        await connection.close()


def wanted(counts: dict[str, int]) -> dict[str, int]:
    return {t: n for t, n in counts.items() if t not in FORGOTTEN}


async def test_every_row_stays_and_the_schema_is_that_of_a_new_deployment(older: Older) -> None:
    for database, schema in SCHEMAS.items():
        before = wanted(await counted(older.postgres, database))
        assert before and all(before.values()), "the snapshot has a row of every table"
        await apply(older.urls[database].owner, schema, say=quiet)
        after = await counted(older.postgres, database)
        assert {t: after[t] for t in before} == before
        migrated = dumped(older.postgres, database, "--schema-only")
        connection = await asyncpg.connect(older.postgres.dsn())
        await connection.execute(f"DROP DATABASE {database}")
        await connection.close()
        secrets = EmbeddedSecrets(older.data / "secrets.json", random=clock.random)
        urls = (await provision(older.postgres.dsn(), [database], secrets.password))[database]
        await apply(urls.owner, schema, say=quiet)
        assert migrated.splitlines() == dumped(older.postgres, database, "--schema-only").splitlines()


async def test_everything_can_be_opened_afterwards(older: Older) -> None:
    said: list[str] = []
    for database, urls in older.urls.items():
        await apply(urls.owner, SCHEMAS[database], say=said.append)
    assert all(any(line.startswith(f"{d}: step 1 of") for line in said) for d in SCHEMAS)
    ids = json.loads((older.data / "demo.json").read_text())
    settings = EmbeddedSettings(data_dir=older.data, public_url=PUBLIC_URL, admin_dsn=older.postgres.dsn())
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(Embedded(settings))
        assert running.app is not None
        base = await stack.enter_async_context(serving(running.app))
        session = await stack.enter_async_context(aiohttp.ClientSession())

        def mint(**claims: object) -> str:
            return running.issuer.token(dict(claims))

        rest = Rest(session, base, mint, "demo")
        therapist = rest.as_("lena.marsh", "therapist")
        note = await therapist.get(f"/v1/notes/{ids['note_id']}")
        assert note.status == 200 and note.json["sections"]["plan"]
        course = await therapist.get(f"/v1/clients/{ids['client_id']}/alliance?instrument=wai-sr")
        assert len(course.json["series"]) == 10 and course.json["episodes"] == [], "the series of then is below watch now"
        assert (await therapist.get(f"/v1/consents?client_id={ids['client_id']}")).json["items"]
        officer = rest.as_("officer.one", "compliance_officer")
        assert (await officer.get("/v1/audit/entries?limit=200")).json["items"]


def test_a_released_step_never_changes() -> None:
    now = {database: [step.digest for step in schema.steps] for database, schema in SCHEMAS.items()}
    said = f"a released step was changed: undo that, and add a step. Pin a step that is new:\n{json.dumps(now, indent=1)}"
    assert now == PINNED, said


async def test_a_migration_that_cannot_be_done_names_what_stands_in_the_way(older: Older) -> None:
    connection = await asyncpg.connect(older.postgres.dsn("keyring"))
    await connection.execute("ALTER TABLE fence DROP CONSTRAINT fence_key_class_check")
    await connection.execute("UPDATE fence SET key_class = 'of_another_product'")
    await connection.close()
    with pytest.raises(
        MigrationFailed, match=r"keyring: declared schema .*CheckViolation.*constraint_name fence_key_class_check"
    ):
        await apply(older.urls["keyring"].owner, SCHEMAS["keyring"], say=quiet)
