"""What only a real broker shows: refusals, members that share partitions, brokers that are away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from time import monotonic

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from infra.kafka.topics import create_topics
from shared.contracts.topics import TOPICS
from shared.messaging.kafka import MAX_MESSAGE_BYTES, KafkaTransport
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.port import Inbound, Outbound
from tests.support.kafka import Kafka
from tests.support.messaging import eventually, running

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


@pytest.fixture
async def transport(kafka: Kafka) -> AsyncIterator[KafkaTransport]:
    transport = kafka.transport()
    await transport.start()
    yield transport
    await transport.stop()


def _message(topic: str, number: int, size: int = 10) -> Outbound:
    return Outbound(topic, f"tenant/{number}", {"ce_id": str(number)}, bytes(size))


async def test_a_refused_message_does_not_stop_those_after_it(kafka: Kafka, transport: KafkaTransport) -> None:
    topic = await kafka.new_topic(max_message_bytes="2000")
    for _ in range(3):
        with pytest.raises(KafkaError):
            await transport.publish([_message(topic, 1, size=5000)])
        await transport.publish([_message(topic, 1)])


async def test_what_no_topic_would_take_never_leaves(kafka: Kafka, transport: KafkaTransport) -> None:
    topic = await kafka.new_topic()
    with pytest.raises(KafkaError):
        await transport.publish([_message(topic, 1, size=MAX_MESSAGE_BYTES)])
    await transport.publish([_message(topic, 1, size=MAX_MESSAGE_BYTES - 1000)])


async def test_members_share_partitions_and_give_up_what_moves(kafka: Kafka, transport: KafkaTransport) -> None:
    topic = await kafka.new_topic()
    begun: set[int] = set()
    given_up: set[int] = set()
    moved: set[int] = set()

    async def hang(batch: Sequence[Inbound]) -> None:
        begun.add(batch[0].partition)
        try:
            await asyncio.Event().wait()
        finally:
            given_up.add(batch[0].partition)

    async def handle(batch: Sequence[Inbound]) -> None:
        moved.update(m.partition for m in batch)

    await transport.publish([_message(topic, n) for n in range(50)])
    async with running(transport.consume(f"sharing-{topic}", [topic], hang)):
        await eventually(lambda: _is(len(begun) == 3))
        async with running(transport.consume(f"sharing-{topic}", [topic], handle)):
            await eventually(lambda: _is(bool(moved)))
            assert moved <= given_up


async def test_a_partition_that_fails_keeps_no_other_waiting(kafka: Kafka, transport: KafkaTransport) -> None:
    topic = await kafka.new_topic()
    handled: set[int] = set()

    async def handle(batch: Sequence[Inbound]) -> None:
        if batch[0].partition == 0:
            raise RuntimeError("this partition only")
        handled.update(m.partition for m in batch)

    async with running(transport.consume(f"failing-{topic}", [topic], handle)):
        await transport.publish([_message(topic, n) for n in range(50)])
        await eventually(lambda: _is(handled == {1, 2}))


async def test_a_long_backlog_is_handled_whole_while_fetching_pauses(kafka: Kafka, transport: KafkaTransport) -> None:
    topic = await kafka.new_topic()
    numbers: list[int] = []

    async def handle(batch: Sequence[Inbound]) -> None:
        await asyncio.sleep(0.005)
        numbers.extend(int(m.headers["ce_id"]) for m in batch)

    for start in range(0, 6000, 1000):
        await transport.publish([Outbound(topic, "tenant/one", {"ce_id": str(n)}, b"") for n in range(start, start + 1000)])
    async with running(transport.consume(f"long-{topic}", [topic], handle)):
        await eventually(lambda: _is(len(numbers) >= 6000))
    assert numbers == list(range(6000))


async def test_a_topic_that_is_missing_raises_in_time(transport: KafkaTransport) -> None:
    with pytest.raises((KafkaError, TimeoutError)):
        async with asyncio.timeout(3):
            await transport.publish([_message("no-such-topic", 1)])


async def test_a_broker_that_is_away_is_waited_for_and_left_again() -> None:
    away = KafkaTransport(KafkaSettings(bootstrap="127.0.0.1:1"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await away.start()
    began = monotonic()
    await away.stop()
    assert monotonic() - began < 5


async def test_topics_are_created_once_and_keep_everything(kafka: Kafka) -> None:
    assert await create_topics(kafka.settings) == []
    admin = AIOKafkaAdminClient(**kafka.settings.client_options())
    await admin.start()
    try:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in TOPICS]
        (answer,) = await admin.describe_configs(resources)
    finally:
        await admin.close()
    for _, _, _, name, entries in answer.resources:
        config = {entry[0]: entry[1] for entry in entries}
        assert config["retention.ms"] == "-1", name
        assert config["message.timestamp.type"] == "LogAppendTime", name
        assert int(config["max.message.bytes"]) > MAX_MESSAGE_BYTES, name


async def _is(value: bool) -> bool:
    return value
