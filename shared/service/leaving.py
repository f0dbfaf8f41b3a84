"""The process is asked to end (SIGTERM, SIGINT): what would wait long gives up at once, and can still say so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Leaves(Exception):
    """The process ends: what was asked for is not done here any more."""


class Leaving:
    def __init__(self) -> None:
        self._asked = False
        self._waiting: set[asyncio.Timeout] = set()

    def ask(self) -> None:
        """In the loop's own thread."""
        self._asked = True
        for scope in self._waiting:
            scope.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def until_asked(self) -> AsyncIterator[None]:
        """Around work that may wait long: cancelled, with Leaves, as soon as the process is asked to end."""
        if self._asked:
            raise Leaves
        try:
            async with asyncio.timeout(None) as scope:
                self._waiting.add(scope)
                try:
                    yield
                finally:
                    self._waiting.discard(scope)
        except TimeoutError:
            if scope.expired():
                raise Leaves from None
            raise
