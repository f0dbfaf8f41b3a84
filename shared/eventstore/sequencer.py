"""Gives every event its place in one dense sequence, in an order in which nothing is ever missed and each stream is in order.

Transaction ids (the fence) mean something within one cluster only, positions alone lose events: so one leader numbers what the
fence lets through, and every reader checkpoints on the number. It outlives a dump and restore into another cluster.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from shared.eventstore import sequence
from shared.eventstore.leader import LeaderConnection

_log = logging.getLogger(__name__)
_LEADER: Final = (4_011, 3)
PAGE: Final = 5000
_FENCE: Final = "SELECT pg_snapshot_xmin(s)::text || ' ' || pg_snapshot_xmax(s)::text FROM pg_current_snapshot() AS s"


class Sequencer:
    """Runs in every process of a service; only the one that leads numbers."""

    def __init__(
        self,
        relay_url: str,
        *,
        poll_seconds: float = 0.25,
        lead_seconds: float = 1.0,
        stall_seconds: float = 10.0,
        on_stall: Callable[[float], None] | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        """`on_stall(age)` is called once for each transaction that has held the fence back for `stall_seconds`."""
        self._connection = LeaderConnection(relay_url, _LEADER)
        self._poll_seconds, self._lead_seconds, self._stall_seconds = poll_seconds, lead_seconds, stall_seconds
        self.on_stall, self._seconds = on_stall, seconds
        self._known = False
        self._oldest: tuple[str, float] | None = None
        self._told = False
        self._woken = asyncio.Event()
        self.leading = False
        self.numbered = 0
        """events numbered since the start"""

    def wake(self) -> None:
        """Events were committed: look now. From the sequencer's own event loop only."""
        self._woken.set()

    @property
    def stalled_for(self) -> float:
        """Seconds for which one running transaction (of any database of the cluster) has held the fence back, as far as seen."""
        return self._seconds() - self._oldest[1] if self._oldest is not None else 0.0

    async def run(self) -> None:
        """Until cancelled. Errors are logged by their class, then tried again; a lost lead is sought again within a second."""
        try:
            while True:
                try:
                    await self._lead()
                except Exception as error:
                    _log.warning("sequencer: %s; tried again", type(error).__name__)
                finally:
                    self.leading = self._known = False
                await asyncio.sleep(self._lead_seconds)
        finally:
            await self._connection.close()

    async def catch_up(self) -> bool:
        """Numbers what the fence lets through now, as the leader; False where another process leads. Raises StoreUnavailable."""
        if not await self._connection.lead():
            return False
        self.leading = True
        while await self._page() == PAGE:
            pass
        return True

    async def close(self) -> None:
        """Gives the lead up: for whom used `catch_up` alone."""
        await self._connection.close()
        self.leading = self._known = False

    async def _lead(self) -> None:
        while await self.catch_up():
            await self._watch_fence()
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._woken.wait()
            except TimeoutError:
                continue
            self._woken.clear()
            await asyncio.sleep(0.01)  # commits come in crowds: one page for all of them
        await self._watch_fence()

    async def _page(self) -> int:
        """How many events were looked at; fewer than a page: that was all."""
        if not self._known:
            cluster = await self._connection.value(sequence.CLUSTER)
            if await self._connection.value("SELECT cluster FROM sequence_mark") != cluster:
                (row,) = await self._connection.fetch(sequence.NUMBER_ALL, PAGE, cluster)
                self.numbered += row["numbered"]
                return int(row["seen"])
            self._known = True
        (row,) = await self._connection.fetch(sequence.NUMBER_PAGE, PAGE)
        self.numbered += row["numbered"]
        return int(row["seen"])

    async def _watch_fence(self) -> None:
        """A fence that stands while transaction ids are handed out: somebody's transaction is as old as the fence's standing."""
        oldest, newest = (await self._connection.value(_FENCE)).split(" ")
        if oldest == newest:
            self._oldest = None
        elif self._oldest is None or self._oldest[0] != oldest:
            self._oldest, self._told = (oldest, self._seconds()), False
        if self.stalled_for >= self._stall_seconds and not self._told:
            self._told = True
            _log.error("a transaction has held the fence back for %.0f s: readers and relays see nothing newer", self.stalled_for)
            if self.on_stall is not None:
                self.on_stall(self.stalled_for)
