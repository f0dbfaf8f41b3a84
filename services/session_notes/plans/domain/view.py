"""A plan as callers see it: goals with who agrees, their levels over time, tasks, signatures, reviews."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.session_notes.course.domain.events import of_type, read
from services.session_notes.plans.domain.attainment import Rated, t_score
from services.session_notes.plans.domain.events import (
    Attainment,
    Completion,
    Goal,
    GoalAttained,
    GoalProposed,
    Intervention,
    InterventionPlanned,
    NoteLinked,
    PlanContent,
    PlanOpened,
    PlanReviewed,
    PlanSignature,
    PlanSigned,
    Review,
    Task,
    TaskCompleted,
    TaskSet,
)
from shared.contracts.course import CourseEvent, GoalAnswer, GoalAnswered, Party
from shared.contracts.disclosure import RecordKey
from shared.sealing.field import Sealed

Key = RecordKey | None


def plan_view(events: Sequence[CourseEvent], key: Key) -> dict[str, Any]:
    opened = events[0]
    assert isinstance(opened, PlanOpened)
    content = read(opened.content, key)
    empty: dict[str, Any] = dict.fromkeys(PlanContent.model_fields) | {"problems": [], "strengths": []}
    told = empty if content is None else content.model_dump(mode="json")
    reviews = of_type(events, PlanReviewed)
    due = reviews[-1].due_at if reviews else opened.due_at
    return {
        **{name: value for name, value in told.items() if not name.startswith("review_")},
        "review": {"due_at": due, "every_days": told["review_days"], "citation": told["review_citation"]},
        "goals": [_goal(goal, events, key) for goal in of_type(events, GoalProposed)],
        "t_score": None if key is None else t_score(_rated(events, key)),
        "signatures": [
            {**_said(PlanSignature, s.signature, key), "of_version": s.of_version, **_by(s)} for s in of_type(events, PlanSigned)
        ],
        "reviews": [{**_said(Review, r.review, key), "next_due_at": r.due_at, **_by(r)} for r in reviews],
    }


def _goal(goal: GoalProposed, events: Sequence[CourseEvent], key: Key) -> dict[str, Any]:
    answers = [a for a in of_type(events, GoalAnswered) if a.goal_id == goal.part_id]
    return {
        "id": str(goal.part_id),
        "objective_of": _id(goal.objective_of),
        **_said(Goal, goal.goal, key),
        "agreed": None if key is None else is_agreed(answers, key),
        "agreements": [{**_said(GoalAnswer, a.answer, key), **_by(a)} for a in answers],
        "attainments": [
            {**_said(Attainment, a.attainment, key), "session_id": str(a.session_id), **_by(a)}
            for a in of_type(events, GoalAttained)
            if a.goal_id == goal.part_id
        ],
        "interventions": [
            {"id": str(i.part_id), **_said(Intervention, i.intervention, key), **_by(i)}
            for i in of_type(events, InterventionPlanned)
            if i.goal_id == goal.part_id
        ],
        "notes": [
            {
                "note_id": str(n.note_id),
                "intervention_id": _id(n.intervention_id),
                **_by(n),
            }
            for n in of_type(events, NoteLinked)
            if n.goal_id == goal.part_id
        ],
        "tasks": [_task(t, events, key) for t in of_type(events, TaskSet) if t.goal_id == goal.part_id],
        **_by(goal),
    }


def is_agreed(answers: Sequence[GoalAnswered], key: RecordKey) -> bool:
    """Whether the newest answer of both sides is yes."""
    newest = {answer.party: answer.agrees for answer in (a.answer.open(key) for a in answers)}
    return all(newest.get(party, False) for party in Party)


def _rated(events: Sequence[CourseEvent], key: RecordKey) -> list[Rated]:
    """The newest level of each goal that has one."""
    weights = {g.part_id: g.goal.open(key).weight for g in of_type(events, GoalProposed)}
    levels = {a.goal_id: a.attainment.open(key).level for a in of_type(events, GoalAttained)}
    return [Rated(level, weights[goal]) for goal, level in levels.items()]


def _task(task: TaskSet, events: Sequence[CourseEvent], key: Key) -> dict[str, Any]:
    return {
        "id": str(task.part_id),
        "session_id": _id(task.session_id),
        **_said(Task, task.task, key),
        "completions": [
            {**_said(Completion, c.completion, key), "session_id": str(c.session_id), **_by(c)}
            for c in of_type(events, TaskCompleted)
            if c.task_id == task.part_id
        ],
        **_by(task),
    }


def _said(form: type[BaseModel], sealed: Sealed[Any], key: Key) -> dict[str, Any]:
    """The sealed model's fields; emptied where it stays closed."""
    model = read(sealed, key)
    return dict.fromkeys(form.model_fields) if model is None else dict(model.model_dump(mode="json"))


def _id(one: UUID | None) -> str | None:
    return None if one is None else str(one)


def _by(event: CourseEvent) -> dict[str, Any]:
    return {"by": event.by, "at": event.at}
