"""Pages and single records of a course, as callers get them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.course.application.ports import View, Wanted
from services.session_notes.course.application.records import Courses, list_records, read_record, row_of
from services.session_notes.desk.api.surface import Surface, bound_to, respond
from shared.contracts.records import RecordType
from shared.http.call import Call, etag

REASON_LENGTH = 2_000


async def page_of(
    surface: Surface,
    courses: Courses,
    request: Request,
    call: Call,
    client_id: UUID,
    wanted: Wanted,
    views: Mapping[RecordType, View],
) -> Response:
    """A page of a client's records, newest first."""
    bound = bound_to(call, f"course/{'+'.join(wanted.types)}/{wanted.session_id}", client_id)
    page = surface.start(request, bound)
    items, found = await list_records(courses, call, client_id, wanted, views, page)
    return surface.page(items, found, bound)


async def one_of(courses: Courses, call: Call, record_id: UUID, views: Mapping[RecordType, View]) -> Response:
    row = await row_of(courses, call, record_id, list(views))
    body, opened = await read_record(courses, call, row, views[row.record_type])
    return answer(body, opened.headers)


def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Response:
    return respond(body, headers={**headers, "ETag": etag(body["version"])})
