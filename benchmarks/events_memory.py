"""Memory of one service (store, sequencer, relay, consumer) as its events grow: a process of its own is watched.

Every tenth event is published, relayed, consumed again and applied.

    python -m benchmarks.events_memory <database file> <bootstrap> <events>
"""

import asyncio
import gc
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from uuid import uuid4

import uvloop

from benchmarks.events_relay import ROOT, numbered
from benchmarks.events_world import WRITERS, Bench, event, opened, save_urls, saved_urls
from benchmarks.table import Figure
from shared.eventstore.model import Statement, StreamAppend
from shared.eventstore.sequencer import Sequencer
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.port import Effect, Message
from tests.support.messaging import DDL, World, eventually, running

COUNT = int(os.environ.get("BENCH_MEMORY", "100000"))
FULL = 1_000_000
"""what the goal speaks of; a shorter run shows a figure and judges nothing"""
PUBLISHED = 10
WATCHED = "memory"
"""a tenant of its own: the topic holds what other parts published"""
SAMPLES = 20


async def memory(bench: Bench) -> list[Figure]:
    urls = await bench.database()
    file, first = save_urls(urls, bench.folder / "memory.json"), COUNT // 10
    command = (sys.executable, "-m", "benchmarks.events_memory", str(file), bench.kafka.bootstrap, str(COUNT))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=ROOT)
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the watched service failed")
    samples = [float(s) for s in json.loads(out)]
    begin, end = samples[SAMPLES // 10 - 1], samples[-1]
    ratio = end / begin
    return [
        Figure(
            f"memory of one service after {COUNT:,} events",
            round(end, 1),
            "MiB",
            f"after {first:,}",
            round(begin, 1),
            round(ratio, 3),
            "≤ 1.1 ×",
            ratio <= 1.1 if COUNT >= FULL else None,
            None if COUNT >= FULL else "short run; 1,000,000 by make bench-events-long",
            samples=tuple(samples),
        )
    ]


async def serve(database: str, bootstrap: str, count: int) -> list[float]:
    """MiB resident after each twentieth of the events, once what they caused has come to rest."""
    urls, transport = saved_urls(Path(database)), KafkaTransport(KafkaSettings(bootstrap=bootstrap))
    await transport.start()
    samples: list[float] = []
    async with opened(urls, *DDL) as store:
        world = World(urls, store, transport, tenant=WATCHED, group=f"bench-{uuid4()}")
        consumer, sequencer = world.consumer(_apply), Sequencer(urls.relay)
        async with running(consumer.run()), world.relay() as relay, running(sequencer.run()):
            for turn in range(1, SAMPLES + 1):
                per_writer = count // SAMPLES // WRITERS

                async def write(number: int, events: int = per_writer) -> None:
                    for n in range(events):
                        one = numbered(n, WATCHED) if n % PUBLISHED == 0 else event()
                        await store.append(WATCHED, [StreamAppend(f"bench/{number}", None, [one])])

                await asyncio.gather(*(write(n) for n in range(WRITERS)))
                wanted = turn * WRITERS * len(range(0, per_writer, PUBLISHED))

                async def settled(wanted: int = wanted) -> bool:
                    return relay.relayed >= wanted and consumer.counts.handled >= wanted

                await eventually(settled)
                gc.collect()
                samples.append(_resident())
    await transport.stop()
    return samples


async def _apply(message: Message) -> Effect:
    insert = "INSERT INTO seen (tenant_id, key, number) VALUES ($1, $2, $3)"
    return Effect(statements=(Statement(insert, (message.tenant, message.key, int(message.payload[:12]))),))


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
