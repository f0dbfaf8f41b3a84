"""The bus of the embedded run: in memory, in order, at least once together with the outbox.

Nothing is kept here: `publish` returns once every group has handled its messages, so the relay deletes an outbox row only
then, and after a crash publishes it again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from shared.messaging.backoff import Backoff
from shared.messaging.port import Inbound, Outbound

_log = logging.getLogger(__name__)
_BATCH = 500


class Undelivered(Exception):
    """A group left before it had handled a message: publish it again."""


@dataclass(slots=True)
class _Delivery:
    message: Inbound
    handled: asyncio.Future[None]


@dataclass(slots=True)
class _Queue:
    """What one group has still to handle of one topic."""

    members: int = 0
    next_offset: int = 0
    waiting: deque[_Delivery] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """held while a batch is handled: members of a group take turns, so that the order holds"""

    def put(self, message: Outbound) -> asyncio.Future[None]:
        handled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        inbound = Inbound(message.topic, 0, self.next_offset, message.key, dict(message.headers), message.payload)
        self.waiting.append(_Delivery(inbound, handled))
        self.next_offset += 1
        self.arrived.set()
        return handled

    def head(self) -> list[_Delivery]:
        """The next batch, left in place until it is handled. What its publisher has given up on is dropped."""
        while self.waiting and self.waiting[0].handled.done():
            self.waiting.popleft()
        return [d for d, _ in zip(self.waiting, range(_BATCH), strict=False) if not d.handled.done()]

    def abandon(self) -> None:
        for delivery in self.waiting:
            if not delivery.handled.done():
                delivery.handled.set_exception(Undelivered(delivery.message.topic))
        self.waiting.clear()


class InProcessBus:
    """`Transport` within one event loop. One partition a topic; a group hears what is published while it consumes."""

    def __init__(self, *, held: bool = False, first_wait: float = 0.05, longest_wait: float = 2.0) -> None:
        """Held, it publishes nothing before `release`: what a crash left in an outbox must not pass a group that has yet
        to join. Waits in seconds between attempts of a handler that raised.
        """
        self._queues: dict[str, dict[str, _Queue]] = {}
        self._waits = first_wait, longest_wait
        self._released = asyncio.Event()
        if not held:
            self._released.set()

    def release(self) -> None:
        """Every group has joined (each `consume` has begun): let messages pass."""
        self._released.set()

    async def start(self) -> None:
        """Ready as it is."""

    async def stop(self) -> None:
        for groups in self._queues.values():
            for queue in groups.values():
                queue.abandon()

    async def publish(self, messages: Sequence[Outbound]) -> None:
        """Returns when every group has handled all; at once for a topic without a group. Raises Undelivered.

        A handler that raises is called again, and this waits; cancelled meanwhile, the rest is not delivered any more.
        """
        await self._released.wait()
        deliveries = [queue.put(m) for m in messages for queue in self._queues.get(m.topic, {}).values()]
        try:
            await asyncio.gather(*deliveries)
        finally:
            for delivery in deliveries:
                delivery.cancel()

    async def consume(self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Inbound]], Awaitable[None]]) -> None:
        joined = [(topic, self._join(group, topic)) for topic in dict.fromkeys(topics)]
        try:
            async with asyncio.TaskGroup() as tasks:
                for _, queue in joined:
                    tasks.create_task(self._work(queue, handle))
        finally:
            for topic, queue in joined:
                self._leave(group, topic, queue)

    def _join(self, group: str, topic: str) -> _Queue:
        queue = self._queues.setdefault(topic, {}).setdefault(group, _Queue())
        queue.members += 1
        return queue

    def _leave(self, group: str, topic: str, queue: _Queue) -> None:
        queue.members -= 1
        if queue.members == 0:
            del self._queues[topic][group]
            queue.abandon()

    async def _work(self, queue: _Queue, handle: Callable[[Sequence[Inbound]], Awaitable[None]]) -> None:
        backoff = Backoff(*self._waits)
        while True:
            await queue.arrived.wait()
            async with queue.turn:
                batch = queue.head()
                if not batch:
                    queue.arrived.clear()
                    continue
                try:
                    await handle([d.message for d in batch])
                except Exception as error:
                    _log.warning("handling on %s failed (%s): tried again", batch[0].message.topic, type(error).__name__)
                    await backoff.wait()
                    continue
                backoff.reset()
                for delivery in batch:
                    with suppress(asyncio.InvalidStateError):
                        delivery.handled.set_result(None)
