"""Durable appends: many at once against the peer package and pgbench, and the latency at a steady rate against a raw insert."""

import asyncio
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import asyncpg

from benchmarks.events_package import Package
from benchmarks.events_world import ROUNDS, SECONDS, TENANT, WRITERS, Bench, Written, at_rate, event, libpq, opened, quantile
from benchmarks.table import Figure, compared
from shared.eventstore.model import NewEvent, StreamAppend
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer
from tests.support.messaging import running

RATE = 200
SERIAL = (
    "profile: one statement and one flush of the log a batch; the process computes for 15 to 25 % of the time, PostgreSQL for as "
    "much, and both wait for the disk for the rest. Two batches of 8 side by side were tried and were no faster: each flush "
    "then holds half as many. pgbench's 16 sessions compute while another's flush runs, on as many cores as there are free"
)
"""why the figure of one tenant stays below its goals"""
BARE = "CREATE TABLE IF NOT EXISTS bare (LIKE events INCLUDING ALL); CREATE SEQUENCE IF NOT EXISTS bare_version"
"""the same columns, defaults and indexes, without row-level security and trigger"""
INSERT = """
INSERT INTO bare (tenant_id, stream, version, event_id, type, schema_version, data, meta, recorded_at)
VALUES ('bench', 'bench/' || {stream}, nextval('bare_version'), gen_random_uuid(), 'bench.written', 1, {data}, '{{}}', now())
"""
VALUE = "'\\x" + "77" * 1024 + "'::bytea"


async def throughput(bench: Bench, python: Path | None) -> list[Figure]:
    urls, peer_urls, functions_urls = [await bench.database() for _ in range(3)]
    program = shutil.which("pgbench") or shutil.which("pgbench", path=_server_programs(bench))
    own: list[float] = []
    peer: dict[bool, list[float]] = {False: [], True: []}
    bare: list[float] = []
    version = None
    async with opened(urls) as store:
        await _make_bare(urls.owner)
        sequencer = Sequencer(urls.relay)
        async with running(sequencer.run()):
            for _ in range(ROUNDS):
                own.append(await appends(store, SECONDS))
                if program:
                    bare.append(await _pgbench(program, urls.owner, bench.folder / "insert.sql"))
                if python:
                    for functions, to in ((False, peer_urls), (True, functions_urls)):
                        package = Package(python, to.owner)
                        found, version = await package.ask("append", str(WRITERS), str(SECONDS), functions=functions)
                        peer[functions].append(found)
    name = f"durable appends, {WRITERS} writers, 1 KiB events"
    figures: list[Figure] = []
    for functions, goal in ((False, 10.0), (True, None)):
        if peer[functions]:
            label = "eventsourcing on the same PostgreSQL" + (", by its database functions" if functions else "")
            figures.append(
                compared(name, "1/s", own, peer=label, peer_version=version, peer_samples=peer[functions], at_least=goal)
            )
    if bare:
        label = "pgbench, one row a transaction, 16 clients"
        pg = await _version(program or "pgbench")
        figures.append(compared(name, "1/s", own, peer=label, peer_version=pg, peer_samples=bare, at_least=1.0))
    else:
        figures.append(
            Figure(name, sorted(own)[len(own) // 2], "1/s", reason="not compared: no pgbench here", samples=tuple(own))
        )
    return [replace(f, reason=SERIAL) if f.met is False else f for f in figures]


async def latency(bench: Bench) -> list[Figure]:
    urls = await bench.database()
    own: list[float] = []
    raw: list[float] = []
    own_p99: list[float] = []
    raw_p99: list[float] = []
    async with opened(urls) as store:
        await _make_bare(urls.owner)
        pool = await asyncpg.create_pool(urls.owner, min_size=8, max_size=8, reset=_nothing)
        insert = INSERT.format(stream="$1::text", data="$2")
        data = b"w" * 1024

        async def append(number: int) -> None:
            await store.append(TENANT, [StreamAppend(f"bench/{number % WRITERS}", None, [event()])])

        async def insert_one(number: int) -> None:
            await pool.execute(insert, str(number % WRITERS), data)

        for work in (append, insert_one):
            await at_rate(RATE, RATE, work)
        for _ in range(ROUNDS):
            for work, all_taken, p99 in ((append, own, own_p99), (insert_one, raw, raw_p99)):
                taken = await at_rate(RATE, int(RATE * SECONDS), work)
                all_taken += taken
                p99.append(quantile(taken, 0.99))
        await pool.close()
    made = [
        compared(
            f"append latency p99 at {RATE}/s",
            "ms",
            own_p99,
            peer="asyncpg, one INSERT",
            peer_version=asyncpg.__version__,
            peer_samples=raw_p99,
            at_most=2.0,
        )
    ]
    made.append(
        compared(
            f"append latency p50 at {RATE}/s (every sample)",
            "ms",
            _rounded(own),
            peer="asyncpg, one INSERT",
            peer_version=asyncpg.__version__,
            peer_samples=_rounded(raw),
        )
    )
    return made


async def appends(store: PostgresEventStore, seconds: float) -> float:
    """Single-event appends a second; each writer has its own stream and expects the version it left. Ready bytes, as with the
    peer: nothing is encoded while it is measured.
    """
    ready = event().data
    end, counts = perf_counter() + seconds, [0] * WRITERS

    async def writer(number: int) -> None:
        stream, version = f"bench/{uuid4()}", 0
        while perf_counter() < end:
            one = NewEvent(uuid4(), Written.TYPE, 1, ready)
            version = (await store.append(TENANT, [StreamAppend(stream, version, [one])]))[stream]
        counts[number] = version

    begun = perf_counter()
    await asyncio.gather(*(writer(n) for n in range(WRITERS)))
    return sum(counts) / (perf_counter() - begun)


async def _pgbench(program: str, dsn: str, script: Path) -> float:
    script.write_text(INSERT.format(stream=":client_id", data=VALUE).replace("\n", " ").strip() + ";\n")
    process = await asyncio.create_subprocess_exec(
        program,
        *("-n", "-M", "prepared", "-c", str(WRITERS), "-j", "2", "-T", str(max(1, round(SECONDS))), "-f", str(script)),
        env={**os.environ, **libpq(dsn)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    found = re.search(r"tps = ([\d.]+) \(without", out.decode())
    if found is None:
        raise RuntimeError(f"pgbench failed: {err.decode(errors='replace')[-600:]}")
    return float(found.group(1))


async def _version(program: str) -> str:
    process = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()


async def _make_bare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(BARE)
    await connection.close()


def _server_programs(bench: Bench) -> str | None:
    return str(bench.postgres.server.binaries.directory) if bench.postgres.server else None


def _rounded(samples: list[float]) -> list[float]:
    return [round(s, 3) for s in samples]


async def _nothing(connection: object) -> None:
    """No reset between uses, as in the store's pool."""
