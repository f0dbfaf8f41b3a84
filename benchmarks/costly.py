"""`make bench-costly`: ten reports at once, and what a therapist who reads a note meanwhile feels of them.

The services run in this process, reports in processes of their own; everything is on this machine, with a real PostgreSQL. Rounds
without and with reports follow one another, so that what else the machine does falls on both.
"""

import asyncio
import os
import secrets
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import aiohttp
import uvloop

from benchmarks.table import Figure, write
from infra.embedded.demo import demo_clinic
from infra.embedded.runtime import Embedded, EmbeddedSettings
from services.audit_log.bootstrap import AuditLogService
from tests.support.http import serving
from tests.support.ledger import entry
from tests.support.postgres import Postgres, running_postgres

REPORTS, TENANTS = 10, 2
ROWS = int(os.environ.get("BENCH_ROWS", "1000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
READERS, IDLE_READS, LEAST_READS = 4, 1_000, 1_000
AT_MOST = 2.0


class Reading:
    """A note read again and again by some at once: milliseconds of each."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session, self._url, self._headers = session, url, {"Authorization": f"Bearer {token}"}

    async def while_(self, going_on: "asyncio.Future[list[float]] | None", least: int) -> list[float]:
        found: list[float] = []

        async def reader() -> None:
            while len(found) < least or (going_on is not None and not going_on.done()):
                started = perf_counter()
                async with self._session.get(self._url, headers=self._headers) as answer:
                    await answer.read()
                    assert answer.status == 200
                found.append((perf_counter() - started) * 1_000)

        await asyncio.gather(*(reader() for _ in range(READERS)))
        return found


def p99(samples: list[float]) -> float:
    return sorted(samples)[len(samples) * 99 // 100]


async def main(postgres: Postgres, folder: Path) -> list[Figure]:
    settings = EmbeddedSettings(
        folder, "http://127.0.0.1", admin_dsn=postgres.admin_dsn, database_prefix=f"b{secrets.token_hex(4)}_"
    )
    async with Embedded(settings) as running:
        audit = running.services[0]
        assert isinstance(audit, AuditLogService) and running.app is not None
        tenants = [f"bench-{n}" for n in range(TENANTS)]
        for tenant in tenants:
            await audit._ledger.append(tenant, [entry(n) for n in range(ROWS)])
        async with serving(running.app) as url, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
            demo = await demo_clinic(session, url, folder / "demo.json")
            note = Reading(session, f"{url}/v1/notes/{demo.note_id}", demo.tokens["THERAPIST"])
            await note.while_(None, LEAST_READS)

            async def report(number: int) -> float:
                claims = {"sub": f"officer-{number}", "role": "compliance_officer", "tenant": tenants[number % TENANTS]}
                headers = {"Authorization": f"Bearer {running.issuer.token(claims)}"}
                started = perf_counter()
                async with session.get(f"{url}/v1/audit/exports/activity", headers=headers) as answer:
                    assert answer.status == 200, await answer.text()
                    await answer.read()
                return perf_counter() - started

            idle, busy, took = [], [], []
            for _ in range(ROUNDS):
                idle.append(p99(await note.while_(None, IDLE_READS)))
                started = perf_counter()
                reports = asyncio.gather(*map(report, range(REPORTS)))
                busy.append(p99(await note.while_(reports, LEAST_READS)))
                await reports
                took.append(perf_counter() - started)
    ratio = median(busy) / median(idle)
    return [
        Figure("a note read, p99, nothing else asked", round(median(idle), 1), "ms", samples=tuple(round(s, 1) for s in idle)),
        Figure(
            f"a note read, p99, beside {REPORTS} reports at once",
            round(median(busy), 1),
            "ms",
            peer="nothing else asked",
            peer_value=round(median(idle), 1),
            ratio=round(ratio, 2),
            goal=f"≤ {AT_MOST:g} ×",
            met=ratio <= AT_MOST,
            samples=tuple(round(s, 1) for s in busy),
        ),
        Figure(f"{REPORTS} reports of {ROWS:,} rows", round(median(took), 1), "s", samples=tuple(round(s, 1) for s in took)),
    ]


if __name__ == "__main__":
    with running_postgres() as server, tempfile.TemporaryDirectory(prefix="bench-costly-", dir="/tmp") as temporary:
        Path(temporary).chmod(0o711)
        write("costly", uvloop.run(main(server, Path(temporary))))
