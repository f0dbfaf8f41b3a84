import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from infra.postgres.launcher import LocalPostgres
from shared.eventstore.model import Statement, StoreUnavailable
from shared.eventstore.postgres import PostgresEventStore
from shared.service.clock import now
from tests.support.events import event, to
from tests.support.postgres import Postgres, server_directory

TENANT = "haven"


@dataclass
class Own:
    server: LocalPostgres
    store: PostgresEventStore


@pytest.fixture
async def own() -> AsyncIterator[Own]:
    """A server of this test's own: it is stopped and killed."""
    with server_directory() as directory, LocalPostgres(directory / "data") as server:
        urls = (await Postgres(server.dsn(), "own", server).make_databases("consent"))["consent"]
        store = PostgresEventStore(urls, now=now)
        await store.open()
        yield Own(server, store)
        await store.close()


async def test_it_comes_back_with_postgresql(own: Own) -> None:
    await own.store.append(TENANT, [to("note/1", at=0)])
    assert await own.store.ready()
    own.server.stop()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await own.store.append(TENANT, [to("note/1")])
        with pytest.raises(StoreUnavailable):
            await own.store.read_stream(TENANT, "note/1")
        with pytest.raises(StoreUnavailable):
            await own.store.fetch(TENANT, "SELECT 1")
        assert not await own.store.ready()
    own.server.start()
    assert await own.store.append(TENANT, [to("note/1", at=1)]) == {"note/1": 2}
    assert await own.store.ready()


async def test_what_was_acknowledged_survives_kill_9(own: Own) -> None:
    acknowledged: list[tuple[int, int]] = []
    unknown = 0
    killed = asyncio.Event()

    async def write(writer: int) -> None:
        nonlocal unknown
        for n in range(200):
            try:
                await own.store.append(TENANT, [to(f"note/{writer}", event(str(n)))])
                acknowledged.append((writer, n))
            except StoreUnavailable:
                unknown += 1
                await killed.wait()

    async def kill() -> None:
        await asyncio.sleep(0.15)
        assert own.server.pid is not None
        os.kill(own.server.pid, signal.SIGKILL)
        while own.server.pid is not None:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(own.server.start)
        killed.set()

    await asyncio.gather(kill(), *(write(w) for w in range(16)))
    stored = {
        (w, int(e.data.decode().split('"')[3])) for w in range(16) for e in await own.store.read_stream(TENANT, f"note/{w}")
    }
    assert unknown > 0, "the kill came too late to be met"
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + unknown


async def test_a_connection_that_is_cut_is_no_fault_of_the_program(own: Own) -> None:
    """Refused would make a consumer park a message for good."""
    killer = await asyncpg.connect(own.server.dsn())
    met: list[Exception] = []

    async def work(number: int) -> None:
        for _ in range(40):
            try:
                if number % 2:
                    await own.store.append(TENANT, [to(f"note/{number}")], statements=(Statement("SELECT pg_sleep(0.002)"),))
                else:
                    await own.store.fetch(TENANT, "SELECT pg_sleep(0.002)")
            except Exception as error:
                met.append(error)

    async def cut() -> None:
        for _ in range(40):
            await asyncio.sleep(0.01)
            await killer.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%_app'")

    await asyncio.gather(cut(), *(work(n) for n in range(12)))
    await killer.close()
    assert met, "no cut was met"
    assert {type(error) for error in met} == {StoreUnavailable}
