"""What goes into the event store and what comes out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Publication:
    """A message for other services, relayed after commit. With no payload it carries the event's own data."""

    topic: str
    key: str
    """`tenant/client_id`"""
    type: str | None = None
    payload: bytes | None = None
    event_id: UUID | None = None
    """message id; the event's own where absent (one event, one message a topic)"""
    schema_version: int = 1
    """of `payload`, which has a form of its own; a message with the event's data has the event's"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    event_id: UUID
    type: str
    schema_version: int
    data: bytes
    """canonical JSON, sealed fields encrypted"""
    meta: bytes = b"{}"
    """JSON: who (sub, role), ledger entry, request id; never clinical"""
    publish: tuple[Publication, ...] = ()


ANY_VERSION = None


@dataclass(frozen=True, slots=True)
class StreamAppend:
    stream: str
    """`<aggregate>/<id>`; unique within the tenant"""
    expected_version: int | None
    """version of the newest event the caller saw (0: the stream must be new); None appends at the end, whatever it is"""
    events: Sequence[NewEvent]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL (asyncpg placeholders) run after the events in the same transaction, under the tenant's row-level security."""

    sql: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class InboxMark:
    """`(consumer, message)` written in the effect's transaction: the same message is never applied twice."""

    consumer: str
    message_id: UUID


class StoredEvent(NamedTuple):
    """A tuple, because a replay makes hundreds of thousands: a third of a frozen dataclass's time."""

    tenant: str
    stream: str
    version: int
    position: int
    event_id: UUID
    type: str
    schema_version: int
    data: bytes
    meta: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an aggregate was at a version of its stream."""

    version: int
    data: bytes
    """the state's JSON, sealed fields closed"""


class StoreError(Exception):
    """Base of the store's errors."""


class VersionConflict(StoreError):
    """Somebody else wrote to the stream first: read it again and decide again."""


class AlreadyHandled(StoreError):
    """The inbox already holds this message: its effect is there."""


class UniqueViolation(StoreError):
    """A statement of this append met a row that exists already; nothing was written."""

    def __init__(self, constraint: str) -> None:
        super().__init__(f"unique constraint {constraint}")
        self.constraint = constraint


class Refused(StoreError):
    """The database refused what this append holds (a value, a type, a statement); nothing was written. A fault of the program."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"refused by the database: {reason}")


class Overloaded(StoreError):
    """The append queue is full: answer 503 with Retry-After."""


class StoreUnavailable(StoreError):
    """The database cannot be reached: answer 503; whether a pending append was written is unknown until it is read."""
