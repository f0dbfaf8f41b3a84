"""What operators watch: the metrics follow what the relay, the sequencer and the consumer really did."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from shared.eventstore.outbox import Outbox
from shared.eventstore.sequencer import Sequencer
from shared.messaging.in_process import InProcessBus
from shared.messaging.port import Effect, Message
from shared.service.watch import EventWatch
from tests.support.messaging import World, eventually, opened_store, running, seen_by
from tests.support.postgres import MakeDatabase


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    urls = await make_database("consent")
    async with opened_store(urls) as store:
        yield World(urls, store, InProcessBus())


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None, name
    return found


async def test_counts_ages_and_alarms(world: World) -> None:
    registry, watched = CollectorRegistry(), Outbox(world.urls.relay)
    sequencer = Sequencer(world.urls.relay, poll_seconds=0.01, stall_seconds=0.2)
    await world.append("ana", *range(5))
    consumer = world.consumer()
    async with running(consumer.run()), world.relay() as relay, running(sequencer.run()):
        watch = EventWatch(registry, watched, relay, sequencer, consumer, every_seconds=0.02, stuck_seconds=0.2)
        async with running(watch.run()):
            await world.append("ana", *range(5, 10))
            await world.until_seen({"ana": list(range(10))})
            await eventually(lambda: _is(value(registry, "events_numbered_total") == 10))
            await eventually(lambda: _is(value(registry, "outbox_relayed_total") == 10))
            assert value(registry, "messages_handled_total") == 10
            assert value(registry, "outbox_relay_delay_seconds_count") >= 1
            assert value(registry, "relay_leads") == value(registry, "sequencer_leads") == 1
            assert 0 < value(registry, "consumer_lag_seconds") < 30
            assert world.tenant.encode() not in generate_latest(registry), "a metric names nobody"

            alarms = ("fence-stalled", "outbox-stuck")
            before = {alarm: value(registry, "event_alarms_total", alarm=alarm) for alarm in alarms}  # of a busy machine
            slow = await asyncpg.connect(world.urls.app)
            transaction = slow.transaction()
            await transaction.start()
            await slow.execute("SELECT pg_current_xact_id()")
            await world.append("ana", 10)
            for alarm in alarms:
                await eventually(lambda a=alarm: _is(value(registry, "event_alarms_total", alarm=a) > before[a]))  # type: ignore[misc]
            assert value(registry, "outbox_oldest_seconds") > 0.2 <= value(registry, "fence_stalled_seconds")
            await transaction.rollback()
            await slow.close()
            await eventually(lambda: _is(value(registry, "outbox_oldest_seconds") == 0))
            told = value(registry, "event_alarms_total", alarm="outbox-stuck")
            await asyncio.sleep(0.1)
            assert value(registry, "event_alarms_total", alarm="outbox-stuck") == told, "one alarm for one stall"
    await watched.close()


async def test_a_consumer_that_hangs_is_seen_to_fall_behind(world: World) -> None:
    """Its last success says nothing any more: the message in hand grows old."""
    answering = asyncio.Event()

    async def away(message: Message) -> Effect:
        if not answering.is_set():
            raise ConnectionError
        return seen_by(message)

    registry, watched = CollectorRegistry(), Outbox(world.urls.relay)
    consumer = world.consumer(away)
    async with running(consumer.run()), world.relay() as relay:
        EventWatch(registry, watched, relay, Sequencer(world.urls.relay), consumer)
        assert value(registry, "consumer_lag_seconds") == 0
        await world.append("ana", 1, 2)
        for seconds in (0.3, 0.6):
            await eventually(lambda s=seconds: _is(value(registry, "consumer_lag_seconds") > s))  # type: ignore[misc]
        assert value(registry, "messages_retried_total") > 1
        answering.set()
        await world.until_seen({"ana": [1, 2]})
        await asyncio.sleep(0.2)
        settled = value(registry, "consumer_lag_seconds")
        await asyncio.sleep(0.2)
        assert value(registry, "consumer_lag_seconds") == settled, "nothing in hand: it does not grow"
    await watched.close()


async def _is(holds: bool) -> bool:
    return holds
