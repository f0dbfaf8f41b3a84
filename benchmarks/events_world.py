"""What the event benchmarks stand on: one PostgreSQL, one broker, fresh databases, events of 1 KiB."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID, uuid4

import orjson

from infra.postgres.provision import OwnedDatabase
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, Publication
from shared.eventstore.postgres import PostgresEventStore
from shared.messaging.kafka_settings import KafkaSettings
from shared.sealing.event import Event, EventTypes
from shared.service import clock
from tests.support.postgres import Postgres, as_owner

TENANT = "bench"
WRITERS = 16
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
"""length of one round of one side"""
KIBIBYTE = 1024


class Written(Event):
    """The event that is replayed; the peer's has the same fields."""

    TYPE: ClassVar[str] = "bench.written"
    RECORD: ClassVar[str] = "record_id_"
    record_id_: UUID
    words: Annotated[str, "fills the event up to 1 KiB"]


TYPES = EventTypes(Written)


@dataclass(frozen=True)
class Bench:
    postgres: Postgres
    kafka: KafkaSettings
    folder: Path

    async def database(self) -> OwnedDatabase:
        return (await self.postgres.make_databases("consent"))["consent"]


@asynccontextmanager
async def opened(urls: DatabaseUrls, *ddl: str) -> AsyncIterator[PostgresEventStore]:
    """`ddl` is for the process that was handed the owner's login; the others find it done."""
    if isinstance(urls, OwnedDatabase):
        await as_owner(urls, *ddl)
    store = PostgresEventStore(urls, now=clock.now)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def event(publish: tuple[Publication, ...] = ()) -> NewEvent:
    """1 KiB of canonical JSON."""
    data = {"client_id": str(uuid4()), "record_id_": str(uuid4()), "words": ""}
    data["words"] = "w" * (KIBIBYTE - len(orjson.dumps(data)))
    return NewEvent(uuid4(), Written.TYPE, 1, orjson.dumps(data), publish=publish)


def libpq(dsn: str) -> dict[str, str]:
    """The environment in which PostgreSQL's programs connect; a command line would show the password."""
    parts = urlsplit(dsn)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "PGHOST": query.get("host") or parts.hostname or "localhost",
        "PGPORT": query.get("port") or str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def at_rate(per_second: float, count: int, work: Callable[[int], Awaitable[None]]) -> list[float]:
    """`work(n)` begun at a fixed rate, whether earlier ones have ended or not: milliseconds of each from its due time."""
    begun = perf_counter()
    taken: list[float] = []

    async def one(number: int, due: float) -> None:
        await work(number)
        taken.append((perf_counter() - due) * 1000)

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            due = begun + number / per_second
            await asyncio.sleep(max(0.0, due - perf_counter()))
            tasks.create_task(one(number, due))
    return taken


def save_urls(urls: DatabaseUrls, path: Path) -> Path:
    """For a process of its own; only this account reads it."""
    path.touch(mode=0o600)
    path.write_text(json.dumps({"app": urls.app, "relay": urls.relay}))
    return path


def saved_urls(path: Path) -> DatabaseUrls:
    return DatabaseUrls(**json.loads(path.read_text()))
