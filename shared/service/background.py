"""What runs beside a service's requests: its relay, its consumer, its workers, over its opened store."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore

Work = Callable[[], Awaitable[None]]
"""runs until cancelled"""


class Background:
    """Opens store and outbox, keeps the work running, ends all of it cleanly."""

    def __init__(self, store: PostgresEventStore, outbox: Outbox) -> None:
        self._store, self._outbox = store, outbox
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, *work: Work) -> None:
        """Opens store and outbox, then starts the work, consumers before anybody can publish."""
        await self._store.open()
        await self._outbox.open()
        self._tasks = [asyncio.create_task(_run(each)) for each in work]
        await asyncio.sleep(0)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._outbox.close()
        await self._store.close()

    async def running(self) -> bool:
        """Readiness: whether all of the work is still alive."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)


async def _run(work: Work) -> None:
    await work()
