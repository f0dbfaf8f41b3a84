"""What happens to a plan: proposed by either side, agreed by both, worked on, reviewed, signed. One stream a plan."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.course import CourseEvent, CourseOpened, GoalAnswered, Party
from shared.contracts.records import KeyClass, RecordType
from shared.sealing.field import Sealed

_FORM: Final = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PlanContent(BaseModel):
    model_config = _FORM
    problems: tuple[str, ...]
    strengths: tuple[str, ...] = ()
    discharge_criteria: str | None = None
    others_involved: str | None = None
    review_days: int
    """from one review to the next, at most"""
    review_citation: str
    """the rule that says so"""


class Goal(BaseModel):
    model_config = _FORM
    description: str
    clients_words: str | None = None
    levels: dict[str, str] | None = None
    """goal attainment scaling: what each of -2 to 2 looks like, 0 is what is expected"""
    weight: int = 1
    target_on: date | None = None
    responsible: str | None = None
    problem: int | None = None
    """which problem of the plan, counted from 0"""
    proposed_by: Party


class Attainment(BaseModel):
    model_config = _FORM
    level: int
    words: str | None = None


class Intervention(BaseModel):
    model_config = _FORM
    what: str
    frequency: str | None = None
    duration: str | None = None


class Task(BaseModel):
    model_config = _FORM
    what: str
    until: date | None = None


class Done(StrEnum):
    NONE = "none"
    PARTLY = "partly"
    FULLY = "fully"


class Completion(BaseModel):
    model_config = _FORM
    done: Done
    words: str | None = None


class Declined(BaseModel):
    model_config = _FORM
    reason: str
    copy_offered: bool


class PlanSignature(BaseModel):
    model_config = _FORM
    party: Party
    declined: Declined | None = None
    """the client did not sign: why, and whether a copy was offered"""


class Review(BaseModel):
    model_config = _FORM
    words: str
    ended: bool = False


class PlanEvent(CourseEvent):
    OF: ClassVar[RecordType] = RecordType.TREATMENT_PLAN


class PlanOpened(CourseOpened):
    TYPE: ClassVar[str] = "session-notes.plan-opened"
    OF: ClassVar[RecordType] = RecordType.TREATMENT_PLAN
    content: Annotated[Sealed[PlanContent], KeyClass.PROGRESS_NOTE]
    due_at: datetime
    """when the plan is to be reviewed"""


class GoalProposed(PlanEvent):
    TYPE: ClassVar[str] = "session-notes.goal-proposed"
    part_id: UUID
    objective_of: UUID | None = None
    """the goal of which it is an objective"""
    goal: Annotated[Sealed[Goal], KeyClass.PROGRESS_NOTE]


class GoalAttained(PlanEvent):
    TYPE: ClassVar[str] = "session-notes.goal-attained"
    goal_id: UUID
    session_id: UUID
    attainment: Annotated[Sealed[Attainment], KeyClass.PROGRESS_NOTE]


class InterventionPlanned(PlanEvent):
    TYPE: ClassVar[str] = "session-notes.intervention-planned"
    part_id: UUID
    goal_id: UUID
    intervention: Annotated[Sealed[Intervention], KeyClass.PROGRESS_NOTE]


class NoteLinked(PlanEvent):
    """A progress note works on that goal, by that intervention."""

    TYPE: ClassVar[str] = "session-notes.note-linked"
    goal_id: UUID
    note_id: UUID
    intervention_id: UUID | None = None


class TaskSet(PlanEvent):
    """Homework."""

    TYPE: ClassVar[str] = "session-notes.task-set"
    part_id: UUID
    goal_id: UUID
    session_id: UUID | None = None
    task: Annotated[Sealed[Task], KeyClass.PROGRESS_NOTE]


class TaskCompleted(PlanEvent):
    TYPE: ClassVar[str] = "session-notes.task-completed"
    task_id: UUID
    session_id: UUID
    completion: Annotated[Sealed[Completion], KeyClass.PROGRESS_NOTE]


class PlanSigned(PlanEvent):
    TYPE: ClassVar[str] = "session-notes.plan-signed"
    of_version: int
    """version of the plan that is signed"""
    signature: Annotated[Sealed[PlanSignature], KeyClass.PROGRESS_NOTE]


class PlanReviewed(PlanEvent):
    TYPE: ClassVar[str] = "session-notes.plan-reviewed"
    due_at: datetime | None
    """of the next review; None where the plan ended"""
    review: Annotated[Sealed[Review], KeyClass.PROGRESS_NOTE]


class PlanEnded(PlanReviewed):
    """With its last review."""

    TYPE: ClassVar[str] = "session-notes.plan-ended"
    STANDING: ClassVar[str | None] = "ended"


PLAN_EVENTS: Final = (
    PlanOpened,
    GoalProposed,
    GoalAnswered,
    GoalAttained,
    InterventionPlanned,
    NoteLinked,
    TaskSet,
    TaskCompleted,
    PlanSigned,
    PlanReviewed,
    PlanEnded,
)
