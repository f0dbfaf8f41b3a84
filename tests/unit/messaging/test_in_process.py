"""The embedded bus: `publish` returns when handled, and never leaves half-given-up messages behind."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.messaging.in_process import InProcessBus, Undelivered
from shared.messaging.port import Inbound, Outbound
from tests.support.messaging import running

TOPIC = "topic"


def _message(number: int) -> Outbound:
    return Outbound(TOPIC, "tenant/client", {}, str(number).encode())


class Handler:
    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.got: list[int] = []

    async def __call__(self, batch: Sequence[Inbound]) -> None:
        await self.open.wait()
        self.got += [int(m.payload) for m in batch]


async def test_publish_returns_when_handled() -> None:
    bus, handler = InProcessBus(), Handler()
    async with running(bus.consume("group", [TOPIC], handler)):
        publishing = asyncio.create_task(bus.publish([_message(1)]))
        await asyncio.sleep(0.02)
        assert not publishing.done()
        handler.open.set()
        await publishing
        assert handler.got == [1]


async def test_a_group_hears_what_comes_after_it_joined() -> None:
    bus, handler = InProcessBus(), Handler()
    handler.open.set()
    await bus.publish([_message(1)])
    async with running(bus.consume("group", [TOPIC], handler)):
        await bus.publish([_message(2)])
    await bus.publish([_message(3)])
    assert handler.got == [2]


async def test_a_group_that_leaves_lets_its_publishers_know() -> None:
    bus = InProcessBus()
    async with running(bus.consume("group", [TOPIC], Handler())):
        publishing = asyncio.create_task(bus.publish([_message(1), _message(2)]))
        await asyncio.sleep(0.02)
    with pytest.raises(Undelivered):
        await publishing


async def test_a_publisher_that_gave_up_is_not_answered_later() -> None:
    bus, handler = InProcessBus(), Handler()
    async with running(bus.consume("group", [TOPIC], handler)):
        first = asyncio.create_task(bus.publish([_message(0)]))
        await asyncio.sleep(0.02)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bus.publish([_message(1), _message(2)]), 0.02)
        handler.open.set()
        await first
        await bus.publish([_message(1), _message(2)])
        assert handler.got == [0, 1, 2]


async def test_members_of_a_group_share_and_keep_the_order() -> None:
    bus, one, two = InProcessBus(), Handler(), Handler()
    one.open.set()
    two.open.set()
    async with running(bus.consume("group", [TOPIC], one)):
        async with running(bus.consume("group", [TOPIC], two)):
            for n in range(10):
                await bus.publish([_message(n)])
        await bus.publish([_message(10)])
    assert sorted(one.got + two.got) == list(range(11))
    assert one.got == sorted(one.got) and two.got == sorted(two.got)


async def test_held_it_waits_for_its_release() -> None:
    bus, handler = InProcessBus(held=True), Handler()
    handler.open.set()
    publishing = asyncio.create_task(bus.publish([_message(1)]))
    await asyncio.sleep(0.02)
    async with running(bus.consume("group", [TOPIC], handler)):
        bus.release()
        await publishing
    assert handler.got == [1]


async def test_stopping_gives_back_what_nobody_handled() -> None:
    bus = InProcessBus()
    async with running(bus.consume("group", [TOPIC], Handler())):
        publishing = asyncio.create_task(bus.publish([_message(1)]))
        await asyncio.sleep(0.02)
        await bus.stop()
        with pytest.raises(Undelivered):
            await publishing
