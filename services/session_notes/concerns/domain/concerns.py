"""A client's concern: raised past the therapist, answered within a time, closed by the client or by who answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict

from services.session_notes.course.domain.events import last, of_type, read
from services.session_notes.desk.domain.refusals import WrongState
from shared.contracts.course import CourseEvent, CourseOpened
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass, RecordType
from shared.sealing.field import Sealed


class ConcernContent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    words: str
    about: tuple[str, ...] = ()
    """`sub`s of staff whom the client named"""


class ConcernRaised(CourseOpened):
    TYPE: ClassVar[str] = "session-notes.concern-raised"
    OF: ClassVar[RecordType] = RecordType.CONCERN
    content: Annotated[Sealed[ConcernContent], KeyClass.CONCERN]
    due_at: datetime
    """when it has to be answered"""


class ConcernAdded(CourseEvent):
    """The client says more. It waits for an answer again."""

    TYPE: ClassVar[str] = "session-notes.concern-added"
    OF: ClassVar[RecordType] = RecordType.CONCERN
    STANDING: ClassVar[str | None] = "open"
    words: Annotated[Sealed[str], KeyClass.CONCERN]
    due_at: datetime


class ConcernAnswered(CourseEvent):
    TYPE: ClassVar[str] = "session-notes.concern-answered"
    OF: ClassVar[RecordType] = RecordType.CONCERN
    STANDING: ClassVar[str | None] = "answered"
    words: Annotated[Sealed[str], KeyClass.CONCERN]
    due_at: datetime | None = None


class ConcernClosed(CourseEvent):
    TYPE: ClassVar[str] = "session-notes.concern-closed"
    OF: ClassVar[RecordType] = RecordType.CONCERN
    STANDING: ClassVar[str | None] = "closed"
    words: Annotated[Sealed[str], KeyClass.CONCERN]
    due_at: datetime | None = None


CONCERN_EVENTS: Final = (ConcernRaised, ConcernAdded, ConcernAnswered, ConcernClosed)


def add(events: Sequence[CourseEvent], words: str, *, by: str, at: datetime, due_at: datetime) -> ConcernAdded:
    return ConcernAdded(**_about(events, by, at), words=Sealed(words), due_at=due_at)


def answer(events: Sequence[CourseEvent], words: str, *, by: str, at: datetime) -> ConcernAnswered:
    return ConcernAnswered(**_about(events, by, at), words=Sealed(words))


def close(events: Sequence[CourseEvent], words: str, *, by: str, at: datetime, by_client: bool) -> ConcernClosed:
    """The client whenever they like; staff once it was answered."""
    if not by_client and last(events, ConcernAnswered) is None:
        raise WrongState("Answer it first: only the client closes a concern that nobody has answered.")
    return ConcernClosed(**_about(events, by, at), words=Sealed(words))


def concern_view(events: Sequence[CourseEvent], key: RecordKey | None) -> dict[str, Any]:
    raised = events[0]
    assert isinstance(raised, ConcernRaised)
    content = read(raised.content, key)
    waits = [e for e in events if isinstance(e, ConcernRaised | ConcernAdded)]
    settled = isinstance(events[-1], ConcernAnswered | ConcernClosed)
    return {
        "words": "" if content is None else content.words,
        "about": [] if content is None else list(content.about),
        "due_at": None if settled else waits[-1].due_at,
        "added": [_said(e, key) for e in of_type(events, ConcernAdded)],
        "answers": [_said(e, key) for e in of_type(events, ConcernAnswered)],
        "closure": None if (closed := last(events, ConcernClosed)) is None else _said(closed, key),
    }


def _said(event: ConcernAdded | ConcernAnswered | ConcernClosed, key: RecordKey | None) -> dict[str, Any]:
    return {"words": read(event.words, key) or "", "by": event.by, "at": event.at}


def _about(events: Sequence[CourseEvent], by: str, at: datetime) -> dict[str, Any]:
    raised = events[0]
    if last(events, ConcernClosed) is not None:
        raise WrongState("This concern was closed: the client can raise a new one.")
    return {"item_id": raised.item_id, "client_id": raised.client_id, "by": by, "at": at}
