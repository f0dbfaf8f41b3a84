"""Boundary events and adverse effects: written down once, added to, looked at by somebody else. Nothing takes one back."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict

from shared.contracts.course import CourseEvent, CourseOpened
from shared.contracts.records import KeyClass, RecordType
from shared.sealing.field import Sealed

_FORM: Final = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class BoundaryKind(StrEnum):
    GIFT = "gift"
    CONTACT_BETWEEN_SESSIONS = "contact_between_sessions"
    DUAL_RELATIONSHIP = "dual_relationship"
    TOUCH = "touch"
    SELF_DISCLOSURE = "self_disclosure"
    SOCIAL_MEDIA = "social_media"
    FEE = "fee"
    PLACE = "place"
    OTHER = "other"


class BegunBy(StrEnum):
    CLIENT = "client"
    THERAPIST = "therapist"
    BOTH = "both"
    SOMEBODY_ELSE = "somebody_else"


class BoundaryContent(BaseModel):
    model_config = _FORM
    kind: BoundaryKind
    began_by: BegunBy
    what: str
    reasoning: str
    consultation: str | None = None
    outcome: str | None = None
    on: date | None = None


class BoundaryEventNoted(CourseOpened):
    TYPE: ClassVar[str] = "session-notes.boundary-event-noted"
    OF: ClassVar[RecordType] = RecordType.BOUNDARY_EVENT
    content: Annotated[Sealed[BoundaryContent], KeyClass.PROGRESS_NOTE]


class BoundaryEventAdded(CourseEvent):
    """What came of it: a consultation, an outcome. What was written first stays."""

    TYPE: ClassVar[str] = "session-notes.boundary-event-added"
    OF: ClassVar[RecordType] = RecordType.BOUNDARY_EVENT
    words: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class BoundaryEventReviewed(CourseEvent):
    """By who supervises the treatment."""

    TYPE: ClassVar[str] = "session-notes.boundary-event-reviewed"
    OF: ClassVar[RecordType] = RecordType.BOUNDARY_EVENT
    STANDING: ClassVar[str | None] = "reviewed"
    words: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class Seriousness(StrEnum):
    MILD = "mild"
    MODERATE = "moderate"
    SERIOUS = "serious"
    URGENT = "urgent"
    FATAL = "fatal"


class AdverseContent(BaseModel):
    model_config = _FORM
    what: str
    seriousness: Seriousness
    related_to: str | None = None
    """what of the treatment it may have to do with"""
    done: str | None = None
    on: date | None = None


class AdverseEffectNoted(CourseOpened):
    TYPE: ClassVar[str] = "session-notes.adverse-effect-noted"
    OF: ClassVar[RecordType] = RecordType.ADVERSE_EFFECT
    content: Annotated[Sealed[AdverseContent], KeyClass.PROGRESS_NOTE]


class AdverseEffectReviewed(CourseEvent):
    TYPE: ClassVar[str] = "session-notes.adverse-effect-reviewed"
    OF: ClassVar[RecordType] = RecordType.ADVERSE_EFFECT
    STANDING: ClassVar[str | None] = "reviewed"
    words: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


BOUNDARY_EVENTS: Final = (
    BoundaryEventNoted,
    BoundaryEventAdded,
    BoundaryEventReviewed,
    AdverseEffectNoted,
    AdverseEffectReviewed,
)
