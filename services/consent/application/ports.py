"""What the handlers need of the database beside the event store: where a record is found, and what stands confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.contracts.records import RecordType
from shared.eventstore.model import Statement
from shared.http.call import Call
from shared.http.idempotency import Answer
from shared.sealing.event import Event


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in its client's list."""

    record_id: UUID
    created_at: datetime


class RecordIndex(Protocol):
    """Ids alone: which record is whose. Written in the transaction of the record's first event."""

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        """What keeps the index in step, to be written with the event."""

    async def client_of(self, tenant: str, record_type: RecordType, record_id: UUID) -> UUID | None:
        """None where there is no such record in this tenant."""

    async def page(
        self, tenant: str, record_type: RecordType, client_id: UUID, *, before: Place | None, limit: int
    ) -> Sequence[Place]:
        """A client's records, newest first, from after `before`."""


class PolicyHeads(Protocol):
    """The newest policy sequence of each tenant, for the heartbeat."""

    def moved(self, tenant: str) -> Statement:
        """Notes the newest version of the tenant's policy stream; in the transaction that wrote to it."""

    async def newest(self, limit: int) -> Sequence[tuple[str, int]]:
        """Tenant and head, those that changed last first."""


@dataclass(frozen=True, slots=True)
class Deadline:
    record_type: RecordType
    record_id: UUID
    client_id: UUID


class Deadlines(Protocol):
    """What has to be looked at again when a time comes. Written in the transaction of the event that sets it."""

    def set(
        self, tenant: str, record_type: RecordType, record_id: UUID, client_id: UUID, at: datetime | None
    ) -> tuple[Statement, ...]:
        """The next time of that record; None: never again."""

    async def due(self, tenant: str, now: datetime, limit: int) -> Sequence[Deadline]: ...


class Answers(Protocol):
    def settled(self, call: Call, answer: Answer) -> Statement:
        """Replaces the answer kept under the call's Idempotency-Key."""
