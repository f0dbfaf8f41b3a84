"""Three replicas of one service, each a process: they share the partitions; one is killed, one comes, one is told to stop."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.kafka import Kafka
from tests.support.load import Writers
from tests.support.messaging import World, eventually, opened_store
from tests.support.postgres import MakeDatabase

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]
ROOT = Path(__file__).parents[3]
SESSION_MS = 1500


class Replica:
    """A process that consumes; `handled` counts what it began to handle."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.handled = process, 0
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        while await self.process.stdout.readline():
            self.handled += 1

    async def end(self, how: signal.Signals) -> None:
        if self.process.returncode is None:
            self.process.send_signal(how)
        await self.process.wait()
        await self._listening


@asynccontextmanager
async def replica(world: World, file: Path, kafka: Kafka) -> AsyncIterator[Replica]:
    arguments = [str(file), kafka.bootstrap, world.tenant, world.group, "0.002", str(SESSION_MS)]
    command = [sys.executable, "-m", "tests.support.member", *arguments]
    made = Replica(await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE))
    try:
        yield made
    finally:
        await made.end(signal.SIGKILL)


async def test_replicas_share_rebalance_and_neither_lose_nor_double(
    kafka: Kafka, make_database: MakeDatabase, tmp_path: Path
) -> None:
    urls, file, over = await make_database("consent"), tmp_path / "urls.json", asyncio.Event()
    file.write_text(json.dumps({"app": urls.app, "relay": urls.relay}))
    transport = kafka.transport()
    await transport.start()
    async with opened_store(urls) as store:
        world = World(urls, store, transport)
        writers = Writers(world, pause=0.02)
        async with (
            world.relay(),
            replica(world, file, kafka) as one,
            replica(world, file, kafka) as two,
            replica(world, file, kafka) as three,
        ):
            writing = asyncio.create_task(writers.until(over))
            await eventually(lambda: handling(one, two, three, least=2))
            first = max((one, two, three), key=lambda r: r.handled)
            await first.end(signal.SIGKILL)
            rest = [r for r in (one, two, three) if r is not first]
            before = [r.handled for r in rest]
            await eventually(lambda: moved(rest, before))
            async with replica(world, file, kafka) as late:
                await asyncio.sleep(3)
                await rest[0].end(signal.SIGTERM)
                await eventually(lambda: handling(late, least=1))
                over.set()
                await writing
                await writers.settle()
    await transport.stop()


async def handling(*replicas: Replica, least: int) -> bool:
    """Whether so many of them have work."""
    return sum(r.handled > 0 for r in replicas) >= least


async def moved(replicas: list[Replica], before: list[int]) -> bool:
    return sum(r.handled for r in replicas) > sum(before) + 20
