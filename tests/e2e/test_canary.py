"""A canary sentence put into notes is found in no file written since the start: database, WAL, dump, Kafka segment, log,
temporary file, crash dump, an exported record.

Before any erasure, and with a planted control: a hunt that does not find the control is blind.
"""

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
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres

CONTROL = "control sentence: two herons crossed the weir at noon"
REFUSED = "refused sentence: nine lapwings over the salt marsh"
NAMES = ("Noor Haddad", "I want a pause.", "R. Ilves, front desk", "acute distress, therapist out of reach")
pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


def hunt(folders: list[Path], words: list[str]) -> dict[str, list[str]]:
    """Which word stands in which file, read as bytes."""
    found: dict[str, list[str]] = {w: [] for w in words}
    for folder in folders:
        for file in (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            try:
                content = file.read_bytes()
            except OSError:
                continue
            for word in words:
                if word.encode() in content:
                    found[word].append(str(file))
    return found


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
    (tmp_path / "metrics.txt").write_text(metrics)
    await refused_bodies(session, fleet, rest.tenant)
    await dump(postgres, tmp_path / "dump.bin")
    folders = [fleet.folder, kafka.data_dir, tmp_path]
    if postgres.server is not None:
        folders.append(postgres.server.data_dir)
    (tmp_path / "control.txt").write_text(CONTROL)
    tenant_control = story.told.client_id  # a random id that must be findable in dump, files and segments: the hunt sees them
    (fleet.folder / "tmp" / "control.txt").write_text(CONTROL)
    found = hunt(folders, [REFUSED, CANARY, PRIVATE_CANARY, PASSPHRASE, *NAMES, CONTROL, tenant_control])
    blind = {"control.txt", "tmp/control.txt"} - {str(Path(f).relative_to(_under(f, folders))) for f in found.pop(CONTROL)}
    assert not blind, "the hunt is blind"
    assert not list(Path.cwd().glob("core*")), "a process dumped core"
    seen = found.pop(tenant_control)
    assert any(str(kafka.data_dir) in f for f in seen), "the hunt does not see Kafka's segments"
    assert any("dump" in f for f in seen), "the hunt does not see the dumps"
    # the reason of a break-glass grant is ledger payload by design (an officer reads it); nothing else may hold it
    reason = found.pop("acute distress, therapist out of reach")
    assert not [f for f in reason if str(kafka.data_dir) in f or f.endswith(".log") or "metrics" in f]
    assert not {word: files for word, files in found.items() if files}


def _under(file: str, folders: list[Path]) -> Path:
    return next(f for f in folders if Path(file).is_relative_to(f))


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


async def dump(postgres: Postgres, file: Path) -> None:
    """Every row of every table of every database, bytes as they are (pg_dump would hide them as hexadecimal digits)."""
    admin = await asyncpg.connect(postgres.admin_dsn)
    databases = [r["datname"] for r in await admin.fetch("SELECT datname FROM pg_database WHERE datallowconn")]
    account = urlsplit(postgres.admin_dsn)
    await admin.execute("CHECKPOINT")
    await admin.close()
    with file.open("wb") as out:
        for database in databases:
            connection = await asyncpg.connect(urlunsplit(account._replace(path=f"/{database}")))
            tables = await connection.fetch("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public'")
            for schema, table in tables:
                for row in await connection.fetch(f'SELECT * FROM "{schema}"."{table}"'):  # noqa: S608
                    for value in row.values():
                        out.write(value if isinstance(value, bytes) else str(value).encode())
                        out.write(b"\t")
                    out.write(b"\n")
            await connection.close()
