"""Replay: the whole log into typed objects, page by page, against the peer package's own read of its log."""

import os
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from benchmarks.events_package import Package
from benchmarks.events_world import ROUNDS, TENANT, TYPES, Bench, event, opened
from benchmarks.table import Figure, compared
from shared.eventstore.model import StreamAppend
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer

COUNT = int(os.environ.get("BENCH_REPLAY", "200000"))
PAGE = 5000
READ = (
    "profile: 5 us an event are the driver's rows and the store's tuples, 3 us the typed object (orjson, pydantic); the rest is "
    "waiting for PostgreSQL, which joins the sequence and the events: the next page is fetched meanwhile, on a free core"
)


async def replay(bench: Bench, python: Path | None) -> list[Figure]:
    urls, peer_urls = await bench.database(), await bench.database()
    own: list[float] = []
    peer: list[float] = []
    version = None
    async with opened(urls) as store:
        for start in range(0, COUNT, 1000):
            await store.append(TENANT, [StreamAppend(f"bench/{start}", 0, [event() for _ in range(1000)])])
        sequencer = Sequencer(urls.relay)
        assert await sequencer.catch_up()
        await sequencer.close()
        package = Package(python, peer_urls.owner) if python else None
        if package:
            await package.ask("fill", str(COUNT))
        for _ in range(ROUNDS):
            own.append(await _read(store))
            if package:
                (seconds, count), version = await package.ask("replay", str(PAGE))
                peer.append(count / seconds)
    name = f"replay of {COUNT:,} events of 1 KiB into typed objects"
    if not peer:
        return [Figure(name, sorted(own)[len(own) // 2], "1/s", samples=tuple(own), reason="not compared: the peer is missing")]
    figure = compared(name, "1/s", own, peer="eventsourcing", peer_version=version, peer_samples=peer, at_least=3.0)
    return [replace(figure, reason=READ) if figure.met is False else figure]


async def _read(store: PostgresEventStore) -> float:
    begun, count = perf_counter(), 0
    async for page in store.read_ahead(TENANT, 0, PAGE):
        for _, e in page:
            TYPES.load(tenant=TENANT, event_type=e.type, schema_version=e.schema_version, event_id=e.event_id, data=e.data)
        count += len(page)
    assert count == COUNT
    return count / (perf_counter() - begun)
