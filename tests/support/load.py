"""A steady load of events with one writer a client, who goes on only when the last event is acknowledged."""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

from shared.contracts.topics import CONSENT_POLICY
from shared.eventstore.model import NewEvent, Overloaded, Publication, StoreUnavailable, StreamAppend, UniqueViolation
from tests.support.messaging import CHANGED, World, eventually

KEYS = ("ana", "ben", "cem", "dua")


@dataclass
class Writers:
    """Each client's events are 0, 1, 2 … in a stream of its own. What is not answered is written again under the same id."""

    world: World
    pause: float = 0.01
    acknowledged: dict[str, list[int]] = field(default_factory=lambda: {key: [] for key in KEYS})
    unanswered: int = 0
    """appends that the store could not answer for"""

    async def write(self, count: int) -> None:
        """So many more of each client."""

        async def client(key: str) -> None:
            begin = len(self.acknowledged[key])
            for number in range(begin, begin + count):
                await self._one(key, number)

        await asyncio.gather(*(client(key) for key in KEYS))

    async def until(self, over: asyncio.Event) -> None:
        """Until it is set."""

        async def client(key: str) -> None:
            number = 0
            while not over.is_set():
                await self._one(key, number)
                number += 1

        await asyncio.gather(*(client(key) for key in KEYS))

    async def _one(self, key: str, number: int) -> None:
        publication = Publication(CONSENT_POLICY, f"{self.world.tenant}/{key}")
        event = NewEvent(uuid4(), CHANGED, 1, str(number).encode(), publish=(publication,))
        while True:
            try:
                await self.world.store.append(self.world.tenant, [StreamAppend(f"client/{key}", None, [event])])
                break
            except UniqueViolation:  # its id: it was written, and the answer was lost
                break
            except (StoreUnavailable, Overloaded):
                self.unanswered += 1
                await asyncio.sleep(0.1)
        self.acknowledged[key].append(number)
        await asyncio.sleep(self.pause)

    async def settle(self) -> None:
        """Waits for the other side, then: what was acknowledged is there once and in order, in the streams and in the effects."""
        total = sum(map(len, self.acknowledged.values()))
        assert total > 0

        async def arrived() -> bool:
            return sum(map(len, (await self.world.seen()).values())) >= total

        try:
            await eventually(arrived)
        finally:
            assert await self.world.seen() == self.acknowledged
        for key, numbers in self.acknowledged.items():
            stored = await self.world.store.read_stream(self.world.tenant, f"client/{key}")
            assert [int(e.data) for e in stored] == numbers
            assert [e.version for e in stored] == list(range(1, len(numbers) + 1))
