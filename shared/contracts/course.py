"""`session-notes.v1`: what alliance_measurement may learn of the course of therapy, sealed as it is stored.

Ids, people's `sub` and times stand in the clear. What was seen or said opens with the key of record `item_id`, which the gate
releases to a reader who may read it: so a moment meets an episode of strain only in front of somebody who may see both.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.records import KeyClass, RecordType
from shared.sealing.event import Event
from shared.sealing.field import Sealed

MOMENT_NOTED: Final = "session-notes.moment-noted"
GOAL_ANSWERED: Final = "session-notes.goal-answered"
_FORM: Final = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CourseEvent(Event):
    """What every event of a course record says in the clear."""

    RECORD: ClassVar[str] = "item_id"
    OF: ClassVar[RecordType]
    """type of the record that it belongs to"""
    STANDING: ClassVar[str | None] = None
    """what the record is after it, as far as the type of an event tells; None: as before"""
    item_id: UUID
    by: str
    """`sub` of who wrote it"""
    at: datetime


class CourseOpened(CourseEvent):
    """The first event of a course record."""

    STANDING: ClassVar[str | None] = "open"
    session_id: UUID | None = None


class MomentKind(StrEnum):
    RUPTURE_WITHDRAWAL = "rupture_withdrawal"
    RUPTURE_CONFRONTATION = "rupture_confrontation"
    REPAIR = "repair"
    CORRECTIVE_EXPERIENCE = "corrective_experience"
    RESISTANCE = "resistance"
    TRANSFERENCE = "transference"
    COUNTERTRANSFERENCE = "countertransference"
    SAFETY = "safety"


class Corrective(BaseModel):
    """A corrective emotional experience: what was feared, what happened instead, what was felt, what was said of it."""

    model_config = _FORM
    feared: str
    happened: str
    felt: str | None = None
    said: str | None = None


class MomentContent(BaseModel):
    """What was noticed in a session, in the therapist's eyes: never a verdict on a person."""

    model_config = _FORM
    kind: MomentKind
    code: str | None = None
    """a marker of a rupture or a step of a repair: `GET /v1/moment-codes`"""
    significance: int | None = None
    """1 (slight) to 5 (a turning point)"""
    text: str | None = None
    corrective: Corrective | None = None


class MomentNoted(CourseOpened):
    """A moment of a session that the care team may see. Closed ones never leave the service."""

    TYPE: ClassVar[str] = MOMENT_NOTED
    OF: ClassVar[RecordType] = RecordType.MOMENT
    content: Annotated[Sealed[MomentContent], KeyClass.PROGRESS_NOTE]


class Party(StrEnum):
    CLIENT = "client"
    THERAPIST = "therapist"


class GoalAnswer(BaseModel):
    model_config = _FORM
    party: Party
    agrees: bool
    words: str | None = None


class GoalAnswered(CourseEvent):
    """Client or therapist said whether they agree to a goal. A goal is agreed while the newest answer of both is yes."""

    TYPE: ClassVar[str] = GOAL_ANSWERED
    OF: ClassVar[RecordType] = RecordType.TREATMENT_PLAN
    goal_id: UUID
    answer: Annotated[Sealed[GoalAnswer], KeyClass.PROGRESS_NOTE]
