"""What waits for the caller: notes, sessions and prompts, by one question to the gate, with one entry a client."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from services.session_notes.course.application.ports import CourseIndex, CourseRow, Wanted
from services.session_notes.desk.application.ports import Desk, NoteRow, SessionRow
from services.session_notes.prompts.application.prompts import is_shown
from services.session_notes.sessions.application.sessions import read_of
from services.session_notes.working_day.application.ports import Queue, WaitingPrompt, WorkingDay
from shared.contracts.disclosure import Action
from shared.contracts.records import RecordType
from shared.gate.ask import Opened, ask, opened
from shared.http.call import Call
from shared.http.showing import shown
from shared.identity.roles import Role

MOST: Final = 60
"""of a queue; what is behind is told by its name in `more`. Eight questions of the database fit into one of the gate"""


@dataclass(frozen=True, slots=True)
class Worklist:
    queues: dict[Queue, list[dict[str, Any]]]
    more: list[Queue]
    """queues of which only the first `MOST` are here"""
    opened: Opened


async def worklist(desk: Desk, day: WorkingDay, course: CourseIndex, call: Call) -> Worklist:
    """Ids and dates; what the caller may not read now, or what was erased, is in no queue."""
    tenant, sub = call.tenant, call.principal.sub
    due = await day.cosignatures_due(tenant, sub, MOST + 1)
    if call.principal.role is Role.SUPERVISOR:
        others = await day.cosignatures_due(tenant, None, MOST + 1)
        due = sorted({n.id: n for n in (*due, *others)}.values(), key=lambda n: n.created_at)
    notes: dict[Queue, Sequence[NoteRow]] = {
        Queue.UNSIGNED: await day.drafts(tenant, sub, MOST + 1),
        Queue.AWAITING_COSIGNATURE: due,
        Queue.RETURNED: await day.returned(tenant, sub, MOST + 1),
    }
    sessions = await day.sessions_without_note(tenant, sub, MOST + 1)
    prompts = await day.prompts(tenant, sub, MOST + 1)
    lengths = {**{q: len(rows) for q, rows in notes.items()}, Queue.SESSIONS_WITHOUT_NOTE: len(sessions)}
    lengths[Queue.PROMPTS] = len(prompts)
    course_rows = await _course_rows(desk, course, call)
    lengths |= {q: len(rows) for q, rows in course_rows.items()}
    notes, sessions, prompts = {q: rows[:MOST] for q, rows in notes.items()}, sessions[:MOST], prompts[:MOST]
    refs = [row.ref for rows in notes.values() for row in rows]
    refs += (
        [s.ref for s in sessions] + [p.row.ref for p in prompts] + [r.ref for rows in course_rows.values() for r in rows[:MOST]]
    )
    released = opened(await ask(desk.gate, call, Action.SEARCH, refs)) if refs else Opened((), {}, {})
    queues = {q: [_note(row) for row in rows if _opens(released, row.id)] for q, rows in notes.items()}
    queues[Queue.SESSIONS_WITHOUT_NOTE] = await _sessions(desk, call, sessions, released)
    queues[Queue.PROMPTS] = _prompts(tenant, prompts, released)
    queues |= {q: [_course(row) for row in rows[:MOST][::-1] if _opens(released, row.id)] for q, rows in course_rows.items()}
    return Worklist(queues, [q for q, n in lengths.items() if n > MOST], released)


def _opens(released: Opened, record_id: Any) -> bool:
    return released.permitted(record_id) and not released.erased(record_id)


async def _course_rows(desk: Desk, course: CourseIndex, call: Call) -> dict[Queue, Sequence[CourseRow]]:
    """Newest first. What supervisors look at is asked of the whole practice: the gate says which of it is theirs."""
    due = Wanted((RecordType.TREATMENT_PLAN,), author=call.principal.sub, due_by=desk.parts.now())
    harm = Wanted((RecordType.BOUNDARY_EVENT, RecordType.ADVERSE_EFFECT), status="open")
    supervises = call.principal.role is Role.SUPERVISOR
    return {
        Queue.PLAN_REVIEWS_DUE: await course.rows(call.tenant, due, None, MOST + 1),
        Queue.HARM_TO_REVIEW: await course.rows(call.tenant, harm, None, MOST + 1) if supervises else (),
    }


def _course(row: CourseRow) -> dict[str, Any]:
    about = {"id": str(row.id), "client_id": str(row.client_id), "kind": str(row.record_type)}
    return about | {"due_at": row.due_at, "created_at": row.created_at}


def _note(row: NoteRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "kind": str(row.kind),
        "client_id": str(row.client_id),
        "session_id": None if row.session_id is None else str(row.session_id),
        "author": row.author,
        "created_at": row.created_at,
    }


async def _sessions(desk: Desk, call: Call, rows: Sequence[SessionRow], released: Opened) -> list[dict[str, Any]]:
    readable = [row for row in rows if _opens(released, row.id)]
    streams = await desk.index.streams(call.tenant, [row.stream for row in readable])

    def item(row: SessionRow) -> dict[str, Any]:
        details = read_of(streams[row.stream], released).details
        assert details is not None
        times = details.model_dump(mode="json", include={"started_at", "ended_at"})
        return {"id": str(row.id), "client_id": str(row.client_id), **times, "created_at": row.created_at}

    return [shown(row.id, partial(item, row)) for row in readable]


def _prompts(tenant: str, prompts: Sequence[WaitingPrompt], released: Opened) -> list[dict[str, Any]]:
    """Without those that say nothing: every answered rating brings a prompt."""
    told = [p for p in prompts if is_shown(tenant, p.row, released)]
    return [{"id": str(p.row.prompt_id), "client_id": str(p.row.client_id), "at": p.at} for p in reversed(told)]
