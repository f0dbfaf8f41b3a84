"""Whatever goes away under load: what was acknowledged is there once, in order, in the streams and on the other side."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from infra.postgres.launcher import LocalPostgres
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer
from shared.messaging.port import Inbound, Outbound, Transport
from shared.messaging.relay import Relay
from tests.support import environment
from tests.support.kafka import Kafka
from tests.support.load import KEYS, Writers
from tests.support.messaging import DDL, World, eventually, opened_store, running
from tests.support.postgres import MakeDatabase, Postgres, as_owner, server_directory

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def world(kafka: Kafka, make_database: MakeDatabase) -> AsyncIterator[World]:
    urls = await make_database("consent")
    transport = kafka.transport()
    await transport.start()
    async with opened_store(urls) as store:
        yield World(urls, store, transport)
    await transport.stop()


@pytest.mark.long
async def test_a_broker_that_is_stopped_for_30_seconds(world: World, kafka: Kafka) -> None:
    writers, over = Writers(world, pause=0.05), asyncio.Event()
    async with running(world.consumer().run()), world.relay(publish_timeout=5):
        writing = asyncio.create_task(writers.until(over))
        await asyncio.sleep(1)
        await kafka.stop()
        await asyncio.sleep(30)
        before = dict(await world.seen())
        await kafka.start()
        await asyncio.sleep(1)
        over.set()
        await writing
        assert sum(map(len, before.values())) < sum(map(len, writers.acknowledged.values())), "appends went on meanwhile"
        await writers.settle()


async def test_postgresql_that_restarts(kafka: Kafka) -> None:
    with server_directory() as directory, LocalPostgres(directory / "data") as server:
        urls = (await Postgres(server.dsn(), "own", server).make_databases("consent"))["consent"]
        transport = kafka.transport()
        await transport.start()
        async with opened_store(urls) as store:
            world = World(urls, store, transport)
            writers = Writers(world)
            async with running(world.consumer().run()), world.relay():
                writing = asyncio.create_task(writers.write(150))
                for _ in range(2):
                    await asyncio.sleep(0.4)
                    await asyncio.to_thread(server.stop)
                    await asyncio.sleep(0.3)
                    await asyncio.to_thread(server.start)
                await writing
                assert writers.unanswered > 0, "the restart came too late to be met"
                await writers.settle()
        await transport.stop()


@pytest.mark.long
async def test_a_consumer_paused_past_its_session_timeout(world: World, kafka: Kafka, tmp_path: Path) -> None:
    """Its partitions go to another; when it wakes it still holds a batch, and goes on with it."""
    file = tmp_path / "urls.json"
    file.write_text(json.dumps({"app": world.urls.app, "relay": world.urls.relay}))
    command = [sys.executable, "-m", "tests.support.member", str(file), kafka.bootstrap, world.tenant, world.group, "0.005"]
    member = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert member.stdout is not None
        writers = Writers(world, pause=0.02)
        async with world.relay():
            writing = asyncio.create_task(writers.write(700))
            async with asyncio.timeout(30):
                assert await member.stdout.readline() == b"ready\n"
            other = kafka.transport()
            await other.start()
            second = World(world.urls, world.store, other, tenant=world.tenant, group=world.group).consumer()
            os.kill(member.pid, signal.SIGSTOP)
            async with running(second.run()):
                await asyncio.sleep(14)
                taken = second.counts.handled
                os.kill(member.pid, signal.SIGCONT)
                await writing
                await writers.settle()
                assert taken > 0, "the other member took the partitions over"
            await other.stop()
    finally:
        member.kill()
        await member.wait()


class Unruly:
    """Delivers some messages twice, some late, and swaps neighbours of one key."""

    def __init__(self, transport: Transport) -> None:
        self._transport, self._late = transport, list[Outbound]()
        self.swapped = self.doubled = 0

    async def start(self) -> None:
        await self._transport.start()

    async def stop(self) -> None:
        await self._transport.stop()

    async def publish(self, messages: Sequence[Outbound]) -> None:
        late, self._late = self._late, []
        unruly: list[Outbound] = []
        for number, message in enumerate(messages):
            unruly.append(message)
            if number % 3 == 0:
                unruly.append(message)
                self._late.append(message)
                self.doubled += 2
        for place in range(0, len(unruly) - 1, 2):
            unruly[place], unruly[place + 1] = unruly[place + 1], unruly[place]
            self.swapped += 1
        await self._transport.publish([*unruly, *late])

    async def consume(self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Inbound]], Awaitable[None]]) -> None:
        await self._transport.consume(group, topics, handle)


async def test_deliveries_doubled_delayed_and_swapped(world: World) -> None:
    unruly = Unruly(world.transport)
    writers = Writers(world, pause=0)
    await writers.write(100)
    async with world.relay(transport=unruly), running(world.consumer().run()):
        await writers.write(50)
        await writers.settle()
    assert unruly.doubled > 0 < unruly.swapped
    assert not world.poison


async def test_two_relays_whose_leader_loses_its_connection(world: World) -> None:
    writers = Writers(world)
    killer = await asyncpg.connect(world.urls.relay)
    async with running(world.consumer().run()), world.relay() as one, world.relay() as other:
        writing = asyncio.create_task(writers.write(100))
        for _ in range(3):
            await asyncio.sleep(0.4)
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4011 AND objid = 2"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        await writing
        await writers.settle()
        assert one.relayed + other.relayed >= 400
        await eventually(lambda: _one_leads(one, other))  # whoever lost its connection just now connects again
    await killer.close()


async def test_a_clock_that_goes_backwards(kafka: Kafka, make_database: MakeDatabase) -> None:
    """Order and checkpoints come from versions and numbers, never from a clock."""
    urls, ticks = await make_database("consent"), count()
    await as_owner(urls, *DDL)
    start = datetime.now(UTC)
    store = PostgresEventStore(urls, now=lambda: start - timedelta(minutes=next(ticks)))
    await store.open()
    transport = kafka.transport()
    await transport.start()
    world = World(urls, store, transport)
    writers, sequencer = Writers(world), Sequencer(urls.relay)
    async with running(world.consumer().run()), world.relay(), running(sequencer.run()):
        await writers.write(50)
        await writers.settle()
        await eventually(lambda: _numbered(world, 200))
    numbered = [e for _, e in await store.read_numbered(world.tenant)]
    assert [e.recorded_at for e in numbered] != sorted(e.recorded_at for e in numbered)
    for key in KEYS:
        assert [int(e.data) for e in numbered if e.stream == f"client/{key}"] == list(range(50))
    await store.close()
    await transport.stop()


async def _one_leads(one: Relay, other: Relay) -> bool:
    return one.leading != other.leading


async def _numbered(world: World, wanted: int) -> bool:
    return len(await world.store.read_numbered(world.tenant)) == wanted


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A directory on a file system of its own, too small for long."""
    with server_directory() as directory:
        disk = directory / "disk"
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0711", "tmpfs", str(disk)], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            environment.not_run["a full disk under PostgreSQL"] = "mounting a small tmpfs needs root"
            pytest.skip("mounting a small tmpfs needs root")
        try:
            yield disk
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)


async def test_a_full_disk_under_postgresql(kafka: Kafka, small_disk: Path) -> None:
    with LocalPostgres(small_disk / "data") as server:
        urls = (await Postgres(server.dsn(), "own", server).make_databases("consent"))["consent"]
        transport = kafka.transport()
        await transport.start()
        async with opened_store(urls) as store:
            world = World(urls, store, transport)
            writers, ballast = Writers(world), small_disk / "ballast"
            async with running(world.consumer().run()), world.relay():
                writing = asyncio.create_task(writers.write(300))
                await asyncio.sleep(0.3)
                _fill(ballast)
                async with asyncio.timeout(60):
                    while writers.unanswered < 20 and not writing.done():
                        await asyncio.sleep(0.05)
                assert writers.unanswered > 0, "the disk never was full"
                ballast.unlink()
                await asyncio.sleep(1)
                if server.pid is None:  # without room for its log it ends; what it had acknowledged is on the disk
                    await asyncio.to_thread(server.start)
                await writing
                await writers.settle()
        await transport.stop()


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65_536))
