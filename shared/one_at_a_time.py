"""One at a time for the same key, within this process."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class OneAtATime:
    def __init__(self) -> None:
        self._waiting: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, key: Hashable) -> AsyncIterator[None]:
        """Entered by one task at a time for each key."""
        lock, others = self._waiting.get(key, (asyncio.Lock(), 0))
        self._waiting[key] = lock, others + 1
        try:
            async with lock:
                yield
        finally:
            lock, others = self._waiting[key]
            if others == 1:
                del self._waiting[key]
            else:
                self._waiting[key] = lock, others - 1
