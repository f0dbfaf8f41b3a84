"""`make bench-pages`: the officers' pages asked for as fast as they come, and what a therapist who reads a note meanwhile feels.

One process a service, with real PostgreSQL and Kafka; the pages and the gate are one of them. Rounds without and with pages
follow one another. The callers share the machine.
"""

import asyncio
import itertools
import os
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import aiohttp
import uvloop

from benchmarks.table import Figure, write
from infra.kafka.launcher import LocalKafka
from infra.kafka.topics import create_topics
from shared.messaging.kafka_settings import KafkaSettings
from tests.e2e.processes import Fleet
from tests.e2e.rest import Person, Rest
from tests.e2e.story import Story
from tests.support.postgres import Postgres, running_postgres

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
READERS, READS, OFFICERS = 4, 1_000, 8
PAGES = ("/review/", "/review/search", "/review/search?outcome=deny", "/review/pictures", "/review/snooping")


async def reads(person: Person, path: str, count: int) -> list[float]:
    """Milliseconds of each, by some at once."""
    found: list[float] = []

    async def reader() -> None:
        while len(found) < count:
            begun = perf_counter()
            await person.get(path)
            found.append((perf_counter() - begun) * 1_000)

    await asyncio.gather(*(reader() for _ in range(READERS)))
    return found


class Looking:
    """Officers who ask for one page after the other, and do not wait."""

    def __init__(self, session: aiohttp.ClientSession, url: str, tokens: list[str]) -> None:
        self._session, self._url, self._tokens = session, url, tokens
        self.pages = self.busy = 0

    async def __aenter__(self) -> "Looking":
        self._tasks = [asyncio.create_task(self._look(token, n)) for n, token in enumerate(self._tokens)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, token: str, number: int) -> None:
        headers = {"Cookie": f"page_session={token}"}
        for page in itertools.islice(itertools.cycle(PAGES), number, None):
            async with self._session.get(self._url + page, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                assert answer.status in (200, 503), (page, answer.status)
                self.pages += answer.status == 200
                self.busy += answer.status == 503


def p99(samples: list[float]) -> float:
    return sorted(samples)[len(samples) * 99 // 100]


async def measure(postgres: Postgres, kafka: LocalKafka, folder: Path) -> list[Figure]:
    databases = await postgres.make_databases("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
    await create_topics(KafkaSettings(bootstrap=kafka.bootstrap), partitions=3)
    async with Fleet(folder, databases, kafka.bootstrap) as fleet, aiohttp.ClientSession() as session:
        rest = Rest(session, fleet.origin, fleet.issuer.mint, "bench")
        story = Story(rest)
        await story.consent_is_given()
        visit = await story.session(3)
        body = {"format": "narrative", "sections": {"narrative": "A quiet hour."}}
        note = f"/v1/notes/{(await story.marsh.post(f'/v1/sessions/{visit}/progress-notes', body)).id}"
        officers = [rest.as_(f"officer-{n}", "compliance_officer").token for n in range(OFFICERS)]
        await reads(story.marsh, note, READS)
        idle, busy, rate = [], [], []
        for _ in range(ROUNDS):
            idle.append(p99(await reads(story.marsh, note, READS)))
            async with Looking(session, fleet.origin("/review/"), officers) as looking:
                begun = perf_counter()
                busy.append(p99(await reads(story.marsh, note, READS)))
                rate.append(looking.pages / (perf_counter() - begun))
    ratio = median(busy) / median(idle)
    return [
        Figure("a note read, p99, no page asked for", round(median(idle), 1), "ms", samples=tuple(round(s, 1) for s in idle)),
        Figure(
            f"a note read, p99, while {OFFICERS} officers ask for pages without a pause",
            round(median(busy), 1),
            "ms",
            peer="no page asked for",
            peer_value=round(median(idle), 1),
            ratio=round(ratio, 2),
            samples=tuple(round(s, 1) for s in busy),
        ),
        Figure("pages meanwhile", round(median(rate), 1), "1/s", samples=tuple(round(s, 1) for s in rate)),
    ]


async def main() -> None:
    with running_postgres() as postgres, tempfile.TemporaryDirectory() as folder:
        kafka = await asyncio.to_thread(LocalKafka().start)
        try:
            write("pages", await measure(postgres, kafka, Path(folder)))
        finally:
            await asyncio.to_thread(kafka.close)


if __name__ == "__main__":
    uvloop.run(main())
