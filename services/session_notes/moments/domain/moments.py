"""Moments of a session: closed by default. A closed one is a psychotherapy note, its author's own; an open one is a marker in the
record that the care team and the client may see."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from services.session_notes.course.domain.events import last, read
from services.session_notes.desk.domain.refusals import Flaw, NotTheAuthor, WrongState, refuse_any
from services.session_notes.moments.domain.codes import CLOSED_ONLY, CODES, SHORT
from shared.contracts.course import CourseEvent, CourseOpened, MomentContent, MomentKind, MomentNoted
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass, RecordType
from shared.sealing.field import Sealed


class ClosedMomentNoted(CourseOpened):
    """A moment that its author alone sees."""

    TYPE: ClassVar[str] = "session-notes.closed-moment-noted"
    OF: ClassVar[RecordType] = RecordType.PSYCHOTHERAPY_NOTE
    content: Annotated[Sealed[MomentContent], KeyClass.PSYCHOTHERAPY_NOTE]


class MomentEnteredInError(CourseEvent):
    """It should not have been noted. It stays readable, with the mark."""

    TYPE: ClassVar[str] = "session-notes.moment-entered-in-error"
    OF: ClassVar[RecordType] = RecordType.MOMENT
    STANDING: ClassVar[str | None] = "entered_in_error"
    reason: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class ClosedMomentEnteredInError(CourseEvent):
    """The same of a closed one."""

    TYPE: ClassVar[str] = "session-notes.closed-moment-entered-in-error"
    OF: ClassVar[RecordType] = RecordType.PSYCHOTHERAPY_NOTE
    STANDING: ClassVar[str | None] = "entered_in_error"
    reason: Annotated[Sealed[str], KeyClass.PSYCHOTHERAPY_NOTE]


MOMENT_EVENTS: Final = (MomentNoted, ClosedMomentNoted, MomentEnteredInError, ClosedMomentEnteredInError)
Noted = MomentNoted | ClosedMomentNoted
InError = MomentEnteredInError | ClosedMomentEnteredInError


def note_moment(
    record_id: UUID, client_id: UUID, session_id: UUID, content: MomentContent, *, closed: bool, held: bool, by: str, at: datetime
) -> Noted:
    """Unfit with every flaw; WrongState for a session that was missed."""
    if not held:
        raise WrongState("A moment belongs to a session that took place.")
    refuse_any(list(_flaws(content, closed=closed)))
    form = ClosedMomentNoted if closed else MomentNoted
    return form(item_id=record_id, client_id=client_id, session_id=session_id, content=Sealed(content), by=by, at=at)


def _flaws(content: MomentContent, *, closed: bool) -> Iterator[Flaw]:
    codes = CODES.get(content.kind)
    if content.code is not None and content.code not in (codes or {}):
        known = f"one of {', '.join(codes)}" if codes else "this kind has no codes: leave it out"
        yield Flaw("/code", known)
    if content.corrective is not None and content.kind is not MomentKind.CORRECTIVE_EXPERIENCE:
        yield Flaw("/corrective", "this belongs to a corrective_experience")
    if closed:
        return
    if content.kind in CLOSED_ONLY:
        why = "is psychotherapy-note content (45 CFR 164.501): leave class out, and it is yours alone"
        yield Flaw("/class", f"{content.kind} {why}")
    corrective = content.corrective.model_dump() if content.corrective else {}
    texts = {"/text": content.text, **{f"/corrective/{name}": text for name, text in corrective.items()}}
    for pointer, text in texts.items():
        if text is not None and len(text) > SHORT:
            yield Flaw(pointer, f"at most {SHORT} characters in an open moment: a word or two")


def enter_in_error(events: Sequence[CourseEvent], reason: str, *, by: str, at: datetime) -> InError:
    """By its author alone."""
    noted = events[0]
    if noted.by != by:
        raise NotTheAuthor("Who noted it marks it.")
    if last(events, MomentEnteredInError) or last(events, ClosedMomentEnteredInError):
        raise WrongState("This moment was entered in error already.")
    form = ClosedMomentEnteredInError if isinstance(noted, ClosedMomentNoted) else MomentEnteredInError
    return form(item_id=noted.record_id, client_id=noted.client_id, reason=Sealed(reason), by=by, at=at)


def moment_view(events: Sequence[CourseEvent], key: RecordKey | None) -> dict[str, Any]:
    noted = events[0]
    assert isinstance(noted, Noted)
    content = read(noted.content, key)
    mark = last(events, MomentEnteredInError) or last(events, ClosedMomentEnteredInError)
    empty: dict[str, Any] = dict.fromkeys(MomentContent.model_fields)
    return {
        **(empty if content is None else content.model_dump(mode="json")),
        "class": "closed" if isinstance(noted, ClosedMomentNoted) else "open",
        "in_error": None if mark is None else {"reason": read(mark.reason, key) or "", "by": mark.by, "at": mark.at},
    }
