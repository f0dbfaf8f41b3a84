"""Records of a course of therapy: one stream each, whose first event opens it. See also `shared/contracts/course.py`."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from shared.contracts.course import CourseEvent
from shared.contracts.disclosure import RecordKey
from shared.sealing.field import Sealed

T = TypeVar("T")
E = TypeVar("E", bound=CourseEvent)


def course_stream(record_id: UUID) -> str:
    return f"course/{record_id}"


def read(sealed: Sealed[T], key: RecordKey | None) -> T | None:
    """What is sealed; None without a key (erased, or held back by a consent)."""
    return None if key is None else sealed.open(key)


def of_type(events: Sequence[CourseEvent], form: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, form)]


def last(events: Sequence[CourseEvent], form: type[E]) -> E | None:
    return next((event for event in reversed(events) if isinstance(event, form)), None)
