"""The golden thread of a client, by one question to the gate: their plans, and their progress notes by ids alone."""

from typing import Any
from uuid import UUID

from services.session_notes.course.application.ports import Wanted
from services.session_notes.course.application.records import Courses, views_of
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.plans.domain.thread import thread
from services.session_notes.plans.domain.view import plan_view
from shared.contracts.disclosure import MAX_RECORDS
from shared.contracts.records import RecordType
from shared.gate.ask import Opened, open_many
from shared.http.call import Call

MOST_PLANS = 20


async def thread_of(courses: Courses, call: Call, client_id: UUID) -> tuple[dict[str, Any], Opened]:
    """404 where the caller may not know the client. Of a long record the newest notes: `more_notes` says so."""
    plans = await courses.index.rows(call.tenant, Wanted((RecordType.TREATMENT_PLAN,), client_id), None, MOST_PLANS)
    most = MAX_RECORDS - len(plans)
    rows = await courses.desk.index.notes_of(call.tenant, client_id, None, most + 1)
    notes = [row for row in rows[:most] if row.kind is NoteKind.PROGRESS]
    refs = [row.ref for row in plans] + [row.ref for row in notes]
    opened = await open_many(courses.desk.gate, call, refs, client_id=str(client_id))
    shown = [row for row in plans if row.status != "ended" and opened.permitted(row.id)]
    views = await views_of(courses, call.tenant, shown, opened, {RecordType.TREATMENT_PLAN: plan_view})
    readable = [str(row.id) for row in notes if opened.permitted(row.id) and not opened.erased(row.id)]
    told = thread([view for view in views if "not_shown" not in view], readable)
    return {**told, "more_notes": len(rows) > most}, opened
