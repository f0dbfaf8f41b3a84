"""Records of many clients in one list: the gate decides on each, and opens the page alone."""

from collections.abc import Mapping
from typing import Any

from services.session_notes.course.application.ports import CourseRow, View, Wanted
from services.session_notes.course.application.records import Courses, views_of
from services.session_notes.desk.application.ports import Position, place_of
from shared.contracts.disclosure import MAX_RECORDS, Action
from shared.contracts.records import RecordType
from shared.gate.ask import Opened, ask, opened
from shared.gate.listing import Listed
from shared.http.call import Call


async def list_across(
    courses: Courses, call: Call, wanted: Wanted, views: Mapping[RecordType, View], *, start: Position | None, limit: int
) -> tuple[list[dict[str, Any]], Listed[CourseRow]]:
    """Newest first, one entry a client of the page; no entry where it is empty."""
    found: list[CourseRow] = []
    place = start
    while len(found) <= limit:
        rows = await courses.index.rows(call.tenant, wanted, place, MAX_RECORDS)
        if rows:
            seen = opened(await ask(courses.desk.gate, call, Action.SEARCH, [row.ref for row in rows], most=0))
            found += [row for row in rows if seen.permitted(row.id)]
            place = place_of(rows[-1])
        if len(rows) < MAX_RECORDS:
            break
    shown = found[:limit]
    released = Opened((), {}, {})
    if shown:
        released = opened(await ask(courses.desk.gate, call, Action.SEARCH, [row.ref for row in shown]))
    items = await views_of(courses, call.tenant, [row for row in shown if released.permitted(row.id)], released, views)
    return items, Listed(shown, released, len(found) > limit)
