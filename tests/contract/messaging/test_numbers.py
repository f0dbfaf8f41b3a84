"""A client's stream of messages: a gap waits for the missing one, what came before is dropped, whatever moves the messages."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.contracts.topics import CONSENT_POLICY
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, Statement, StreamAppend
from shared.eventstore.postgres import PostgresEventStore
from shared.messaging.consumer import MessageMissing
from shared.messaging.in_process import InProcessBus
from shared.messaging.port import Effect, Message, Outbound, Transient, Transport
from tests.support.messaging import World, eventually, now, opened_store, running, seen_by
from tests.support.postgres import MakeDatabase

pytestmark = pytest.mark.kafka


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


def numbered(world: World, number: int, key: str = "ana", **headers: str) -> Outbound:
    return world.message(key, number, headers={"ce_number": str(number), "ce_time": now().isoformat(), **headers})


async def test_what_is_swapped_waits_and_comes_out_in_order(world: World) -> None:
    async with running(world.consumer().run()):
        await world.transport.publish([numbered(world, n) for n in (1, 3, 5, 4)])
        await world.transport.publish([numbered(world, n, "ben") for n in (1, 2)])
        await world.until_seen({"ana": [1], "ben": [1, 2]})
        await _parked(world, {"ana": [(3, "gap"), (5, "behind"), (4, "behind")]})
        assert world.poison == [("gap", CONSENT_POLICY)], "one alarm for one gap"
        await world.transport.publish([numbered(world, 2)])
        await world.until_seen({"ana": [1, 2, 3, 4, 5], "ben": [1, 2]})
        assert await world.parked() == {}


async def test_the_very_first_is_waited_for_as_well(world: World) -> None:
    async with running(world.consumer().run()):
        await world.transport.publish([numbered(world, n) for n in (2, 3, 1)])
        await world.until_seen({"ana": [1, 2, 3]})


async def test_a_gap_outlives_the_consumer(world: World) -> None:
    async with running(world.consumer().run()):
        await world.transport.publish([numbered(world, n) for n in (1, 3)])
        await _parked(world, {"ana": [(3, "gap")]})
    async with running(world.consumer().run()):
        await world.transport.publish([numbered(world, n) for n in (4, 2, 5)])
        await world.until_seen({"ana": [1, 2, 3, 4, 5]})


async def test_delivered_again_it_changes_nothing(world: World) -> None:
    messages = [numbered(world, n) for n in range(1, 6)]
    async with running(world.consumer().run()):
        await world.transport.publish([*messages, messages[1], messages[4], *messages])
        await world.transport.publish([numbered(world, 6)])
        await world.until_seen({"ana": [1, 2, 3, 4, 5, 6]})
    assert await world.parked() == {}


async def test_what_the_inbox_has_forgotten_is_dropped_by_its_number(world: World) -> None:
    message = numbered(world, 1, ce_time=(now() - timedelta(days=100)).isoformat())
    again = replace(message)
    consumer = world.consumer()
    async with running(consumer.run()):
        await world.transport.publish([message])
        await world.until_seen({"ana": [1]})
        await world.store.append(world.tenant, (), statements=[_forget(world)])
        await world.transport.publish([again, numbered(world, 2)])
        await world.until_seen({"ana": [1, 2]})
    assert consumer.counts.dropped == 1


async def test_a_new_message_under_an_old_number_is_not_lost(world: World) -> None:
    """A producer whose database was set back numbers anew: that is for people to look at, not to be dropped."""
    async with running(world.consumer().run()):
        await world.transport.publish([numbered(world, 1), numbered(world, 2)])
        await world.transport.publish([numbered(world, 1)])
        await _parked(world, {"ana": [(1, "number-again")]})
        assert world.poison == [("number-again", CONSENT_POLICY)]


async def test_types_without_a_handler_and_effects_of_nothing_leave_no_gap(world: World) -> None:
    async def handle(message: Message) -> Effect | None:
        return None if message.payload == b"3" else seen_by(message)

    async with running(world.consumer(handle).run()):
        await world.transport.publish([numbered(world, 1), numbered(world, 2, ce_type="of.tomorrow"), numbered(world, 3)])
        await world.transport.publish([numbered(world, 3, ce_type="of.tomorrow"), numbered(world, 4)])
        await world.until_seen({"ana": [1, 4]})
    assert await world.parked() == {}


async def test_poison_behind_a_gap_parks_when_its_turn_comes(world: World) -> None:
    broken = True

    async def handle(message: Message) -> Effect | None:
        if broken and message.payload == b"2":
            raise ValueError
        return seen_by(message)

    consumer = world.consumer(handle)
    async with running(consumer.run()):
        await world.transport.publish([numbered(world, n) for n in (2, 3)])
        await _parked(world, {"ana": [(2, "gap"), (3, "behind")]})
        with pytest.raises(MessageMissing):
            await consumer.release(world.tenant, CONSENT_POLICY, f"{world.tenant}/ana")
        await world.transport.publish([numbered(world, 1), numbered(world, 4)])
        await _parked(world, {"ana": [(2, "ValueError"), (3, "behind"), (4, "behind")]})
        broken = False
        assert await consumer.release(world.tenant, CONSENT_POLICY, f"{world.tenant}/ana") == 3
        await world.transport.publish([numbered(world, 5)])
        await world.until_seen({"ana": [1, 2, 3, 4, 5]})


async def test_what_waited_goes_on_although_an_error_came_between(world: World) -> None:
    """The missing one is applied, then what waited for it meets an error that passes: it is not left behind."""
    failures = 3

    async def handle(message: Message) -> Effect | None:
        nonlocal failures
        if message.payload == b"2" and failures:
            failures -= 1
            raise Transient
        return seen_by(message)

    async with running(world.consumer(handle).run()):
        await world.transport.publish([numbered(world, n) for n in (2, 3)])
        await _parked(world, {"ana": [(2, "gap"), (3, "behind")]})
        await world.transport.publish([numbered(world, 1)])
        await world.until_seen({"ana": [1, 2, 3]})
        await _parked(world, {})
    assert failures == 0


async def test_what_a_crash_left_waiting_goes_on_with_the_next(world: World) -> None:
    """Number 1 was applied by a member that ended before it came to what waited for it."""
    async with running(world.consumer().run()):
        await world.transport.publish([numbered(world, n) for n in (2, 3)])
        await _parked(world, {"ana": [(2, "gap"), (3, "behind")]})
        await world.store.append(world.tenant, (), statements=_first_applied(world))
        await world.transport.publish([numbered(world, 4)])
        await world.until_seen({"ana": [2, 3, 4]})
        await _parked(world, {})


async def test_skipping_gives_up_what_is_missing_and_not_what_waits(world: World) -> None:
    """5 came first and parked as a gap, 3 came behind it: 3 is the first that waits, and only 2 is missing before it."""
    consumer = world.consumer()
    async with running(consumer.run()):
        messages = {n: numbered(world, n) for n in (1, 5, 3)}
        await world.transport.publish([messages[n] for n in (1, 5, 3)])
        await _parked(world, {"ana": [(5, "gap"), (3, "behind")]})
        place = (world.tenant, CONSENT_POLICY, f"{world.tenant}/ana")
        noted = StreamAppend("skipped", None, [NewEvent(uuid4(), "x.skipped", 1, b"{}")])
        assert not await consumer.skip(*place, UUID(messages[5].headers["ce_id"]), noted), "5 is not the first"
        assert await consumer.skip(*place, UUID(messages[3].headers["ce_id"]), noted)
        with pytest.raises(MessageMissing):
            await consumer.release(*place)
        await world.until_seen({"ana": [1, 3]})
        await world.transport.publish([numbered(world, 4)])
        await world.until_seen({"ana": [1, 3, 4, 5]})


async def test_a_header_that_no_database_takes_stops_nothing(world: World) -> None:
    async def handle(message: Message) -> Effect | None:
        raise ValueError

    async with running(world.consumer(handle).run()):
        await world.transport.publish([numbered(world, 1, ce_time="\x00", strange="\x00")])
        await _parked(world, {"ana": [(1, "ValueError")]})


async def test_a_number_cannot_be_changed_on_the_way(world: World) -> None:
    good = numbered(world, 1)
    forged = [
        replace(good, headers={**good.headers, "ce_number": "9"}),
        replace(good, headers={k: v for k, v in good.headers.items() if k != "ce_number"}),
        replace(world.message("ana", 1), headers={**world.message("ana", 1).headers, "ce_number": "1"}),
    ]
    async with running(world.consumer().run()):
        await world.transport.publish([*forged, good])
        await world.until_seen({"ana": [1]})
    assert len(world.forged) >= 3


async def test_the_relay_numbers_each_client_densely_and_the_same_at_each_attempt(world: World) -> None:
    """By what the topic carries: through three relays, one of which loses every answer."""
    got: list[tuple[str, int, str]] = []

    async def handle(message: Message) -> Effect | None:
        assert message.number is not None
        got.append((message.key, message.number, str(message.message_id)))
        return seen_by(message)

    class Deaf:
        """Hands on, and says that it failed."""

        async def start(self) -> None: ...

        async def stop(self) -> None: ...

        async def publish(self, messages: object) -> None:
            await world.transport.publish(messages)  # type: ignore[arg-type]
            raise ConnectionError

        async def consume(self, *_: object) -> None: ...

    async with running(world.consumer(handle).run()):
        await world.append("ana", 1, 2)
        await world.append("ben", 1)
        async with world.relay(transport=Deaf()):
            await world.until_seen({"ana": [1, 2], "ben": [1]})
        await world.append("ana", 3)
        async with world.relay():
            await eventually(lambda: _relayed(world))
            await world.until_seen({"ana": [1, 2, 3], "ben": [1]})
        async with world.relay():
            await world.append("ben", 2)
            await world.append("ana", 4)
            await world.until_seen({"ana": [1, 2, 3, 4], "ben": [1, 2]})
    by_key = {key: sorted({(n, i) for k, n, i in got if k == key}) for key, _, _ in got}
    assert {key.rpartition("/")[2]: [n for n, _ in rows] for key, rows in by_key.items()} == {"ana": [1, 2, 3, 4], "ben": [1, 2]}


def _first_applied(world: World) -> list[Statement]:
    insert = "INSERT INTO inbox_number (tenant_id, consumer, topic, source, key, last) VALUES ($1, $2, $3, $4, $5, 1)"
    return [Statement(insert, (world.tenant, world.group, CONSENT_POLICY, "consent", f"{world.tenant}/ana"))]


def _forget(world: World) -> Statement:
    return Statement("DELETE FROM inbox WHERE tenant_id = $1", (world.tenant,))


async def _parked(world: World, wanted: dict[str, list[tuple[int, str]]]) -> None:
    async def there() -> bool:
        return await world.parked() == wanted

    try:
        await eventually(there)
    finally:
        assert await world.parked() == wanted


async def _relayed(world: World) -> bool:
    return not await world.store.fetch(world.tenant, "SELECT 1 FROM outbox WHERE tenant_id = $1", world.tenant)
