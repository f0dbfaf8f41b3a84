"""What every transport keeps: order by key, at least once, each group everything."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from shared.messaging.in_process import InProcessBus
from shared.messaging.port import Inbound, Outbound, Transport
from tests.support.kafka import Kafka

pytestmark = pytest.mark.kafka
_PATIENCE = 30.0
Handle = Callable[[Sequence[Inbound]], Awaitable[None]]


@dataclass
class Bench:
    transport: Transport
    topics: list[str]

    @asynccontextmanager
    async def group(self, handle: Handle, *, name: str | None = None) -> AsyncIterator[None]:
        task = asyncio.create_task(self.transport.consume(name or f"group-{uuid4()}", self.topics, handle))
        await asyncio.sleep(0)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture(params=["in-process", "kafka"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "in-process":
        bus = InProcessBus()
        yield Bench(bus, ["one", "two"])
        return
    kafka: Kafka = request.getfixturevalue("kafka")
    transport = kafka.transport()
    await transport.start()
    yield Bench(transport, [await kafka.new_topic(), await kafka.new_topic()])
    await transport.stop()


@dataclass
class Received:
    got: list[Inbound] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, batch: Sequence[Inbound]) -> None:
        self.got += batch
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(_PATIENCE):
            while len(self.got) < count:
                self.changed.clear()
                await self.changed.wait()

    def by_key(self) -> dict[tuple[str, str], list[int]]:
        result: dict[tuple[str, str], list[int]] = {}
        for m in self.got:
            result.setdefault((m.topic, m.key), []).append(int(m.payload))
        return result


def _message(topic: str, key: str, number: int) -> Outbound:
    return Outbound(topic, key, {"ce_id": str(number), "ce_subject": "ü"}, str(number).encode())


async def test_each_key_is_in_order(bench: Bench) -> None:
    received = Received()
    async with bench.group(received):
        for start in range(0, 300, 60):
            numbers = range(start, start + 60)
            await bench.transport.publish([_message(t, f"tenant/{n % 5}", n) for n in numbers for t in bench.topics])
        await received.until(600)
    wanted = {(t, f"tenant/{k}"): list(range(k, 300, 5)) for t in bench.topics for k in range(5)}
    assert received.by_key() == wanted


async def test_what_was_sent_arrives_unchanged(bench: Bench) -> None:
    received = Received()
    headers = {"ce_id": "1", "ce_subject": "note/ü", "sig": "a+/="}
    async with bench.group(received):
        await bench.transport.publish([Outbound(bench.topics[0], "tenant/client", headers, b"\x00\xff{}")])
        await received.until(1)
    (got,) = received.got
    assert (got.topic, got.key, dict(got.headers), got.payload) == (bench.topics[0], "tenant/client", headers, b"\x00\xff{}")


async def test_a_failed_batch_comes_again_and_nothing_overtakes_it(bench: Bench) -> None:
    topic, received, failures = bench.topics[0], Received(), iter(range(3))

    async def handle(batch: Sequence[Inbound]) -> None:
        if next(failures, None) is not None:
            raise RuntimeError("not yet")
        await received(batch)

    async with bench.group(handle):
        await bench.transport.publish([_message(topic, "tenant/client", n) for n in range(3)])
        await bench.transport.publish([_message(topic, "tenant/client", n) for n in range(3, 6)])
        await received.until(6)
    assert received.by_key() == {(topic, "tenant/client"): list(range(6))}


async def test_every_group_gets_everything(bench: Bench) -> None:
    groups = [Received() for _ in range(3)]
    async with AsyncExitStack() as stack:
        for received in groups:
            await stack.enter_async_context(bench.group(received))
        await bench.transport.publish([_message(bench.topics[0], f"tenant/{n}", n) for n in range(10)])
        for received in groups:
            await received.until(10)
    assert [sorted(int(m.payload) for m in r.got) for r in groups] == [list(range(10))] * 3


async def test_a_group_that_is_slow_keeps_no_other_from_its_messages(bench: Bench) -> None:
    received, stuck = Received(), asyncio.Event()

    async def handle(batch: Sequence[Inbound]) -> None:
        await stuck.wait()

    async with bench.group(handle), bench.group(received):
        publishing = asyncio.create_task(bench.transport.publish([_message(bench.topics[0], "tenant/client", 1)]))
        await received.until(1)
        stuck.set()
        await publishing


async def test_what_a_member_left_unhandled_goes_to_the_next(bench: Bench) -> None:
    name, topic, received, began = f"group-{uuid4()}", bench.topics[0], Received(), asyncio.Event()

    async def hang(batch: Sequence[Inbound]) -> None:
        began.set()
        await asyncio.Event().wait()

    messages = [_message(topic, "tenant/client", n) for n in range(4)]
    async with bench.group(hang, name=name):
        publishing = asyncio.create_task(bench.transport.publish(messages))
        async with asyncio.timeout(_PATIENCE):
            await began.wait()
    (outcome,) = await asyncio.gather(publishing, return_exceptions=True)
    async with bench.group(received, name=name):
        if outcome is not None:
            # as the relay does: what was not confirmed is sent again
            await bench.transport.publish(messages)
        await received.until(4)
    assert received.by_key() == {(topic, "tenant/client"): list(range(4))}


async def test_publishing_nothing_or_without_a_group_returns(bench: Bench) -> None:
    await bench.transport.publish([])
    await bench.transport.publish([_message(bench.topics[0], "tenant/client", 1)])
