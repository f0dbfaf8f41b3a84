"""What may be done to a plan: pure deciders, one a command, over the plan's events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.session_notes.course.domain.events import last, of_type
from services.session_notes.desk.domain.refusals import Flaw, WrongState, refuse_any
from services.session_notes.plans.domain.events import (
    Attainment,
    Completion,
    Goal,
    GoalAttained,
    GoalProposed,
    Intervention,
    InterventionPlanned,
    NoteLinked,
    PlanEnded,
    PlanOpened,
    PlanReviewed,
    PlanSignature,
    PlanSigned,
    Review,
    Task,
    TaskCompleted,
    TaskSet,
)
from shared.contracts.course import CourseEvent, GoalAnswer, GoalAnswered
from shared.contracts.disclosure import RecordKey
from shared.sealing.field import Sealed

Events = Sequence[CourseEvent]
LEVELS: Final = ("-2", "-1", "0", "1", "2")


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and when."""

    sub: str
    at: datetime


def propose_goal(events: Events, key: RecordKey, part_id: UUID, goal: Goal, objective_of: UUID | None, by: By) -> GoalProposed:
    opened = _open(events)
    flaws = []
    problems = opened.content.open(key).problems
    if goal.problem is not None and goal.problem >= len(problems):
        flaws.append(Flaw("/problem", f"counted from 0: this plan has {len(problems)}"))
    if goal.levels is not None and sorted(goal.levels) != sorted(LEVELS):
        flaws.append(Flaw("/levels", "all five, -2 to 2, each described beforehand; 0 is what is expected"))
    if objective_of is not None and objective_of not in {g.part_id for g in of_type(events, GoalProposed)}:
        flaws.append(Flaw("/objective_of", "a goal of this plan"))
    refuse_any(flaws)
    return GoalProposed(**_about(opened, by), part_id=part_id, objective_of=objective_of, goal=Sealed(goal))


def answer_goal(events: Events, goal_id: UUID, answer: GoalAnswer, by: By) -> GoalAnswered:
    return GoalAnswered(**_about(_open(events), by), goal_id=goal_id, answer=Sealed(answer))


def attain(events: Events, key: RecordKey, goal_id: UUID, session_id: UUID, attainment: Attainment, by: By) -> GoalAttained:
    (goal,) = (g for g in of_type(events, GoalProposed) if g.part_id == goal_id)
    if goal.goal.open(key).levels is None:
        raise WrongState("Goal attainment is rated on levels that were described beforehand: this goal has none.")
    return GoalAttained(**_about(_open(events), by), goal_id=goal_id, session_id=session_id, attainment=Sealed(attainment))


def plan_intervention(events: Events, part_id: UUID, goal_id: UUID, what: Intervention, by: By) -> InterventionPlanned:
    return InterventionPlanned(**_about(_open(events), by), part_id=part_id, goal_id=goal_id, intervention=Sealed(what))


def link_note(events: Events, goal_id: UUID, note_id: UUID, intervention_id: UUID | None, by: By) -> NoteLinked:
    planned = {i.part_id for i in of_type(events, InterventionPlanned) if i.goal_id == goal_id}
    if intervention_id is not None and intervention_id not in planned:
        refuse_any([Flaw("/intervention_id", "an intervention of this goal")])
    return NoteLinked(**_about(_open(events), by), goal_id=goal_id, note_id=note_id, intervention_id=intervention_id)


def set_task(events: Events, part_id: UUID, goal_id: UUID, session_id: UUID | None, task: Task, by: By) -> TaskSet:
    return TaskSet(**_about(_open(events), by), part_id=part_id, goal_id=goal_id, session_id=session_id, task=Sealed(task))


def complete_task(events: Events, task_id: UUID, session_id: UUID, completion: Completion, by: By) -> TaskCompleted:
    return TaskCompleted(**_about(_open(events), by), task_id=task_id, session_id=session_id, completion=Sealed(completion))


def sign(events: Events, signature: PlanSignature, by: By) -> PlanSigned:
    """The plan as it stands; what is added later stands unsigned until somebody signs anew."""
    opened = _open(events)
    if not of_type(events, GoalProposed):
        raise WrongState("A plan without a goal is not signed: propose one first.")
    return PlanSigned(**_about(opened, by), of_version=len(events), signature=Sealed(signature))


def review(events: Events, key: RecordKey, said: Review, by: By) -> PlanReviewed:
    opened = _open(events)
    if said.ended:
        return PlanEnded(**_about(opened, by), due_at=None, review=Sealed(said))
    due = by.at + timedelta(days=opened.content.open(key).review_days)
    return PlanReviewed(**_about(opened, by), due_at=due, review=Sealed(said))


def _open(events: Events) -> PlanOpened:
    opened = events[0]
    assert isinstance(opened, PlanOpened)
    if last(events, PlanEnded) is not None:
        raise WrongState("This plan has ended: begin a new one.")
    return opened


def _about(opened: PlanOpened, by: By) -> dict[str, object]:
    return {"item_id": opened.item_id, "client_id": opened.client_id, "by": by.sub, "at": by.at}
