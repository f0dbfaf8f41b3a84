"""Costly work takes turns: so many places in all, of one tenant, and of one person. Who finds none is told to come back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

RETRY_SECONDS: Final = 15


class Busy(Exception):
    """There is no place now; the message says whose places are taken."""


@dataclass(frozen=True, slots=True)
class Limits:
    places: int = 12
    """waiting, at work, or being fetched"""
    of_tenant: int = 8
    of_person: int = 2
    at_work: int = 1
    """at the same time"""


class Turns:
    def __init__(self, limits: Limits) -> None:
        self._limits, self._work = limits, asyncio.Semaphore(limits.at_work)
        self._tenants: Counter[str] = Counter()
        self._people: Counter[tuple[str, str]] = Counter()

    def take(self, tenant: str, person: str) -> "Place":
        """A place, until it is left. Raises Busy."""
        if self._people[tenant, person] >= self._limits.of_person:
            raise Busy("You have asked for as many at once as one person may: wait until one of them is done.")
        if self._tenants[tenant] >= self._limits.of_tenant:
            raise Busy("Your organisation has asked for as many at once as it may: try again soon.")
        if self._tenants.total() >= self._limits.places:
            raise Busy("Many have been asked for at once: try again soon.")
        self._tenants[tenant] += 1
        self._people[tenant, person] += 1
        return Place(self, tenant, person)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """In the order in which they came."""
        async with self._work:
            yield

    def left(self, tenant: str, person: str) -> None:
        """Of `Place` alone."""
        self._tenants -= Counter([tenant])
        self._people -= Counter([(tenant, person)])


class Place:
    """`with` it, or leave it once; leaving again does nothing."""

    def __init__(self, turns: Turns, tenant: str, person: str) -> None:
        self._turns, self.tenant, self.person = turns, tenant, person
        self._held = True

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._turns.left(self.tenant, self.person)

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class Door:
    """So many are inside at once, and so many wait. For quick work that shares its connections and its loop with the gate's
    decisions: after each a place stays empty `rest` times as long as it was taken, so that whoever asks without a pause gets
    a part of the time, and decisions the rest of it."""

    def __init__(self, *, inside: int, waiting: int, rest: float = 0.0) -> None:
        self._inside, self._free, self._rest = asyncio.Semaphore(inside), inside + waiting, rest

    @asynccontextmanager
    async def inside(self) -> AsyncIterator[None]:
        """Raises Busy where too many wait."""
        if self._free <= 0:
            raise Busy("Many pages are asked for at once: try again soon.")
        self._free -= 1
        try:
            await self._inside.acquire()
            loop = asyncio.get_running_loop()
            begun = loop.time()
            try:
                yield
            finally:
                loop.call_later((loop.time() - begun) * self._rest, self._inside.release)
        finally:
            self._free += 1
