"""Writing and reading the records of a course: each command asks the gate, reads the record's events, decides, appends one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from services.session_notes.course.application.ports import CourseIndex, CourseRow, View, Wanted
from services.session_notes.course.application.telling import Told
from services.session_notes.course.domain.events import course_stream
from services.session_notes.desk.application.errors import answered, erased
from services.session_notes.desk.application.loading import load
from services.session_notes.desk.application.ports import Desk, Position, SessionRow, place_of
from shared.contracts.course import CourseEvent, CourseOpened
from shared.contracts.disclosure import Action, RecordKey, RecordRef, of_session
from shared.contracts.records import RecordType
from shared.contracts.topics import SESSION_NOTES
from shared.eventstore.model import NewEvent, Publication, StoredEvent, StreamAppend
from shared.gate.ask import Opened, missed, open_one
from shared.gate.listing import Listed, Rows, listed
from shared.http.call import Call
from shared.http.conditional import Expected
from shared.http.idempotency import Answer, Repeat
from shared.http.showing import shown
from shared.sealing.event import EventTypes
from shared.service.record import client_key, record_event, write_meta

ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Courses:
    desk: Desk
    index: CourseIndex
    types: EventTypes
    """of all capabilities whose records are a course's"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new record stands."""

    client_id: UUID
    session_id: UUID | None = None
    labels: tuple[str, ...] = ()
    refers_at: str = "path:session_id"


Make = Callable[[UUID], CourseOpened]
Decide = Callable[[Sequence[CourseEvent], RecordKey], CourseEvent]


async def session_of(courses: Courses, call: Call, session_id: UUID, action: Action = Action.CREATE) -> SessionRow:
    """404 where there is none."""
    row = await courses.desk.index.session(call.tenant, session_id)
    if row is None:
        raise await missed(courses.desk.gate, call, action)
    return row


async def open_record(
    courses: Courses,
    call: Call,
    of: RecordType,
    place: Place,
    make: Make,
    *,
    repeat: Repeat,
    sent: bool = False,
    told: Told | None = None,
) -> tuple[Answer, Opened]:
    """201. `sent`: other services learn of it, sealed as it is stored. `told`: the ledger is told at once."""
    desk = courses.desk
    record_id = desk.parts.new_id()
    ref = RecordRef(
        record_id=str(record_id),
        client_id=str(place.client_id),
        record_type=of,
        author=call.principal.sub,
        labels=place.labels,
        refers_to=of_session(place.session_id),
    )
    opened = await open_one(desk.gate, call, Action.CREATE, ref, refers_at=place.refers_at)
    with answered():
        event = make(record_id)
    new = _written(desk, call, event, opened, sent=sent, told=told)
    answer = Answer(201, {"id": str(record_id), "version": 1})
    rows = desk.index.rows_of(call.tenant, event)
    append = StreamAppend(course_stream(record_id), 0, [new])
    await desk.store.append(call.tenant, [append], statements=(*rows, *repeat.statements(answer, place.client_id)))
    return answer, opened


async def change_record(
    courses: Courses,
    call: Call,
    row: CourseRow,
    decide: Decide,
    *,
    action: Action = Action.UPDATE,
    expected: Expected | None = None,
    repeat: Repeat | None = None,
    status: int = 201,
    sent: bool = False,
) -> tuple[Answer, Opened]:
    """One event more. 409 where the record was erased or does not allow it; 412 where it changed."""
    desk = courses.desk
    opened = await open_one(desk.gate, call, action, row.ref)
    if opened.erased(row.id):
        raise erased()
    events = events_of(courses.types, await desk.store.read_stream(call.tenant, row.stream))
    with answered():
        event = decide(events, opened.key(row.id))
    if expected is not None:
        expected.check(len(events))
    new = _written(desk, call, event, opened, sent=sent)
    part = getattr(event, "part_id", None)
    answer = Answer(status, {"id": str(part or row.id), "version": len(events) + 1})
    kept = repeat.statements(answer, row.client_id) if repeat is not None else ()
    rows = desk.index.rows_of(call.tenant, event)
    await desk.store.append(call.tenant, [StreamAppend(row.stream, len(events), [new])], statements=(*rows, *kept))
    return answer, opened


async def row_of(
    courses: Courses, call: Call, record_id: UUID, types: Sequence[RecordType], action: Action = Action.READ
) -> CourseRow:
    """404 where there is none of these types."""
    row = await courses.index.record(call.tenant, record_id, types)
    if row is None:
        raise await missed(courses.desk.gate, call, action)
    return row


async def read_record(courses: Courses, call: Call, row: CourseRow, view: View) -> tuple[dict[str, Any], Opened]:
    opened = await open_one(courses.desk.gate, call, Action.READ, row.ref)
    stored = await courses.desk.store.read_stream(call.tenant, row.stream)
    return view_of(courses.types, row, stored, opened, view), opened


async def list_records(
    courses: Courses, call: Call, client_id: UUID, wanted: Wanted, views: Mapping[RecordType, View], page: tuple[Any, int]
) -> tuple[list[dict[str, Any]], Listed[CourseRow]]:
    """Newest first; 404 where the caller may not know the client. `page`: where it begins, and how long it is."""
    start, limit = page

    async def fetch(after: Position | None, most: int) -> list[CourseRow]:
        return await courses.index.rows(call.tenant, wanted, after, most)

    rows = Rows(fetch, lambda row: row.ref, place_of)
    found = await listed(courses.desk.gate, call, client_id, rows, start=start, limit=limit)
    return await views_of(courses, call.tenant, found.rows, found.opened, views), found


async def views_of(
    courses: Courses, tenant: str, rows: Sequence[CourseRow], opened: Opened, views: Mapping[RecordType, View]
) -> list[dict[str, Any]]:
    """The records of rows that were opened."""
    streams = await courses.desk.index.streams(tenant, [row.stream for row in rows])
    return [shown(r.id, partial(view_of, courses.types, r, streams[r.stream], opened, views[r.record_type])) for r in rows]


def view_of(types: EventTypes, row: CourseRow, stored: Sequence[StoredEvent], opened: Opened, view: View) -> dict[str, Any]:
    """The record as it was released; emptied where it was erased, or where a consent holds back what it says."""
    gone, held_back = opened.erased(row.id), bool(opened.redactions(row.id))
    key = None if gone or held_back else opened.key(row.id)
    return {
        "id": str(row.id),
        "client_id": str(row.client_id),
        "session_id": None if row.session_id is None else str(row.session_id),
        "author": row.author,
        **view(events_of(types, stored), key),
        "status": ERASED if gone else row.status,
        "erased": gone,
        "redacted": held_back,
        "notices": opened.notices(row.id),
        "version": len(stored),
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def events_of(types: EventTypes, stored: Sequence[StoredEvent]) -> list[CourseEvent]:
    events = [load(types, one) for one in stored]
    return [event for event in events if isinstance(event, CourseEvent)]


def _written(desk: Desk, call: Call, event: CourseEvent, opened: Opened, *, sent: bool, told: Told | None = None) -> NewEvent:
    publish = [Publication(SESSION_NOTES, client_key(call.tenant, event.client_id))] if sent else []
    publish += [] if told is None else [told(event)]
    key = opened.key(event.record_id)
    return record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=key, publish=publish)
