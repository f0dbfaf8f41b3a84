"""Group commit: what comes in while one transaction commits goes into the next, together.

One batch a tenant at a time, so that a tenant's items keep their order; several tenants at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.eventstore.failures import store_error
from shared.eventstore.model import Overloaded, StoreError, StoreUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

Commit = Callable[[str, Sequence[Item]], Awaitable[Sequence[Result | StoreError]]]
"""writes a tenant's batch and answers for each item, in order; what it raises, every item of the batch is told"""


class GroupCommit(Generic[Item, Result]):
    """`submit` from any number of coroutines of one event loop."""

    def __init__(self, commit: Commit[Item, Result], *, writers: int = 2, capacity: int = 4096, batch: int = 256) -> None:
        """`writers`: batches at once, of different tenants. `capacity`: items waiting. `batch`: items in one transaction."""
        self._commit, self._writers, self._capacity, self._batch = commit, writers, capacity, batch
        self._queues: dict[str, deque[tuple[Item, asyncio.Future[Result]]]] = {}
        self._turns: deque[str] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._closed = False

    async def submit(self, tenant: str, item: Item) -> Result:
        """The item's own answer. A caller that is cancelled while it waits has its item left out; once begun, it is written.

        Raises Overloaded, StoreUnavailable, and what the commit answered for this item.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._waiting >= self._capacity:
            raise Overloaded(f"{self._waiting} appends are waiting: try again in a moment")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        queue = self._queues.get(tenant)
        if queue is None:
            queue = self._queues[tenant] = deque()
            self._turns.append(tenant)
        queue.append((item, future))
        self._waiting += 1
        self._start()
        return await future

    async def close(self) -> None:
        """Takes nothing new, and returns when all that waited has its answer."""
        self._closed = True
        while self._running:
            await asyncio.wait(set(self._running))

    def _start(self) -> None:
        while self._turns and len(self._running) < self._writers:
            task = asyncio.create_task(self._work(self._turns.popleft()), name="group-commit")
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    async def _work(self, tenant: str) -> None:
        """The tenant's batches, until none is left or another tenant waits for its turn."""
        queue = self._queues[tenant]
        while queue:
            taken = [queue.popleft() for _ in range(min(len(queue), self._batch))]
            self._waiting -= len(taken)
            wanted = [(item, future) for item, future in taken if not future.done()]
            if wanted:
                await self._write(tenant, wanted)
                await asyncio.sleep(0)  # lets the callers just answered join the next batch
            if self._turns:
                break
        if queue:
            self._turns.append(tenant)
        else:
            del self._queues[tenant]

    async def _write(self, tenant: str, wanted: Sequence[tuple[Item, "asyncio.Future[Result]"]]) -> None:
        answers: Sequence[Result | StoreError] = [
            StoreUnavailable("the store was stopped: read before you write again") for _ in wanted
        ]
        try:
            answers = await self._commit(tenant, [item for item, _ in wanted])
        except Exception as error:
            answers = [store_error(error) for _ in wanted]
        finally:
            for (_, future), answer in zip(wanted, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, StoreError):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
