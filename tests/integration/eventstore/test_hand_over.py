"""The process that numbers and relays dies: another does both within five seconds, however it died."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from infra.postgres import launcher
from infra.postgres.launcher import LocalPostgres
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import Publication
from shared.eventstore.postgres import PostgresEventStore
from shared.service.clock import now
from tests.support import environment
from tests.support.events import event, to
from tests.support.leader import leaders
from tests.support.messaging import eventually
from tests.support.postgres import MakeDatabase, Postgres, server_directory

ROOT = Path(__file__).parents[3]
TENANT = "haven"
HERE, THERE = "10.213.77.1", "10.213.77.2"
LIMIT = 5.0


@pytest.fixture
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    return await make_database("consent")


@asynccontextmanager
async def dying(file: Path, *inside: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A leader in a process of its own, that leads; `inside`: a command that starts it elsewhere."""
    command = [*inside, sys.executable, "-m", "tests.support.leader", str(file)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"leads\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def saved(urls: DatabaseUrls, folder: Path) -> Path:
    file = folder / "urls.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"app": urls.app, "relay": urls.relay}))
    return file


async def write(store: PostgresEventStore) -> None:
    publication = Publication("consent.v1", f"{TENANT}/c1")
    await store.append(TENANT, [to("consent/1", event(publish=(publication,)))])


@dataclass
class Followed:
    store: PostgresEventStore
    outbox: asyncpg.Connection

    async def done(self, count: int) -> bool:
        """Whether so many events have their number and nothing waits in the outbox."""
        numbered = len(await self.store.read_numbered(TENANT))
        return numbered == count and await self.outbox.fetchval("SELECT count(*) FROM outbox") == 0


@asynccontextmanager
async def followed(urls: DatabaseUrls) -> AsyncIterator[Followed]:
    store = PostgresEventStore(urls, now=now)
    await store.open()
    connection = await asyncpg.connect(urls.relay)
    yield Followed(store, connection)
    await connection.close()
    await store.close()


async def test_a_leader_that_is_killed_is_followed_within_five_seconds(urls: DatabaseUrls, tmp_path: Path) -> None:
    async with followed(urls) as here, dying(saved(urls, tmp_path)) as leader, leaders(urls) as (sequencer, relay):
        await write(here.store)
        await eventually(lambda: here.done(1))
        assert not sequencer.leading and not relay.leading, "the other process leads"
        leader.kill()
        died = monotonic()
        await write(here.store)
        await eventually(lambda: here.done(2))
        assert monotonic() - died < LIMIT
        assert sequencer.leading and relay.leading


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A network of its own, as another machine would have it, linked with this one."""
    name = f"t{uuid4().hex[:8]}"
    why = "a second network needs root and the `ip` command"

    def ip(*words: str) -> bool:
        return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0

    made = shutil.which("ip") is not None and all(
        ip(*line.split())
        for line in (
            f"netns add {name}",
            f"link add {name} type veth peer name there netns {name}",
            f"addr add {HERE}/30 dev {name}",
            f"link set {name} up",
            f"-n {name} addr add {THERE}/30 dev there",
            f"-n {name} link set there up",
        )
    )
    try:
        if not made:
            environment.not_run["a leader whose machine is gone"] = why
            pytest.skip(why)
        yield name
    finally:
        if shutil.which("ip"):
            ip("link", "del", name)
            ip("netns", "del", name)


async def test_a_leader_whose_machine_is_gone_is_followed_within_five_seconds(
    elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word comes that its connections ended: PostgreSQL has to find out, for as long as it believes them it keeps the lead."""
    monkeypatch.setitem(launcher._SETTINGS, "listen_addresses", HERE)
    with server_directory() as directory, LocalPostgres(directory / "data") as server:
        with (directory / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {THERE}/32 scram-sha-256\n")
        admin = await asyncpg.connect(server.dsn())
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()
        urls = (await Postgres(server.dsn(), "own", server).make_databases("consent"))["consent"]
        async with followed(urls) as here:
            file = saved(replace(urls, relay=over_tcp(urls.relay)), tmp_path)
            async with dying(file, "ip", "netns", "exec", elsewhere), leaders(urls) as (sequencer, relay):
                await write(here.store)
                await eventually(lambda: here.done(1))
                assert not sequencer.leading and not relay.leading, "the other machine leads"
                down = await asyncio.create_subprocess_exec("ip", "link", "set", elsewhere, "down")
                assert await down.wait() == 0
                gone = monotonic()
                await write(here.store)
                await eventually(lambda: here.done(2))
                assert monotonic() - gone < LIMIT
                assert sequencer.leading and relay.leading


def over_tcp(dsn: str) -> str:
    parts = urlsplit(dsn)
    port = parse_qs(parts.query)["port"][0]
    return f"postgresql://{parts.username}:{parts.password}@{HERE}:{port}{parts.path}"
