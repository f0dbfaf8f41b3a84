"""Time travel: what any aggregate was at a version or at a moment, by the same fold that decides today."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from shared.eventstore.model import StoredEvent
from shared.eventstore.store import EventStore

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class AsOf(Generic[State]):
    """What was known then: events recorded later are as if they had not been."""

    state: State | None
    """None where the aggregate was not there yet"""
    version: int
    """0 where it was not there yet"""
    recorded_at: datetime | None
    """when that version was written down"""


class History(Generic[State]):
    """The one way to look back. `fold` is the aggregate's own; sealed fields stay closed, so looking back opens nothing."""

    def __init__(self, store: EventStore, fold: Callable[[Sequence[StoredEvent]], State]) -> None:
        self._store, self._fold = store, fold

    async def at_version(self, tenant: str, stream: str, version: int) -> AsOf[State]:
        """ValueError for a version below 1; the newest there is where `version` is beyond it."""
        if version < 1:
            raise ValueError("versions count from 1")
        return self._as_of(await self._store.read_stream(tenant, stream, until_version=version))

    async def at(self, tenant: str, stream: str, moment: datetime) -> AsOf[State]:
        """ValueError for a moment without its offset from UTC.

        A clock that was set back can date an event before the one it follows: a version is never without those before it.
        """
        if moment.tzinfo is None:
            raise ValueError("a moment carries its offset from UTC")
        events = await self._store.read_stream(tenant, stream)
        known = [e.version for e in events if e.recorded_at <= moment]
        return self._as_of([e for e in events if e.version <= max(known, default=0)])

    async def now(self, tenant: str, stream: str) -> AsOf[State]:
        return self._as_of(await self._store.read_stream(tenant, stream))

    def _as_of(self, events: Sequence[StoredEvent]) -> AsOf[State]:
        if not events:
            return AsOf(None, 0, None)
        return AsOf(self._fold(events), events[-1].version, events[-1].recorded_at)
