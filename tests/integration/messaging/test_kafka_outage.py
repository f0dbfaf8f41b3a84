"""From one service's commit to another's effect while the broker restarts, is killed, and members come and go."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.support.kafka import Kafka
from tests.support.messaging import World, opened_store, running
from tests.support.postgres import MakeDatabase

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]
KEYS = ("ana", "ben", "cem", "dua")


@pytest.fixture
async def world(kafka: Kafka, make_database: MakeDatabase) -> AsyncIterator[World]:
    urls = await make_database("consent")
    transport = kafka.transport()
    await transport.start()
    async with opened_store(urls) as store:
        yield World(urls, store, transport)
    await transport.stop()


async def _write(world: World, numbers: range) -> None:
    for n in numbers:
        await world.append(KEYS[n % len(KEYS)], n)
        await asyncio.sleep(0.005)


def _wanted(count: int) -> dict[str, list[int]]:
    return {key: list(range(i, count, len(KEYS))) for i, key in enumerate(KEYS)}


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_a_broker_that_goes_and_comes_back_loses_and_doubles_nothing(world: World, kafka: Kafka, how: str) -> None:
    async with running(world.consumer().run()), world.relay(publish_timeout=5) as relay:
        writing = asyncio.create_task(_write(world, range(400)))
        await asyncio.sleep(0.5)
        if how == "restart":
            await kafka.restart()
        else:
            await kafka.kill()
            await asyncio.sleep(0.5)
            await kafka.start()
        await writing
        await world.until_seen(_wanted(400))
        assert relay.relayed >= 400


async def test_members_that_come_and_go_lose_and_double_nothing(world: World, kafka: Kafka) -> None:
    others = [kafka.transport() for _ in range(2)]
    async with running(world.consumer().run()), world.relay():
        writing = asyncio.create_task(_write(world, range(400)))
        for transport in others:
            member = World(world.urls, world.store, transport, tenant=world.tenant, group=world.group)
            async with running(member.consumer().run()):
                await asyncio.sleep(1)
            await transport.stop()
        await writing
        await world.until_seen(_wanted(400))


async def test_a_new_member_goes_on_where_the_last_one_ended(world: World, kafka: Kafka) -> None:
    world.group = f"group-{uuid4()}"
    handled = []
    for round_ in range(2):
        transport = kafka.transport()
        member = World(world.urls, world.store, transport, tenant=world.tenant, group=world.group)
        consumer = member.consumer()
        async with running(consumer.run()):
            await world.transport.publish([world.message("ana", round_)])
            await world.until_seen({"ana": list(range(round_ + 1))})
        await transport.stop()
        handled.append(consumer.counts.handled)
    assert handled[1] == 1, "what the first one committed is not delivered again"
