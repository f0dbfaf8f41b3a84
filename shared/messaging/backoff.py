"""Waiting between attempts: doubling, bounded, with jitter so that consumers do not come back in step."""

import random
from asyncio import sleep
from collections.abc import Callable


class Backoff:
    """Seconds to wait: `first`, doubled by each attempt up to `longest`, each between half of it and the whole."""

    def __init__(self, first: float, longest: float, *, fraction: Callable[[], float] = random.random) -> None:
        if not 0 < first <= longest:
            raise ValueError("a backoff starts above 0 and does not exceed its longest wait")
        self._first, self._longest, self._fraction = first, longest, fraction
        self._next = first

    def reset(self) -> None:
        self._next = self._first

    def delay(self) -> float:
        """The wait before the coming attempt, in seconds."""
        delay = self._next * (0.5 + 0.5 * self._fraction())
        self._next = min(self._next * 2, self._longest)
        return delay

    async def wait(self) -> None:
        await sleep(self.delay())
