"""Sixteen writers over two processes' stores, a sequencer whose lead changes hands, connections that are cut: a state machine.

After every step: no gap, no inversion, no event lost, over at least 100,000 appends in all.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, StoreUnavailable, StreamAppend, UniqueViolation, VersionConflict
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer
from shared.service.clock import now
from tests.support.postgres import MakeDatabase

WRITERS = 16
APPENDS = 100_000
Result = TypeVar("Result")


class Machine(RuleBasedStateMachine):
    loop: asyncio.AbstractEventLoop
    urls: DatabaseUrls
    stores: tuple[PostgresEventStore, PostgresEventStore]
    appended = 0

    @initialize()
    def begin(self) -> None:
        self.tenant = f"t-{uuid4()}"
        self.acknowledged: dict[str, list[UUID]] = {}
        self.read: list[tuple[int, str, int, UUID]] = []
        self.sequencers = [Sequencer(self.urls.relay) for _ in range(2)]
        self.leader = 0

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(work)

    @rule(each=st.integers(20, 80), streams=st.integers(1, 24), guarded=st.booleans())
    def sixteen_write(self, each: int, streams: int, guarded: bool) -> None:
        self.run(self._write(each, streams, guarded))

    @rule(each=st.integers(10, 30))
    def sixteen_write_while_connections_are_cut(self, each: int) -> None:
        async def both() -> None:
            writing = asyncio.create_task(self._write(each, 16, guarded=False))
            killer = await asyncpg.connect(self.urls.app)
            for _ in range(3):
                await asyncio.sleep(0.02)
                await killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
                    " AND datname = current_database() AND pid <> pg_backend_pid()"
                )
            await killer.close()
            await writing

        self.run(both())

    @rule()
    def the_other_leads(self) -> None:
        self.run(self.sequencers[self.leader].close())
        self.leader = 1 - self.leader

    @rule()
    def read_on_while_sixteen_write(self) -> None:
        async def both() -> None:
            writing = asyncio.create_task(self._write(20, 8, guarded=True))
            while not writing.done():
                await self._catch_up()
                await self._read_on()
            await writing

        self.run(both())

    @invariant()
    def nothing_is_lost_doubled_or_out_of_order(self) -> None:
        if hasattr(self, "tenant"):
            self.run(self._check())

    def teardown(self) -> None:
        if hasattr(self, "sequencers"):
            for sequencer in self.sequencers:
                self.run(sequencer.close())

    async def _write(self, each: int, streams: int, guarded: bool) -> None:
        await asyncio.gather(*(self._writer(n, each, streams, guarded) for n in range(WRITERS)))

    async def _writer(self, number: int, each: int, streams: int, guarded: bool) -> None:
        store, stream = self.stores[number % 2], f"s/{number % streams}"
        for _ in range(each):
            one = NewEvent(uuid4(), "x.written", 1, b"{}")
            while True:
                try:
                    at = await store.version(self.tenant, stream) if guarded else None
                    await store.append(self.tenant, [StreamAppend(stream, at, [one])])
                except (VersionConflict, StoreUnavailable):
                    await asyncio.sleep(0)
                except UniqueViolation:  # written, and the answer was lost
                    break
                else:
                    break
            self.acknowledged.setdefault(stream, []).append(one.event_id)
            Machine.appended += 1

    async def _catch_up(self) -> None:
        for turn in (self.leader, 1 - self.leader):
            if await self.sequencers[turn].catch_up():
                self.leader = turn
                return

    async def _read_on(self) -> None:
        after = self.read[-1][0] if self.read else 0
        while page := await self._page(after):
            self.read += [(n, e.stream, e.version, e.event_id) for n, e in page]
            after = page[-1][0]

    async def _page(self, after: int) -> list[Any]:
        while True:
            try:
                return await self.stores[0].read_numbered(self.tenant, after, 1000)
            except StoreUnavailable:
                await asyncio.sleep(0.01)

    async def _check(self) -> None:
        for _ in range(200):
            await self._catch_up()
            await self._read_on()
            if len(self.read) >= sum(map(len, self.acknowledged.values())):
                break
            await asyncio.sleep(0.01)  # an older transaction still holds the fence
        numbers = [n for n, *_ in self.read]
        assert numbers == sorted(set(numbers)), "no inversion for a reader that goes on from where it was"
        versions: Counter[str] = Counter()
        for _, stream, version, _ in self.read:
            versions[stream] += 1
            assert version == versions[stream], "no gap in a stream"
        assert sorted(i for *_, i in self.read) == sorted(i for ids in self.acknowledged.values() for i in ids)


@pytest.mark.long
async def test_no_gap_no_inversion_no_lost_event_over_100_000_appends(make_database: MakeDatabase) -> None:
    urls = await make_database("consent")
    await asyncio.to_thread(_run, urls)


def _run(urls: DatabaseUrls) -> None:
    """On a loop of its own: Hypothesis calls from outside of any."""
    with asyncio.Runner() as runner:
        loop = Machine.loop = runner.get_loop()
        Machine.urls, Machine.appended = urls, 0
        stores = Machine.stores = (PostgresEventStore(urls, now=now), PostgresEventStore(urls, now=now))
        for store in stores:
            loop.run_until_complete(store.open())
        steps = settings(
            max_examples=4, stateful_step_count=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        while Machine.appended < APPENDS:
            run_state_machine_as_test(Machine, settings=steps)
        dense = loop.run_until_complete(_dense(urls))
        for store in stores:
            loop.run_until_complete(store.close())
        assert dense, "one dense sequence over every tenant"
        print(f"{Machine.appended} appends")


async def _dense(urls: DatabaseUrls) -> bool:
    relay = await asyncpg.connect(urls.relay)
    try:
        row = await relay.fetchrow("SELECT count(*) AS n, min(global_seq) AS low, max(global_seq) AS high FROM sequence")
        assert row is not None
        return bool(row["low"] == 1 and row["high"] == row["n"] >= APPENDS)
    finally:
        await relay.close()
