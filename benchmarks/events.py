"""`make bench-events`: the event store and the relay against their peers, side by side in one run on this machine.

BENCH_ROUNDS, BENCH_SECONDS (of one side in a round), BENCH_REPLAY, BENCH_BACKLOG and BENCH_MEMORY (events) make it shorter or
longer; BENCH_ONLY names parts by comma: append, latency, replay, visible, backlog, memory.
"""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import uvloop

from benchmarks import events_append, events_memory, events_relay, events_replay
from benchmarks.events_package import PeerMissing, install
from benchmarks.events_world import Bench
from benchmarks.table import Figure, write
from infra.kafka.launcher import LocalKafka
from infra.kafka.topics import create_topics
from shared.messaging.kafka_settings import KafkaSettings
from tests.support.postgres import running_postgres, server_directory

PARTS = ("append", "latency", "replay", "visible", "memory", "backlog")


async def measure(bench: Bench) -> list[Figure]:
    wanted = os.environ.get("BENCH_ONLY", ",".join(PARTS)).split(",")
    python: Path | None = None
    if "append" in wanted or "replay" in wanted:
        try:
            python = await install(bench.folder)
        except PeerMissing as missing:
            print(f"the peer package is not compared: {missing}")
    parts = {
        "append": lambda: events_append.throughput(bench, python),
        "latency": lambda: events_append.latency(bench),
        "replay": lambda: events_replay.replay(bench, python),
        "visible": lambda: events_relay.visible(bench),
        "backlog": lambda: events_relay.backlog(bench),
        "memory": lambda: events_memory.memory(bench),
    }
    figures: list[Figure] = []
    for name in PARTS:
        if name in wanted:
            load = os.getloadavg()[0]
            print(f"{name} …", flush=True)
            begun = perf_counter()
            measured = await parts[name]()
            print("\n".join(f"  {f.figure}: {f.value} {f.unit}, {f.peer}: {f.peer_value}, ratio {f.ratio}" for f in measured))
            print(f"  {perf_counter() - begun:.0f} s", flush=True)
            note = f"load average {load:.1f} on {os.cpu_count()} cores when it began"
            figures += [replace(f, reason=f"{f.reason}; {note}" if f.reason else note) for f in measured]
    return figures


async def main() -> None:
    with running_postgres() as postgres, server_directory() as folder:
        kafka = await asyncio.to_thread(LocalKafka().start)
        try:
            settings = KafkaSettings(bootstrap=kafka.bootstrap)
            await create_topics(settings, partitions=3)
            write(
                "events" if "BENCH_ONLY" not in os.environ else "events-partial", await measure(Bench(postgres, settings, folder))
            )
        finally:
            await asyncio.to_thread(kafka.close)
            await postgres.drop_databases()


if __name__ == "__main__":
    uvloop.run(main())
