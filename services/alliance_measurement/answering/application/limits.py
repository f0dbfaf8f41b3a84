"""The page's own front: so many requests at a time and in a minute. What is too much waits outside, not at the gate."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from shared.http.problems import Problem

AT_ONCE: Final = 8
A_MINUTE: Final = 60
"""requests for one questionnaire"""
KNOWN: Final = 10_000
"""questionnaires that are counted at a time"""
_MINUTE: Final = timedelta(minutes=1)


class Limits:
    def __init__(self, now: Callable[[], datetime], *, at_once: int = AT_ONCE, a_minute: int = A_MINUTE) -> None:
        self._now, self._free, self._a_minute = now, at_once, a_minute
        self._counted: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    @asynccontextmanager
    async def inside(self, about: str) -> AsyncIterator[None]:
        """Problem 429 where one questionnaire is asked for too often, 503 where too many ask at once."""
        self._count(about)
        if self._free <= 0:
            raise Problem(503, "unavailable", "Not available just now", "Try again in a moment.", headers={"Retry-After": "2"})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    def _count(self, about: str) -> None:
        now = self._now()
        since, seen = self._counted.pop(about, (now, 0))
        if now - since >= _MINUTE:
            since, seen = now, 0
        self._counted[about] = (since, seen + 1)
        if len(self._counted) > KNOWN:
            self._counted.popitem(last=False)
        if seen >= self._a_minute:
            raise Problem(429, "too-many", "Too many requests", "Wait a minute and try again.", headers={"Retry-After": "60"})
