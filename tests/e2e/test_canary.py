"""A canary sentence put into notes is found in no file written since the start: database, WAL, dump, Kafka segment, log,
temporary file, crash dump, an exported record.

Before any erasure, and with a control planted in each of these places: a hunt that does not find it there is blind.
"""

import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg
import pytest

from shared.contracts.records import ServiceName
from tests.e2e.exports import PASSPHRASE, export
from tests.e2e.processes import Fleet
from tests.e2e.rest import Rest
from tests.e2e.story import CANARY, PRIVATE_CANARY, Story
from tests.support.hunting import hunt
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres

CONTROL = "control sentence: two herons crossed the weir at noon"
REFUSED = "refused sentence: nine lapwings over the salt marsh"
NAMES = ("Noor Haddad", "I want a pause.", "R. Ilves, front desk", "acute distress, therapist out of reach")
pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


PLACES = {
    "data files": "/base/",
    "WAL": "/pg_wal/",
    "dump": "dump.bin",
    "logs": ".log",
    "metrics": "metrics.txt",
    "temporary files": "tmp/control.txt",
    "exported records": "control.zip",
}
"""where the control is planted, and by what a path shows that it was found there"""


async def test_canary(fleet: Fleet, kafka: Kafka, postgres: Postgres, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    rest = Rest(session, fleet.origin, fleet.issuer.mint, "canary-clinic")
    story = Story(rest)
    await story.tell()
    exported = await export(story.client, story.told.client_id)
    (tmp_path / "record.zip").write_bytes(exported.content)
    metrics = ""
    for name in ServiceName:
        async with session.get(fleet.url(name) + "/metrics") as answer:
            metrics += await answer.text()
    assert 'route="/v1/notes/{note_id}"' in metrics, "each call is counted, by its template"
    (tmp_path / "metrics.txt").write_text(metrics + CONTROL)
    await refused_bodies(session, fleet, rest.tenant)
    folders = [fleet.folder, kafka.data_dir, tmp_path]
    others = set()
    if postgres.server is not None:
        folders.append(postgres.server.data_dir)
        others = await folders_of_others(postgres, fleet)
    async with planted(postgres, fleet, tmp_path):
        await dump(postgres, fleet, tmp_path / "dump.bin")
        client_id = story.told.client_id  # random, and in the clear in every message
        found = hunt(folders, [REFUSED, PASSPHRASE, *NAMES, CONTROL, client_id], spelled=[CANARY, PRIVATE_CANARY], without=others)
    controls = found.pop(CONTROL)
    elsewhere = () if postgres.server is not None else ("data files", "WAL")
    blind = [place for place, sign in PLACES.items() if place not in elsewhere and not any(sign in f for f in controls)]
    assert not blind, "the hunt does not see what was planted"
    assert any(str(kafka.data_dir) in f for f in found.pop(client_id)), "the hunt does not see Kafka's segments"
    assert not list(Path.cwd().glob("core*")), "a process dumped core"
    # the reason of a break-glass grant is ledger payload by design (an officer reads it); nothing else may hold it
    reason = found.pop("acute distress, therapist out of reach")
    assert not [f for f in reason if str(kafka.data_dir) in f or f.endswith(".log") or "metrics" in f]
    assert not {word: files for word, files in found.items() if files}


@asynccontextmanager
async def planted(postgres: Postgres, fleet: Fleet, folder: Path) -> AsyncIterator[None]:
    """The control, wherever a canary could come to rest."""
    (fleet.folder / "tmp" / "control.txt").write_text(CONTROL)
    with (fleet.folder / f"{ServiceName.SESSION_NOTES}.log").open("a") as log:
        log.write(f"{CONTROL}\n")
    with zipfile.ZipFile(folder / "control.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("part", CONTROL * 20)
    connection = await asyncpg.connect(_at(postgres, fleet.databases[ServiceName.SESSION_NOTES]))
    try:
        await connection.execute(f"CREATE TABLE control AS SELECT '{CONTROL}'::text AS words")
        await connection.execute("CHECKPOINT")
        yield
    finally:
        await connection.execute("DROP TABLE control")
        await connection.close()


def _at(postgres: Postgres, database: str) -> str:
    return urlunsplit(urlsplit(postgres.admin_dsn)._replace(path=f"/{database}"))


async def refused_bodies(session: aiohttp.ClientSession, fleet: Fleet, tenant: str) -> None:
    """Bodies that no service takes: where one is quoted in an exception, it is in a log or an answer."""
    token = fleet.issuer.mint(sub="lena.marsh", role="therapist", tenant=tenant)
    sentence = f'{{"client_id": "{REFUSED}", "sections": {{"{REFUSED}": 1}}, "answers": "{REFUSED}'
    for path in ("/v1/consents", "/v1/sessions", "/v1/clients", "/v1/administrations", "/v1/erasures"):
        for body in (sentence, sentence + '"}'):
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            async with session.post(fleet.origin(path) + path, data=body, headers=headers) as answer:
                assert answer.status in (400, 403, 422)
                assert REFUSED not in await answer.text()


async def folders_of_others(postgres: Postgres, fleet: Fleet) -> set[Path]:
    """Data files of databases that other tests left on the server: nothing of this clinic ever went there."""
    assert postgres.server is not None
    admin = await asyncpg.connect(postgres.admin_dsn)
    rows = await admin.fetch(
        "SELECT oid FROM pg_database WHERE datallowconn AND datname <> ALL($1::text[])", list(fleet.databases.values())
    )
    await admin.close()
    return {postgres.server.data_dir / "base" / str(row["oid"]) for row in rows}


async def dump(postgres: Postgres, fleet: Fleet, file: Path) -> None:
    """Every row of every table of the fleet's databases, bytes as they are (pg_dump would hide them as hexadecimal digits)."""
    with file.open("wb") as out:
        for database in fleet.databases.values():
            connection = await asyncpg.connect(_at(postgres, database))
            tables = await connection.fetch("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public'")
            for schema, table in tables:
                for row in await connection.fetch(f'SELECT * FROM "{schema}"."{table}"'):  # noqa: S608
                    for value in row.values():
                        out.write(value if isinstance(value, bytes) else str(value).encode())
                        out.write(b"\t")
                    out.write(b"\n")
            await connection.close()
