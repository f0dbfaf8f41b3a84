"""Course records as they are found: by ids, types, authors and times alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.session_notes.course.domain.events import course_stream
from services.session_notes.desk.application.ports import Position
from shared.contracts.course import CourseEvent
from shared.contracts.disclosure import RecordKey, RecordRef
from shared.contracts.records import RecordType


@dataclass(frozen=True, slots=True)
class CourseRow:
    id: UUID
    client_id: UUID
    record_type: RecordType
    author: str
    session_id: UUID | None
    created_at: datetime
    changed_at: datetime
    status: str
    due_at: datetime | None

    @property
    def stream(self) -> str:
        return course_stream(self.id)

    @property
    def ref(self) -> RecordRef:
        return RecordRef(record_id=str(self.id), client_id=str(self.client_id), record_type=self.record_type)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows; what is None or empty limits nothing."""

    types: Sequence[RecordType]
    client_id: UUID | None = None
    session_id: UUID | None = None
    author: str | None = None
    status: str | None = None
    due_by: datetime | None = None
    reader: str | None = None
    """psychotherapy notes of this author alone; None: of everybody, for an export that the gate decides on"""


class CourseIndex(Protocol):
    async def record(self, tenant: str, record_id: UUID, types: Sequence[RecordType]) -> CourseRow | None: ...

    async def whole(self, tenant: str, part_id: UUID) -> UUID | None:
        """The record that a goal or a task is part of."""

    async def therapists(self, tenant: str, client_id: UUID) -> list[str]:
        """`sub`s of those who held a session with this client, the newest first."""

    async def rows(self, tenant: str, wanted: Wanted, after: Position | None, limit: int) -> list[CourseRow]:
        """Newest first."""


View = Callable[[Sequence[CourseEvent], RecordKey | None], Mapping[str, Any]]
"""a record's events → its own fields as callers see them; without a key every sealed one is empty, the shape the same"""
