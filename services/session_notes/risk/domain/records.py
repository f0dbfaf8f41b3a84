"""A safety plan in the client's own words, and topics that the client has closed. Either side writes the plan; the client alone
opens a topic again.

Steps of the plan: Stanley and Brown (2012), Safety Planning Intervention, Cognitive and Behavioral Practice 19.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict

from services.session_notes.course.domain.events import last, read
from services.session_notes.desk.domain.refusals import WrongState
from shared.contracts.course import CourseEvent, CourseOpened
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass, RecordType
from shared.sealing.field import Sealed

_FORM: Final = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SafetySteps(BaseModel):
    model_config = _FORM
    warning_signs: tuple[str, ...]
    own_coping: tuple[str, ...]
    people_and_places: tuple[str, ...]
    people_to_ask: tuple[str, ...]
    professionals: tuple[str, ...]
    safer_surroundings: tuple[str, ...]


class SafetyPlanWritten(CourseOpened):
    TYPE: ClassVar[str] = "session-notes.safety-plan-written"
    OF: ClassVar[RecordType] = RecordType.SAFETY_PLAN
    STANDING: ClassVar[str | None] = "in_force"
    steps: Annotated[Sealed[SafetySteps], KeyClass.PROGRESS_NOTE]


class SafetyPlanChanged(CourseEvent):
    """The whole plan as it is now; what stood there before stays in the stream."""

    TYPE: ClassVar[str] = "session-notes.safety-plan-changed"
    OF: ClassVar[RecordType] = RecordType.SAFETY_PLAN
    steps: Annotated[Sealed[SafetySteps], KeyClass.PROGRESS_NOTE]


class TopicClosed(CourseOpened):
    TYPE: ClassVar[str] = "session-notes.topic-closed"
    OF: ClassVar[RecordType] = RecordType.CLOSED_TOPIC
    STANDING: ClassVar[str | None] = "closed"
    topic: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class TopicOpened(CourseEvent):
    """The client's recorded yes."""

    TYPE: ClassVar[str] = "session-notes.topic-opened"
    OF: ClassVar[RecordType] = RecordType.CLOSED_TOPIC
    STANDING: ClassVar[str | None] = "opened"
    words: Annotated[Sealed[str | None], KeyClass.PROGRESS_NOTE]


RISK_EVENTS: Final = (SafetyPlanWritten, SafetyPlanChanged, TopicClosed, TopicOpened)


def change_plan(events: Sequence[CourseEvent], steps: SafetySteps, *, by: str, at: datetime) -> SafetyPlanChanged:
    first = events[0]
    return SafetyPlanChanged(item_id=first.item_id, client_id=first.client_id, by=by, at=at, steps=Sealed(steps))


def open_topic(events: Sequence[CourseEvent], words: str | None, *, by: str, at: datetime) -> TopicOpened:
    if last(events, TopicOpened) is not None:
        raise WrongState("This topic is open. To close it again, close it anew.")
    first = events[0]
    return TopicOpened(item_id=first.item_id, client_id=first.client_id, by=by, at=at, words=Sealed(words))


def plan_view(events: Sequence[CourseEvent], key: RecordKey | None) -> dict[str, Any]:
    written = [e for e in events if isinstance(e, SafetyPlanWritten | SafetyPlanChanged)]
    steps = read(written[-1].steps, key)
    told = {name: [] for name in SafetySteps.model_fields} if steps is None else steps.model_dump(mode="json")
    return {"steps": told, "changed_by": written[-1].by}


def topic_view(events: Sequence[CourseEvent], key: RecordKey | None) -> dict[str, Any]:
    closed, opened = events[0], last(events, TopicOpened)
    assert isinstance(closed, TopicClosed)
    yes = None if opened is None else {"words": read(opened.words, key), "by": opened.by, "at": opened.at}
    return {"topic": read(closed.topic, key) or "", "opened": yes}
