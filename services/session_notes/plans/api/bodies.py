"""Bodies of the plan's routes."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from services.session_notes.plans.domain.events import Attainment, Completion, Declined, Done, Goal, Intervention, Review, Task
from shared.contracts.course import GoalAnswer, Party
from shared.entry.text import Line, Lines
from shared.http.body import Body
from shared.values.time import Day

MOST: Final = 20
Words = Annotated[str, Lines(2_000)]
Short = Annotated[str, Line(300)]
Level = Literal["-2", "-1", "0", "1", "2"]


class PlanBody(Body):
    """What the work is about. Goals follow: `POST /v1/plans/{id}/goals`."""

    problems: Annotated[tuple[Words, ...], Field(min_length=1, max_length=MOST)]
    strengths: Annotated[tuple[Words, ...], Field(max_length=MOST)] = ()
    discharge_criteria: Words | None = None
    others_involved: Words | None = None


class GoalBody(Body):
    """Proposed by either side, agreed by both: `POST /v1/goals/{id}/agreements`."""

    description: Words
    clients_words: Words | None = None
    levels: dict[Level, Words] | None = None
    """goal attainment scaling: all five, -2 to 2, described beforehand; 0 is what is expected"""
    weight: Annotated[int, Field(ge=1, le=10)] = 1
    target_on: Day | None = None
    responsible: Short | None = None
    problem: Annotated[int, Field(ge=0, lt=MOST)] | None = None
    """which problem of the plan, counted from 0"""
    objective_of: UUID | None = None
    """the goal of which this is an objective"""

    def goal(self, party: Party) -> Goal:
        levels = None if self.levels is None else {str(level): words for level, words in self.levels.items()}
        said = self.model_dump(exclude={"levels", "objective_of"})
        return Goal(**said, levels=levels, proposed_by=party)


class AgreementBody(Body):
    party: Party
    """your own side"""
    agrees: bool
    words: Words | None = None

    def answer(self) -> GoalAnswer:
        return GoalAnswer(party=self.party, agrees=self.agrees, words=self.words)


class AttainmentBody(Body):
    level: Annotated[int, Field(ge=-2, le=2)]
    session_id: UUID
    words: Words | None = None

    def attainment(self) -> Attainment:
        return Attainment(level=self.level, words=self.words)


class InterventionBody(Body):
    what: Words
    frequency: Short | None = None
    duration: Short | None = None

    def intervention(self) -> Intervention:
        return Intervention(what=self.what, frequency=self.frequency, duration=self.duration)


class LinkBody(Body):
    """A progress note that works on this goal."""

    note_id: UUID
    intervention_id: UUID | None = None


class TaskBody(Body):
    what: Words
    until: Day | None = None
    session_id: UUID | None = None

    def task(self) -> Task:
        return Task(what=self.what, until=self.until)


class CompletionBody(Body):
    session_id: UUID
    done: Done
    words: Words | None = None

    def completion(self) -> Completion:
        return Completion(done=self.done, words=self.words)


class DeclinedBody(Body):
    reason: Words
    copy_offered: bool


class PlanSignatureBody(Body):
    """Empty: you sign. `declined`: the therapist writes down that the client did not sign."""

    declined: DeclinedBody | None = None

    def said(self) -> Declined | None:
        declined = self.declined
        return None if declined is None else Declined(reason=declined.reason, copy_offered=declined.copy_offered)


class ReviewBody(Body):
    words: Words
    ended: bool = False
    """the plan ends with this review"""

    def review(self) -> Review:
        return Review(words=self.words, ended=self.ended)
