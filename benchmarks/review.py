"""`make bench-review`: the officers' pages over 1,000,000 entries of 2,000 clients and 300 people, on real PostgreSQL; how long
each page takes as a browser would ask for it, and what an export of everything needs of memory."""

import gc
import os
import random
import re
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import aiohttp
import uvloop

from benchmarks.review_seed import CLIENT_IDS, PEOPLE, TENANT, seed
from benchmarks.table import Figure, write
from infra.embedded.runtime import Embedded, EmbeddedSettings
from infra.progress import Progress
from services.audit_log.bootstrap import AuditLogService
from tests.support.http import serving
from tests.support.postgres import Postgres, running_postgres

COUNT = int(os.environ.get("BENCH_REVIEW_ENTRIES", "1000000"))
EXPORT_FROM = os.environ.get("BENCH_REVIEW_EXPORT_FROM", "")
"""first day of the longer export; everything without one"""
ROUNDS = 40
GOAL_MS = 300.0
MEMORY_MIB = 64.0
_FORM = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


def pages(rng: random.Random) -> dict[str, Callable[[], str]]:
    """A page with other parameters each time."""

    def client() -> str:
        return rng.choice(CLIENT_IDS)

    def day(month: int) -> str:
        return f"2026-{month:02}-{rng.randrange(1, 28):02}"

    def person() -> str:
        return f"staff-{rng.randrange(PEOPLE):03}"

    return {
        "today": lambda: "/review/",
        "search, nothing asked": lambda: "/review/search",
        "search by client": lambda: f"/review/search?client_id={client()}",
        "search by person": lambda: f"/review/search?agent={person()}",
        "search by a person's name": lambda: f"/review/search?agent=Person+{rng.randrange(PEOPLE):03}",
        "search by dates": lambda: f"/review/search?from={day(3)}&to={day(5)}",
        "search by outcome and dates": lambda: f"/review/search?outcome=deny&from={day(2)}&to={day(6)}",
        "search by purpose": lambda: "/review/search?purpose=HLEGAL",
        "search by rare purpose and action": lambda: "/review/search?purpose=HLEGAL&action=export&outcome=deny",
        "search by a purpose that nobody had": lambda: "/review/search?purpose=HRESCH&action=read",
        "search by an outcome that no use has": lambda: "/review/search?outcome=done&kind=disclosure",
        "search by person and rare purpose": lambda: f"/review/search?agent={person()}&purpose=HLEGAL",
        "search by client, person, action": lambda: f"/review/search?client_id={client()}&agent={person()}&action=read",
        "one entry, why": lambda: f"/review/entries/{rng.randrange(COUNT)}",
        "pictures, ninety days": lambda: "/review/pictures",
        "pictures, a year": lambda: f"/review/pictures?from=2025-12-01&to={day(11)}",
        "one client's timeline": lambda: f"/review/pictures/clients/{client()}",
        "snooping review": lambda: "/review/snooping",
        "one person's questions": lambda: f"/review/snooping/person?sub={person()}",
    }


async def sign_in(session: aiohttp.ClientSession, url: str, token: str) -> None:
    async with session.get(f"{url}/review/sign-in") as answer:
        found = _FORM.search(await answer.text())
    assert found is not None
    fields = {"form_token": found[1], "token": token}
    async with session.post(f"{url}/review/sign-in", data=fields, headers={"Sec-Fetch-Site": "same-origin"}) as answer:
        assert answer.status == 200


async def timed(session: aiohttp.ClientSession, url: str, path: Callable[[], str]) -> list[float]:
    """Milliseconds, the first three rounds left out."""
    found = []
    for _ in range(ROUNDS + 3):
        asked, started = path(), perf_counter()
        async with session.get(url + asked) as answer:
            await answer.read()
            assert answer.status == 200, asked
        found.append((perf_counter() - started) * 1_000)
    return found[3:]


def resident_mib() -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1_024 if found else 0.0


@dataclass(frozen=True)
class Exported:
    lines: int
    seconds: float
    start_mib: float
    peak_mib: float
    """of this process: the service, and the client that reads"""

    @property
    def above(self) -> float:
        return max(0.0, self.peak_mib - self.start_mib)

    def memory(self, goal: float | None = None) -> Figure:
        return Figure(
            f"export as CSV of {self.lines:,} entries, peak memory above the start",
            round(self.above, 1),
            "MiB",
            goal=None if goal is None else f"< {goal:g} MiB",
            met=None if goal is None else self.above < goal,
            reason=f"{self.start_mib:.0f} MiB at the start, {self.peak_mib:.0f} at the highest",
        )


async def export(session: aiohttp.ClientSession, url: str, query: str) -> Exported:
    gc.collect()
    before, highest, lines, started = resident_mib(), 0.0, 0, perf_counter()
    progress = Progress(COUNT, "exporting")
    async with session.get(f"{url}/review/search.csv{query}", timeout=aiohttp.ClientTimeout(total=3_600)) as answer:
        async for chunk in answer.content.iter_chunked(1 << 18):
            new = chunk.count(b"\r\n")
            lines += new
            progress.step(new)
            highest = max(highest, resident_mib())
    progress.close()
    return Exported(lines - 1, perf_counter() - started, before, highest)


async def main(postgres: Postgres, folder: Path) -> list[Figure]:
    prefix = f"b{secrets.token_hex(4)}_"
    settings = EmbeddedSettings(folder, "http://127.0.0.1", admin_dsn=postgres.admin_dsn, database_prefix=prefix)
    figures: list[Figure] = []
    async with Embedded(settings) as running:
        assert postgres.server is not None, "this benchmark needs a PostgreSQL of its own"
        await seed(postgres.server.dsn(f"{prefix}audit_log"), COUNT)
        audit = running.services[0]
        assert isinstance(audit, AuditLogService) and running.app is not None
        started = perf_counter()
        await audit.review.judging.all(TENANT)
        took = perf_counter() - started
        figures.append(Figure("entries in the ledger", COUNT, "entries"))
        figures.append(Figure("accesses judged and counted", round(COUNT / took), "entries/s"))
        token = running.issuer.token({"sub": "officer", "name": "R. Ilves", "role": "compliance_officer", "tenant": TENANT})
        jar = aiohttp.CookieJar(unsafe=True)
        async with serving(running.app) as url, aiohttp.ClientSession(cookie_jar=jar) as session:
            await sign_in(session, url, token)
            for name, path in pages(random.Random(3)).items():  # noqa: S311
                samples = sorted(await timed(session, url, path))
                p95 = samples[int(len(samples) * 0.95)]
                figures.append(
                    Figure(
                        f"{name}, p95",
                        round(p95, 1),
                        "ms",
                        goal=f"< {GOAL_MS:g} ms",
                        met=p95 < GOAL_MS,
                        samples=tuple(round(s, 1) for s in samples),
                    )
                )
            tenth = await export(session, url, "?from=2026-01-01&to=2026-02-05")
            write("review", figures)
            whole = await export(session, url, f"?from={EXPORT_FROM}" if EXPORT_FROM else "")
            speed = round(whole.lines / whole.seconds)
            figures.append(Figure("export as CSV", speed, "entries/s", reason=f"{whole.lines:,} entries"))
            figures += [tenth.memory(), whole.memory(MEMORY_MIB)]
    return figures


if __name__ == "__main__":
    with running_postgres() as server, tempfile.TemporaryDirectory(prefix="bench-review-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        write("review", uvloop.run(main(server, Path(folder))))
