"""Concurrent reads of keys share a query: whoever asks while one is under way waits for the next, which begins after they asked.

So what an answer says is never older than its question: an erasure that was done before is seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

R = TypeVar("R")
AT_ONCE = 1
"""queries of one tenant under way; meanwhile the next one gathers"""


@dataclass(slots=True)
class _Batch(Generic[R]):
    names: set[str]
    done: "asyncio.Future[list[R]]"


@dataclass(slots=True)
class _Tenant(Generic[R]):
    waiting: _Batch[R] | None = None
    running: int = 0
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)


class SharedReads(Generic[R]):
    """`read(tenant, names)` gives the rows of those names. For one event loop."""

    def __init__(self, read: Callable[[str, list[str]], Awaitable[list[R]]]) -> None:
        self._read = read
        self._tenants: dict[str, _Tenant[R]] = {}

    async def rows(self, tenant: str, names: Iterable[str]) -> list[R]:
        """Rows of these names, perhaps with others; whatever `read` raises."""
        known = self._tenants.setdefault(tenant, _Tenant())
        batch = known.waiting
        if batch is None:
            batch = known.waiting = _Batch(set(), asyncio.get_running_loop().create_future())
            batch.done.add_done_callback(_look)
        batch.names.update(names)
        if known.running < AT_ONCE:
            self._start(tenant, known)
        # shielded: one caller who goes away does not take the answer from the others
        return await asyncio.shield(batch.done)

    def _start(self, tenant: str, known: _Tenant[R]) -> None:
        batch, known.waiting = known.waiting, None
        if batch is None:
            return
        known.running += 1
        task = asyncio.create_task(self._answer(tenant, known, batch))
        known.tasks.add(task)
        task.add_done_callback(known.tasks.discard)

    async def _answer(self, tenant: str, known: _Tenant[R], batch: _Batch[R]) -> None:
        try:
            batch.done.set_result(await self._read(tenant, sorted(batch.names)))
        except Exception as error:
            batch.done.set_exception(error)
        except asyncio.CancelledError:
            batch.done.cancel()
            raise
        finally:
            known.running -= 1
            if known.waiting is not None:
                self._start(tenant, known)
            elif not known.running:
                self._tenants.pop(tenant, None)


def _look(done: "asyncio.Future[list[R]]") -> None:
    """An error that nobody waits for any more is no fault of the program."""
    if not done.cancelled():
        done.exception()
