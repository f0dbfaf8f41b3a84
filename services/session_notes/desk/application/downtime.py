"""Whether notes may be written just now although the gate does not answer: by what key, how many, for how long (ADR 0015)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from math import ceil
from typing import Protocol
from uuid import UUID

import orjson

from services.session_notes.desk.domain.kinds import NoteKind
from shared.contracts.downtime import GateKey, LateWrite, instant
from shared.eventstore.model import Statement
from shared.gate.pinned import PinnedKey
from shared.gate.port import AWAY_IN_WORDS, Away
from shared.http.problems import Problem, unavailable


class WaitingState(StrEnum):
    WAITING = "waiting"
    """for the gate"""
    REFUSED = "refused"
    """by the gate as things stand; it is asked again"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`data` and `envelope` are None once the client's data of this class was erased."""

    note_id: UUID
    client_id: UUID
    kind: NoteKind
    author: str
    event_id: UUID
    type: str
    schema_version: int
    key_id: str
    request_id: str
    written_at: datetime
    state: WaitingState
    data: bytes | None
    envelope: bytes | None

    def write(self, tenant: str) -> LateWrite:
        """What the gate is asked, and what the envelope is bound to."""
        return LateWrite(
            tenant=tenant,
            record_id=str(self.note_id),
            client_id=str(self.client_id),
            record_type=self.kind.record_type,
            author=self.author,
            event_id=str(self.event_id),
            written_at=instant(self.written_at),
            key_id=self.key_id,
            digest="" if self.data is None else sha256(self.data).hexdigest(),
            request_id=self.request_id,
            session_id=_session_of(self.data),
            envelope=self.envelope,
        )


def _session_of(data: bytes | None) -> str | None:
    """Of the event that waits: the session stands beside what is sealed. None where the event is gone."""
    return None if data is None else str(orjson.loads(data)["session_id"])


@dataclass(frozen=True, slots=True)
class Room:
    """What waits of one tenant."""

    notes: int
    by_author: int
    refused: int
    oldest: datetime | None
    """when the oldest was written that had no answer of the gate yet"""


class WaitingNotes(Protocol):
    def begin(self, tenant: str, waiting: Waiting) -> tuple[Statement, ...]: ...

    async def one(self, tenant: str, note_id: UUID) -> Waiting | None: ...

    async def room(self, tenant: str, author: str) -> Room:
        """`by_author`: of that one."""

    async def due(self, tenant: str, refused_before: datetime, limit: int) -> list[Waiting]:
        """What waits for an answer, and what was refused before that time, oldest first."""

    async def tenants(self) -> list[str]:
        """That ever had a note that waited."""

    def tried(self, tenant: str, note_id: UUID, state: WaitingState, at: datetime) -> Statement: ...

    def end(self, tenant: str, note_id: UUID) -> Statement: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be written while the gate is away, and for how long. 0 hours: nothing."""

    after_seconds: int = 10
    """that the gate is away before anything is written without it: a restart is waited for"""
    hours: int = 72
    notes: int = 500
    """of a tenant"""
    of_one_author: int = 100


class Downtime:
    """One in a process."""

    def __init__(self, pinned: PinnedKey, notes: WaitingNotes, bounds: Bounds, *, now: Callable[[], datetime]) -> None:
        self._pinned, self.notes, self._bounds, self._now = pinned, notes, bounds, now
        self._since: datetime | None = None
        self._missed: datetime | None = None
        self.woken = asyncio.Event()
        """set when a note began to wait"""
        self.waiting, self.refused = 0, 0
        self.oldest: datetime | None = None

    @property
    def is_on(self) -> bool:
        """Whether notes are being written without the gate, or wait for it since they were."""
        return self._since is not None or self.oldest is not None

    def unanswered(self) -> None:
        """A note was written without the gate."""
        self._since = self._since or self._now()
        self.woken.set()

    def missed(self) -> float:
        """The gate was found away: seconds that it has been so, as far as is known."""
        if self._missed is None:
            self._missed = self._now()
            self._pinned.look()
        return (self._now() - self._missed).total_seconds()

    def answered(self) -> None:
        """The gate is there again."""
        self._since = self._missed = None

    def in_time(self) -> None:
        """503 as long as the gate may only be restarting. Problem."""
        left = self._bounds.after_seconds - self.missed()
        if left > 0:
            raise unavailable(AWAY_IN_WORDS[Away.GATE], max(1, ceil(left)), str(Away.GATE))

    def counted(self, waiting: int, refused: int, oldest: datetime | None) -> None:
        """Of all tenants, as the reconciliation finds them."""
        self.waiting, self.refused, self.oldest = waiting, refused, oldest

    async def key(self) -> GateKey | None:
        """The gate's key to seal to. StoreError."""
        return await self._pinned.current() if self._bounds.hours else None

    async def check_room(self, tenant: str, author: str) -> None:
        """503 where too much waits already, or for too long."""
        room, bounds = await self.notes.room(tenant, author), self._bounds
        if room.notes >= bounds.notes or room.by_author >= bounds.of_one_author:
            raise _full("Too many notes wait for the gate already: nothing more is written until it is back.")
        if room.oldest is not None and self._now() - room.oldest >= timedelta(hours=bounds.hours):
            raise _full("The gate has been away for too long: nothing more is written until it is back.")


def _full(detail: str) -> Problem:
    return unavailable(detail, 60, "downtime-full")
