"""kill -9 between every two steps of append → relay → produce → consume → commit: each process ends itself at one of them."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.kafka import Kafka
from tests.support.load import KEYS
from tests.support.messaging import World, eventually, opened_store
from tests.support.postgres import MakeDatabase
from tests.support.steps import STEPS

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]
ROOT = Path(__file__).parents[3]
EACH = 6
"""events of each client in one process"""
SECONDS = 60.0


async def test_what_was_acknowledged_is_there_once_and_in_order(
    kafka: Kafka, make_database: MakeDatabase, tmp_path: Path
) -> None:
    urls, file = await make_database("consent"), tmp_path / "urls.json"
    file.write_text(json.dumps({"app": urls.app, "relay": urls.relay}))
    acknowledged: dict[str, set[int]] = {key: set() for key in KEYS}
    async with opened_store(urls) as store:
        world = World(urls, store, kafka.transport())
        for step in STEPS:
            code, said = await _lived(file, kafka, world, step, acknowledged)
            assert (code, said) == (-signal.SIGKILL, f"at {step}"), step
        assert await _lived(file, kafka, world, "none", acknowledged) == (0, "written")
        for key, numbers in acknowledged.items():
            stored = [int(e.data) for e in await store.read_stream(world.tenant, f"client/{key}")]
            assert stored == list(range(len(stored))), "once, and in order"
            assert numbers <= set(stored), "what was acknowledged is there"
            assert (await world.seen())[key] == stored, "on the other side as well"
        assert await world.parked() == {}


async def _lived(file: Path, kafka: Kafka, world: World, step: str, acknowledged: dict[str, set[int]]) -> tuple[int | None, str]:
    """The process's end and the last that it said of itself."""
    command = [
        sys.executable,
        "-m",
        "tests.support.steps",
        str(file),
        kafka.bootstrap,
        world.tenant,
        world.group,
        step,
        str(EACH),
    ]
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    assert process.stdin is not None and process.stdout is not None
    said = ""
    try:
        async with asyncio.timeout(SECONDS):
            while line := (await process.stdout.readline()).decode().strip():
                if line.startswith("done "):
                    _, key, number = line.split()
                    acknowledged[key].add(int(number))
                    continue
                said = line
                if said == "written" and step == "none":
                    await eventually(lambda: _all_seen(world))
                    process.stdin.close()
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said


async def _all_seen(world: World) -> bool:
    seen = await world.seen()
    for key in KEYS:
        if len(seen.get(key, [])) < await world.store.version(world.tenant, f"client/{key}"):
            return False
    return True
