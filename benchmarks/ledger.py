"""`make bench-ledger`: appends, proofs and verification of the ledger, beside their peers, in one run on this machine.

BENCH_ROUNDS and BENCH_SECONDS as everywhere; BENCH_ENTRIES: entries of the log whose proofs are timed (1,000,000).
"""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

import uvloop

from benchmarks.ledger_appends import appends, beside_pymerkle
from benchmarks.table import Figure, write
from infra.progress import Progress
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.domain.verification import Report
from tests.support.ledger import entry, open_ledger, signed
from tests.support.postgres import running_postgres, server_directory

ENTRIES = int(os.environ.get("BENCH_ENTRIES", "1000000"))
PROOFS = 2_000
BATCH = 2_000
TENANT = "million"


async def fill(ledger: PostgresLedger) -> None:
    progress = Progress(ENTRIES, "filling the log")
    for begin in range(0, ENTRIES, BATCH):
        count = min(BATCH, ENTRIES - begin)
        await ledger.append(TENANT, [entry(n) for n in range(begin, begin + count)])
        progress.step(count)
    progress.close()
    for _ in range(600):
        note = await ledger.checkpoint(TENANT)
        if note is not None and note.split(b"\n")[1] == str(ENTRIES).encode():
            return
        await asyncio.sleep(0.5)
    raise RuntimeError("the tree did not follow")


async def proofs(ledger: PostgresLedger) -> Figure:
    """One after the other, of random entries: what somebody waits who asks for one."""
    chance, times = random.Random(1), []  # noqa: S311
    for index in [chance.randrange(ENTRIES) for _ in range(PROOFS)]:
        begun = perf_counter()
        await ledger.proof(TENANT, index)
        times.append((perf_counter() - begun) * 1000)
    times.sort()
    p99 = times[int(len(times) * 0.99)]
    return Figure(
        f"proof of one of {ENTRIES:,} entries, p99",
        round(p99, 3),
        "ms",
        goal="≤ 5 ms",
        met=p99 <= 5,
        reason=f"median {times[len(times) // 2]:.2f} ms of {PROOFS:,} one after the other",
    )


async def verification(ledger: PostgresLedger) -> list[Figure]:
    figures = []
    for name, goal, check in (
        ("the tree of a whole log verified", 100_000, ledger.verify_tree),
        ("a whole log verified, with payload commitments", 20_000, ledger.verify),
    ):
        begun, spent = perf_counter(), process_time()
        report: Report = await check(TENANT)
        took, spent = perf_counter() - begun, process_time() - spent
        if not report.ok or report.entries != ENTRIES:
            raise RuntimeError(report.what)
        rate = ENTRIES / took
        figures.append(
            Figure(
                name,
                round(rate),
                "entries/s",
                goal=f"≥ {goal:,}/s",
                met=rate >= goal,
                reason=f"{took:.1f} s, {spent:.1f} s of them this process's own",
            )
        )
    return figures


async def measure(folder: Path) -> list[Figure]:
    with running_postgres() as postgres:
        async with AsyncExitStack() as stack:
            urls = (await postgres.make_databases("audit_log"))["audit_log"]
            ledger = await stack.enter_async_context(open_ledger(urls, folder / "anchors"))
            await ledger.append("bench", [entry()])
            await signed(ledger, "bench", 0)
            load = os.getloadavg()[0]
            figures, reached = await appends(ledger, urls)
            figures += await beside_pymerkle(folder, reached)
            await fill(ledger)
            figures += [await proofs(ledger), *await verification(ledger)]
        await postgres.drop_databases()
    note = f"load average {load:.1f} on {os.cpu_count()} cores when it began"
    return [replace(f, reason=f"{f.reason}; {note}" if f.reason else note) for f in figures]


async def main() -> None:
    with server_directory() as folder:
        write("ledger" if ENTRIES == 1_000_000 else "ledger-partial", await measure(folder))


if __name__ == "__main__":
    uvloop.run(main())
