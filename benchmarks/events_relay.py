"""From one service's commit to another's through Kafka: how soon at a steady rate, and how fast a backlog drains."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import monotonic, perf_counter
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from benchmarks.events_world import (
    ROUNDS,
    SECONDS,
    TENANT,
    WRITERS,
    Bench,
    at_rate,
    event,
    opened,
    quantile,
    save_urls,
    saved_urls,
)
from benchmarks.table import Figure, compared
from shared.contracts.records import ServiceName
from shared.contracts.topics import CONSENT_POLICY
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, Publication, StreamAppend
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from shared.messaging.kafka import KafkaTransport
from shared.messaging.port import Outbound
from shared.messaging.relay import Relay
from shared.messaging.signature import EventSigner
from shared.service import clock
from tests.support.messaging import CHANGED, DDL, running, service_keys

RATE = 200
PATIENCE = 60
BACKLOG = int(os.environ.get("BENCH_BACKLOG", "100000"))
ROOT = Path(__file__).parents[1]
SIGNED = (
    "profile: 81 us of processor time an event, 44 with the bare producer; 37 of them are the Ed25519 signature over topic, "
    "key, headers and payload, without which writing to a topic would be enough to grant consent. Broker and "
    "database share the same cores"
)


async def visible(bench: Bench) -> list[Figure]:
    own, other = await bench.database(), await bench.database()
    committed: dict[int, float] = {}
    transport = KafkaTransport(bench.kafka)
    file = save_urls(other, bench.folder / "other.json")
    async with opened(own) as store, _relaying(own, transport) as relay, _listener(file, bench) as listener:
        store.on_commit(relay.wake)

        async def append(number: int) -> None:
            await store.append(TENANT, [StreamAppend(f"bench/{number % WRITERS}", None, [numbered(number)])])
            committed[number] = monotonic()

        assert listener.stdin is not None and listener.stdout is not None
        ready = asyncio.create_task(listener.stdout.readline())
        while not ready.done():
            await store.append(TENANT, [StreamAppend("bench/warm", None, [numbered(0)])])
            await asyncio.wait([ready], timeout=0.2)
        await at_rate(RATE, RATE, lambda number: append(number + 1))
        committed.clear()
        count = int(RATE * SECONDS * ROUNDS)
        await at_rate(RATE, count, lambda number: append(number + 1 + RATE))
        async with asyncio.timeout(PATIENCE):
            while await _applied(file) < RATE + count:
                await asyncio.sleep(0.2)
        listener.stdin.close()
        seen = {int(number): at for number, at in json.loads(await listener.stdout.read()).items()}
    await transport.stop()
    taken = [round((seen[number] - at) * 1000, 3) for number, at in sorted(committed.items())]
    name = f"commit → visible in another service through Kafka, at {RATE}/s"
    made = []
    for share, goal in ((0.5, 20), (0.99, 100)):
        value = round(quantile(taken, share), 2)
        samples = tuple(taken) if share == 0.5 else None
        made.append(Figure(f"{name}, p{share * 100:.0f}", value, "ms", goal=f"≤ {goal} ms", met=value <= goal, samples=samples))
    return made


async def _applied(file: Path) -> int:
    """How many events, but for the warming one, the other service has applied."""
    async with opened(saved_urls(file), *DDL) as store:
        (row,) = await store.fetch(TENANT, "SELECT count(DISTINCT number) AS applied FROM seen WHERE number > 0")
        return int(row["applied"])


async def backlog(bench: Bench) -> list[Figure]:
    urls = await bench.database()
    own: list[float] = []
    bare: list[float] = []
    transport = KafkaTransport(bench.kafka)
    await transport.start()
    rounds = min(ROUNDS, 2)
    async with opened(urls) as store:
        for _ in range(rounds):
            await _fill(store)
            outbox = Outbox(urls.relay)
            relay = _relay(outbox, transport)
            begun = perf_counter()
            async with running(relay.run()):
                while relay.relayed < BACKLOG:
                    await asyncio.sleep(0.01)
                own.append(BACKLOG / (perf_counter() - begun))
            await outbox.close()
            bare.append(await _bare(bench))
    await transport.stop()
    name = f"relay of {BACKLOG:,} waiting events of 1 KiB into Kafka"
    peer = f"aiokafka {version('aiokafka')}"
    figure = compared(name, "1/s", own, peer="a bare aiokafka producer", peer_version=peer, peer_samples=bare, at_least=0.5)
    return [replace(figure, reason=SIGNED) if figure.met is False else figure]


def numbered(number: int, tenant: str = TENANT) -> NewEvent:
    """Published with its number before it, twelve digits."""
    payload = f"{number:012d}".encode() + event().data[12:]
    return NewEvent(uuid4(), CHANGED, 1, payload, publish=(Publication(CONSENT_POLICY, f"{tenant}/{number % WRITERS}"),))


async def _fill(store: PostgresEventStore) -> None:
    for start in range(0, BACKLOG, 500):
        events = [numbered(n) for n in range(start, min(BACKLOG, start + 500))]
        await store.append(TENANT, [StreamAppend("bench/backlog", None, events)])


async def _bare(bench: Bench) -> float:
    """The same producer settings, keys, headers and bytes, ready made."""
    outbox_messages = _signed(BACKLOG)
    producer = AIOKafkaProducer(
        **bench.kafka.client_options(), enable_idempotence=True, acks="all", linger_ms=5, max_batch_size=65_536
    )
    await producer.start()
    begun = perf_counter()
    sent = [
        await producer.send(m.topic, m.payload, key=m.key.encode(), headers=[(k, v.encode()) for k, v in m.headers.items()])
        for m in outbox_messages
    ]
    await asyncio.gather(*sent)
    seconds = perf_counter() - begun
    await producer.stop()
    return BACKLOG / seconds


def _signed(count: int) -> Sequence[Outbound]:
    signer, made = EventSigner(service_keys(ServiceName.CONSENT)), []
    signed = signer.sign(CONSENT_POLICY, f"{TENANT}/0", _headers(), event().data)
    for number in range(count):
        e = numbered(number)
        made.append(Outbound(CONSENT_POLICY, e.publish[0].key, {**signed, "ce_id": str(e.event_id)}, e.data))
    return made


def _headers() -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": CHANGED,
        "ce_subject": "bench/backlog",
        "ce_time": clock.now().isoformat(),
        "ce_sequence": "100000",
        "ce_tenant": TENANT,
        "ce_schemaversion": "1",
        "content-type": "application/json",
    }


def _relay(outbox: Outbox, transport: KafkaTransport) -> Relay:
    return Relay(outbox, transport, EventSigner(service_keys(ServiceName.CONSENT)), now=clock.now, new_id=uuid4)


@asynccontextmanager
async def _relaying(urls: DatabaseUrls, transport: KafkaTransport) -> AsyncIterator[Relay]:
    outbox = Outbox(urls.relay)
    relay = _relay(outbox, transport)
    await transport.start()
    async with running(relay.run()):
        yield relay
    await outbox.close()


@asynccontextmanager
async def _listener(file: Path, bench: Bench) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "benchmarks.events_listener", str(file), bench.kafka.bootstrap, f"bench-{uuid4()}")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT, limit=1 << 26)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
