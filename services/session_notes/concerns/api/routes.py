"""`/v1/concerns`: what a client says about how they are treated, past their therapist to supervisor or compliance officer."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.concerns.domain.concerns import ConcernContent, ConcernRaised, add, answer, close, concern_view
from services.session_notes.course.api.answers import one_of
from services.session_notes.course.application.across import list_across
from services.session_notes.course.application.ports import View, Wanted
from services.session_notes.course.application.records import Courses, Place, change_record, open_record, row_of
from services.session_notes.course.application.telling import told_of_harm
from services.session_notes.desk.api.surface import Surface, bound_to
from shared.contracts.course import CourseEvent, CourseOpened
from shared.contracts.disclosure import Action, RecordKey
from shared.contracts.harm import HarmTold
from shared.contracts.records import RecordType, about
from shared.entry.text import Exact, Lines
from shared.gate.ask import Opened
from shared.http.body import Body, documented, read_json
from shared.http.call import Call, path_id
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import forbidden
from shared.http.query import PAGING, parameter
from shared.identity.roles import Role
from shared.sealing.field import Sealed

_OF: Final = RecordType.CONCERN
VIEWS: Final[dict[RecordType, View]] = {_OF: concern_view}
_STATUSES: Final = ("open", "answered", "closed")
_READERS: Final = (Role.CLIENT, Role.SUPERVISOR, Role.COMPLIANCE_OFFICER)
_MOST_NAMED: Final = 20
_STATUS: Final[list[dict[str, Any]]] = [
    {"name": "status", "in": "query", "schema": {"type": "string", "enum": list(_STATUSES)}},
    *PAGING,
]
Words = Annotated[str, Lines(8_000)]


class ConcernBody(Body):
    """In your own words. It stays closed to whoever has treated you, and to whom you name."""

    words: Words
    about: Annotated[tuple[Annotated[str, Exact(200)], ...], Field(max_length=_MOST_NAMED)] = ()
    """ids of staff whom it is about besides your therapists"""


class ConcernWordsBody(Body):
    words: Words


def concern_routes(surface: Surface, courses: Courses) -> APIRouter:
    router = APIRouter(tags=["concerns"])
    parts, wait = courses.desk.parts, timedelta(days=surface.settings.concern_days)

    @router.post("/v1/concerns", status_code=201, openapi_extra=documented(ConcernBody))
    async def raise_(request: Request) -> Response:
        """Raise a concern, by the client's own token. Supervisors and compliance officers read it; nobody whom it is about does,
        and no therapist. The practice is alarmed that there is one, without a word of it."""
        call = surface.call(request)
        body, raw = await read_json(request, ConcernBody)
        client = call.principal.client_id
        if call.principal.role is not Role.CLIENT or client is None:
            raise forbidden("A concern is the client's own: they raise it with their own login.")
        client_id = UUID(client)

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            treating = await courses.index.therapists(call.tenant, client_id)
            closed_to = tuple(dict.fromkeys((*body.about, *treating)))[:_MOST_NAMED]

            def make(record_id: UUID) -> CourseOpened:
                at = parts.now()
                content = Sealed(ConcernContent(words=body.words, about=body.about))
                who: dict[str, Any] = {"item_id": record_id, "client_id": client_id, "by": call.principal.sub}
                return ConcernRaised(**who, at=at, due_at=at + wait, content=content)

            place = Place(client_id, labels=tuple(about(sub) for sub in closed_to))
            alarm = told_of_harm(courses.desk, call, HarmTold.CONCERN)
            return await open_record(courses, call, _OF, place, make, repeat=repeat, told=alarm)

        return await surface.post(call, request, raw, work)

    @router.get("/v1/concerns", openapi_extra={"parameters": _STATUS})
    async def concerns(request: Request) -> Response:
        """The client: their own. Supervisors and compliance officers: those of the practice that are not about them. Newest
        first; one entry a client of the page."""
        call = _reading(surface.call(request))
        own = call.principal.client_id if call.principal.role is Role.CLIENT else None
        status = parameter(request, "status", _status, None)
        wanted = Wanted((_OF,), None if own is None else UUID(own), status=status)
        bound = bound_to(call, f"concerns/{status}", wanted.client_id)
        start, limit = surface.start(request, bound)
        items, page = await list_across(courses, call, wanted, VIEWS, start=start, limit=limit)
        return surface.page(items, page, bound)

    @router.get("/v1/concerns/{concern_id}")
    async def read(request: Request, concern_id: str) -> Response:
        """One concern, with its answers and until when it has to be answered."""
        return await one_of(courses, surface.call(request), path_id(concern_id), VIEWS)

    @router.post("/v1/concerns/{concern_id}/answers", status_code=201, openapi_extra=documented(ConcernWordsBody))
    async def answered(request: Request, concern_id: str) -> Response:
        """Answer a concern. From the client it says more, and the concern waits again."""
        call = surface.call(request)
        body, raw = await read_json(request, ConcernWordsBody)

        def decide(events: Sequence[CourseEvent], _: RecordKey) -> CourseEvent:
            by, at = call.principal.sub, parts.now()
            if call.principal.role is Role.CLIENT:
                return add(events, body.words, by=by, at=at, due_at=at + wait)
            return answer(events, body.words, by=by, at=at)

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            row = await row_of(courses, call, path_id(concern_id), (_OF,), Action.UPDATE)
            return await change_record(courses, call, row, decide, repeat=repeat)

        return await surface.post(call, request, raw, work)

    @router.post("/v1/concerns/{concern_id}/closure", status_code=201, openapi_extra=documented(ConcernWordsBody))
    async def closed(request: Request, concern_id: str) -> Response:
        """Close a concern: the client whenever they like, staff once it was answered."""
        call = surface.call(request)
        body, raw = await read_json(request, ConcernWordsBody)

        def decide(events: Sequence[CourseEvent], _: RecordKey) -> CourseEvent:
            by_client = call.principal.role is Role.CLIENT
            return close(events, body.words, by=call.principal.sub, at=parts.now(), by_client=by_client)

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            row = await row_of(courses, call, path_id(concern_id), (_OF,), Action.UPDATE)
            return await change_record(courses, call, row, decide, repeat=repeat)

        return await surface.post(call, request, raw, work)

    return router


def _reading(call: Call) -> Call:
    if call.principal.role not in _READERS:
        raise forbidden("Concerns go to supervisors and compliance officers.")
    return call


def _status(text: str) -> str:
    if text not in _STATUSES:
        raise ValueError(f"one of {', '.join(_STATUSES)}")
    return text
