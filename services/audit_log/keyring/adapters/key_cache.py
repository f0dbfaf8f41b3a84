"""Unwrapped data keys, for a minute: bounded, evicted on shredding, one call to the KMS however many ask at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

TTL: Final = timedelta(seconds=60)
CAPACITY: Final = 10_000
"""keys; about 2 MB"""

Name = tuple[str, str]
"""tenant, kid"""


class KeyCache:
    """Values are extracted data keys (`services.audit_log.keyring.domain.keys.extract`). For one event loop."""

    def __init__(self, now: Callable[[], datetime], *, ttl: timedelta = TTL, capacity: int = CAPACITY) -> None:
        self._now, self._ttl, self._capacity = now, ttl, capacity
        self._kept: OrderedDict[Name, tuple[datetime, bytes]] = OrderedDict()
        self._coming: dict[Name, asyncio.Task[bytes]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, name: Name, unwrap: Callable[[], Awaitable[bytes]]) -> bytes:
        """The key of that name, from `unwrap` where it is not kept. Whatever `unwrap` raises."""
        kept = self._kept.get(name)
        if kept is not None:
            age = self._now() - kept[0]
            if timedelta(0) <= age < self._ttl:
                return kept[1]
            del self._kept[name]
        task = self._coming.get(name)
        if task is None:
            task = self._coming[name] = asyncio.create_task(self._fetch(name, unwrap))
            task.add_done_callback(_look)
        # shielded: one caller who goes away does not take the answer from the others
        return await asyncio.shield(task)

    def put(self, name: Name, key: bytes) -> None:
        self._kept[name] = (self._now(), key)
        self._kept.move_to_end(name)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def evict(self, name: Name) -> None:
        """Also what is just being unwrapped: it answers who already waits, and is not kept."""
        self._kept.pop(name, None)
        self._coming.pop(name, None)

    def clear(self) -> None:
        self._kept.clear()
        self._coming.clear()

    async def _fetch(self, name: Name, unwrap: Callable[[], Awaitable[bytes]]) -> bytes:
        me = asyncio.current_task()
        try:
            key = await unwrap()
            if self._coming.get(name) is me:
                self.put(name, key)
            return key
        finally:
            if self._coming.get(name) is me:
                del self._coming[name]


def _look(task: asyncio.Task[bytes]) -> None:
    """An error that nobody waits for any more is no fault of the program."""
    if not task.cancelled():
        task.exception()
