"""What a consumer keeps, whatever moves the messages: nothing forged, nothing twice, nothing skipped, order by key."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from shared.contracts.records import ServiceName
from shared.contracts.topics import AUDIT, CONSENT_POLICY
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, StreamAppend
from shared.eventstore.postgres import PostgresEventStore
from shared.gate.port import GateUnavailable
from shared.http.problems import unavailable
from shared.messaging.in_process import InProcessBus
from shared.messaging.parked import Parked
from shared.messaging.port import Effect, Inbound, Message, Outbound, Transient, Transport
from tests.support.messaging import World, eventually, note, opened_store, running, seen_by
from tests.support.postgres import MakeDatabase

pytestmark = pytest.mark.kafka
TOPIC = CONSENT_POLICY


@pytest.fixture(scope="module")
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    return await make_database("consent")


@pytest.fixture(scope="module")
async def store(urls: DatabaseUrls) -> AsyncIterator[PostgresEventStore]:
    async with opened_store(urls) as store:
        yield store


@pytest.fixture(params=["in-process", "kafka"])
async def world(request: pytest.FixtureRequest, urls: DatabaseUrls, store: PostgresEventStore) -> AsyncIterator[World]:
    in_process = request.param == "in-process"
    transport: Transport = InProcessBus() if in_process else request.getfixturevalue("kafka").transport()
    await transport.start()
    yield World(urls, store, transport)
    await transport.stop()


async def test_a_committed_event_reaches_the_handler_of_its_type(world: World) -> None:
    got: list[Message] = []

    async def handle(message: Message) -> Effect | None:
        got.append(message)
        return seen_by(message)

    async with running(world.consumer(handle).run()), world.relay():
        await world.append("ana", 7)
        await world.until_seen({"ana": [7]})
    (message,) = got
    stored = await world.store.read_stream(world.tenant, "policy")
    assert (message.topic, message.tenant, message.key) == (TOPIC, world.tenant, f"{world.tenant}/ana")
    assert (message.message_id, message.type, message.schema_version) == (stored[0].event_id, stored[0].type, 1)
    assert (message.source, message.stream, message.sequence) == ("consent", "policy", stored[0].version)
    assert message.payload == stored[0].data


async def test_a_message_that_is_not_signed_by_its_topics_owner_is_never_handled(world: World) -> None:
    good = world.message("ana", 1)
    unsigned = replace(good, headers={k: v for k, v in good.headers.items() if k != "sig"})
    forgeries = [
        unsigned,
        replace(good, payload=b"2"),
        replace(good, key=f"{world.tenant}/ben"),
        replace(good, headers={**good.headers, "ce_tenant": "another"}),
        replace(good, headers={**good.headers, "ce_source": "audit_log"}),
        replace(good, headers={**good.headers, "sig": "no base64"}),
        Outbound(TOPIC, "", {}, b""),
        world.message("ana", 2, signer=ServiceName.SESSION_NOTES),
        replace(world.message("ana", 2, signer=ServiceName.AUDIT_LOG, topic=AUDIT), topic=TOPIC),
        world.message("ana", 2, headers={"ce_id": "no uuid"}),
        world.message("ana", 2, headers={"ce_sequence": "one"}),
    ]
    consumer = world.consumer()
    async with running(consumer.run()):
        await world.transport.publish([*forgeries, good])
        await world.until_seen({"ana": [1]})
    assert len(world.forged) == consumer.counts.forged >= len(forgeries)
    assert {topic for _, topic in world.forged} == {TOPIC}
    assert not any(world.tenant in reason for reason, _ in world.forged)


async def test_a_message_delivered_twice_is_applied_once(world: World) -> None:
    committed: list[int] = []

    async def handle(message: Message) -> Effect | None:
        return replace(seen_by(message), after_commit=lambda: committed.append(int(message.payload)))

    message = world.message("ana", 1)
    async with running(world.consumer(handle).run()):
        await world.transport.publish([message, message])
        await world.transport.publish([message, world.message("ana", 2)])
        await world.until_seen({"ana": [1, 2]})
    assert committed == [1, 1, 1, 2]


async def test_two_consumers_apply_the_same_message_each(world: World) -> None:
    async with running(world.consumer().run()), running(world.consumer(name=f"other-{uuid4()}").run()):
        await world.transport.publish([world.message("ana", 1)])
        await world.until_seen({"ana": [1, 1]})


async def test_a_key_that_is_tried_again_keeps_no_other_waiting(world: World) -> None:
    async def handle(message: Message) -> Effect | None:
        if message.key.endswith("/ana") and "ben" not in await world.seen():
            raise Transient
        return seen_by(message)

    async with running(world.consumer(handle).run()):
        await world.transport.publish([world.message(key, n) for key in ("ana", "ben") for n in range(2)])
        await world.until_seen({"ben": [0, 1], "ana": [0, 1]})


@pytest.mark.parametrize("reason", [Transient(), GateUnavailable(), unavailable("stale"), ConnectionError(), TimeoutError()])
async def test_what_passes_is_tried_again_and_the_order_holds(world: World, reason: Exception) -> None:
    failures = iter(range(2))

    async def handle(message: Message) -> Effect | None:
        if message.payload == b"1" and next(failures, None) is not None:
            raise reason
        return seen_by(message)

    consumer = world.consumer(handle)
    async with running(consumer.run()):
        await world.transport.publish([world.message("ana", n) for n in range(4)])
        await world.until_seen({"ana": [0, 1, 2, 3]})
    assert (consumer.counts.retried, await world.parked(), world.poison) == (2, {}, [])


async def test_a_conflict_calls_the_handler_again(world: World) -> None:
    stream = f"course/{uuid4()}"

    async def handle(message: Message) -> Effect | None:
        version = await world.store.version(world.tenant, stream)
        if not version:
            await world.store.append(world.tenant, [StreamAppend(stream, 0, [NewEvent(uuid4(), "t", 1, b"{}")])])
        event = NewEvent(uuid4(), "t", 1, b"{}")
        return replace(seen_by(message), appends=(StreamAppend(stream, version, [event]),))

    async with running(world.consumer(handle).run()):
        await world.transport.publish([world.message("ana", 1)])
        await world.until_seen({"ana": [1]})
    assert await world.store.version(world.tenant, stream) == 2


async def test_poison_parks_its_own_key_and_is_released_in_order(world: World) -> None:
    broken = True

    async def handle(message: Message) -> Effect | None:
        if broken and message.payload == b"1" and message.key.endswith("/ana"):
            raise ValueError("a value of the message")
        return seen_by(message)

    consumer = world.consumer(handle)
    messages = [world.message(key, n) for n in range(4) for key in ("ana", "ben")]
    async with running(consumer.run()):
        await world.transport.publish(messages[:6])
        await world.transport.publish(messages[4:])
        await world.until_seen({"ana": [0], "ben": [0, 1, 2, 3]})
        await _until_parked(world, 3)
        assert await world.parked() == {"ana": [(1, "ValueError"), (2, "behind"), (3, "behind")]}
        assert world.poison == [("ValueError", TOPIC)]

        with pytest.raises(ValueError, match="a value"):
            await consumer.release(world.tenant, TOPIC, f"{world.tenant}/ana")
        assert len((await world.parked())["ana"]) == 3

        broken = False
        assert await consumer.release(world.tenant, TOPIC, f"{world.tenant}/ana") == 3
        assert await world.parked() == {}
        # delivered again and new: nothing twice, nothing parked any more
        await world.transport.publish([*messages, world.message("ana", 4)])
        await world.until_seen({"ana": [0, 1, 2, 3, 4], "ben": [0, 1, 2, 3]})


async def _until_parked(world: World, count: int) -> None:
    async def enough() -> bool:
        return sum(map(len, (await world.parked()).values())) == count

    await eventually(enough)


async def test_a_parked_key_stays_parked_for_the_next_consumer(world: World) -> None:
    async def poison(message: Message) -> Effect | None:
        raise ValueError

    async with running(world.consumer(poison).run()):
        await world.transport.publish([world.message("ana", 1)])
        await _until_parked(world, 1)
    async with running(world.consumer(note).run()):
        await world.transport.publish([world.message("ana", 2), world.message("ben", 2)])
        await world.until_seen({"ben": [2]})
        await _until_parked(world, 2)
    assert await world.parked() == {"ana": [(1, "ValueError"), (2, "behind")]}


async def test_a_key_released_while_the_next_message_comes_is_not_parked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True

    async def handle(message: Message) -> Effect | None:
        if broken:
            raise ValueError
        return seen_by(message)

    consumer, park_behind = world.consumer(handle), Parked.park_behind

    async def released_first(parked: Parked, message: Message, inbound: Inbound) -> None:
        await consumer.release(world.tenant, TOPIC, message.key)
        await park_behind(parked, message, inbound)

    async with running(consumer.run()):
        await world.transport.publish([world.message("ana", 1)])
        await _until_parked(world, 1)
        broken = False
        monkeypatch.setattr(Parked, "park_behind", released_first)
        await world.transport.publish([world.message("ana", n) for n in (2, 3)])
        await world.until_seen({"ana": [1, 2, 3]})
    assert await world.parked() == {}


async def test_a_type_without_a_handler_is_let_pass(world: World) -> None:
    consumer = world.consumer()
    async with running(consumer.run()):
        await world.transport.publish([world.message("ana", 1, headers={"ce_type": "of.tomorrow"}), world.message("ana", 2)])
        await world.until_seen({"ana": [2]})
    assert await world.parked() == {}
