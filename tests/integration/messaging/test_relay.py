"""The relay: one leads, rows leave in order and only once confirmed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest

from shared.contracts.topics import CONSENT_POLICY
from shared.messaging.in_process import InProcessBus
from shared.messaging.port import Inbound, Outbound
from shared.messaging.relay import Beat
from tests.support.messaging import World, eventually, opened_store, running
from tests.support.postgres import MakeDatabase


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    urls = await make_database("consent")
    async with opened_store(urls) as store:
        yield World(urls, store, InProcessBus())


class Unconfirmed(InProcessBus):
    """Delivers, and then loses the answer, the first times."""

    def __init__(self, losses: int) -> None:
        super().__init__()
        self.losses = losses

    async def publish(self, messages: Sequence[Outbound]) -> None:
        await super().publish(messages)
        if self.losses:
            self.losses -= 1
            raise ConnectionError


async def test_of_two_relays_one_leads(world: World) -> None:
    async with running(world.consumer().run()), world.relay() as one, world.relay() as other:
        await eventually(lambda: _is(one.leading or other.leading))
        for n in range(20):
            await world.append("ana", n)
        await eventually(lambda: _is(one.relayed + other.relayed == 20))
        assert one.leading != other.leading
        assert {one.relayed, other.relayed} == {0, 20}
    assert await world.seen() == {"ana": list(range(20))}


async def test_the_other_takes_over(world: World) -> None:
    async with running(world.consumer().run()):
        async with world.relay() as leader:
            await eventually(lambda: _is(leader.leading))
            following = world.relay()
            follower = await following.__aenter__()
            await world.append("ana", 1)
            await world.until_seen({"ana": [1]})
            assert not follower.leading
        await world.append("ana", 2)
        await world.until_seen({"ana": [1, 2]})
        assert follower.leading
        await following.__aexit__(None, None, None)


async def test_an_answer_that_was_lost_is_asked_for_again_and_applied_once(world: World) -> None:
    world.transport = bus = Unconfirmed(losses=2)
    async with running(world.consumer().run()), world.relay() as relay:
        await world.append("ana", *range(5))
        await eventually(lambda: _is(relay.relayed == 5))
    assert (await world.seen(), bus.losses) == ({"ana": [0, 1, 2, 3, 4]}, 0)


async def test_what_nobody_confirms_in_time_is_kept(world: World) -> None:
    answering = asyncio.Event()

    async def hang(batch: Sequence[Inbound]) -> None:
        await answering.wait()

    async with running(world.transport.consume("slow", [CONSENT_POLICY], hang)), world.relay(publish_timeout=0.1) as relay:
        await world.append("ana", 1)
        await asyncio.sleep(0.5)
        assert relay.relayed == 0
        answering.set()
        await eventually(lambda: _is(relay.relayed == 1))


async def test_more_than_a_page_leaves_in_order(world: World) -> None:
    for start in range(0, 1200, 100):
        await world.append(f"client-{start % 300}", *range(start, start + 100))
    async with running(world.consumer().run()), world.relay():
        await world.until_seen(
            {f"client-{k}": [n for start in range(k, 1200, 300) for n in range(start, start + 100)] for k in (0, 100, 200)}
        )


async def test_a_heartbeat_leaves_after_what_was_pending(world: World) -> None:
    got: list[tuple[str, bytes]] = []

    async def hear(batch: Sequence[Inbound]) -> None:
        got.extend((m.headers["ce_type"], m.payload) for m in batch)

    async def beat() -> list[Beat]:
        newest = await world.store.version(world.tenant, "policy")
        return [Beat(CONSENT_POLICY, f"{world.tenant}/heartbeat", "consent.policy-heartbeat", str(newest).encode())]

    await world.append("ana", *range(600))
    async with running(world.transport.consume(f"group-{uuid4()}", [CONSENT_POLICY], hear)), world.relay(heartbeat=beat):
        await eventually(lambda: _is(any("heartbeat" in kind for kind, _ in got)))
        first = next(i for i, (kind, _) in enumerate(got) if "heartbeat" in kind)
        assert (first, got[first][1]) == (600, b"600")


async def test_rows_leave_where_the_heartbeat_cannot_be_read(world: World) -> None:
    async def beat() -> list[Beat]:
        raise ConnectionError

    async with running(world.consumer().run()), world.relay(heartbeat=beat):
        await world.append("ana", 1)
        await world.until_seen({"ana": [1]})


async def test_a_held_bus_lets_nothing_pass_a_group_that_has_yet_to_join(world: World) -> None:
    world.transport = bus = InProcessBus(held=True)
    await world.append("ana", 1)
    async with world.relay():
        await asyncio.sleep(0.3)
        async with running(world.consumer().run()):
            bus.release()
            await world.until_seen({"ana": [1]})


async def _is(value: bool) -> bool:
    return value
