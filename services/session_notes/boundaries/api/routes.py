"""`/v1/clients/{id}/boundary-events`, `/adverse-effects`: what may have harmed a client, seen by more than one person."""

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.boundaries.domain.events import (
    AdverseContent,
    AdverseEffectNoted,
    AdverseEffectReviewed,
    BegunBy,
    BoundaryContent,
    BoundaryEventAdded,
    BoundaryEventNoted,
    BoundaryEventReviewed,
    BoundaryKind,
    Seriousness,
)
from services.session_notes.boundaries.domain.views import adverse_view, boundary_view, patterns
from services.session_notes.course.api.answers import one_of, page_of
from services.session_notes.course.application.ports import View, Wanted
from services.session_notes.course.application.records import Courses, Place, change_record, list_records, open_record, row_of
from services.session_notes.course.application.telling import told_of_harm
from services.session_notes.desk.api.surface import Surface, respond
from services.session_notes.desk.domain.refusals import NotTheAuthor
from shared.contracts.course import CourseEvent, CourseOpened
from shared.contracts.disclosure import MAX_RECORDS, Action, RecordKey
from shared.contracts.harm import HarmTold
from shared.contracts.records import RecordType
from shared.entry.text import Lines
from shared.gate.ask import Opened
from shared.http.body import Body, documented, read_json
from shared.http.call import path_id
from shared.http.idempotency import Answer, Repeat
from shared.http.query import PAGING
from shared.sealing.field import Sealed
from shared.values.time import Day

_BOUNDARY, _ADVERSE = RecordType.BOUNDARY_EVENT, RecordType.ADVERSE_EFFECT
VIEWS: Final[dict[RecordType, View]] = {_BOUNDARY: boundary_view, _ADVERSE: adverse_view}
_ALARMS: Final = {Seriousness.FATAL: HarmTold.FATAL, Seriousness.URGENT: HarmTold.URGENT}
Words = Annotated[str, Lines(4_000)]
Made = type[BoundaryEventAdded] | type[BoundaryEventReviewed] | type[AdverseEffectReviewed]


class BoundaryBody(Body):
    """Who began it, why it was done or not done, whom it was talked over with, what came of it."""

    kind: BoundaryKind
    began_by: BegunBy
    what: Words
    reasoning: Words
    consultation: Words | None = None
    outcome: Words | None = None
    on: Day | None = None


class AdverseBody(Body):
    """Something that got worse or hurt. Urgent and fatal ones alarm the practice at once."""

    what: Words
    seriousness: Seriousness
    related_to: Words | None = None
    done: Words | None = None
    on: Day | None = None


class WordsBody(Body):
    words: Words


def boundary_routes(surface: Surface, courses: Courses) -> APIRouter:
    router = APIRouter(tags=["boundaries"])
    parts = courses.desk.parts

    @router.post("/v1/clients/{client_id}/boundary-events", status_code=201, openapi_extra=documented(BoundaryBody))
    async def note(request: Request, client_id: str) -> Response:
        """Write a boundary event down. It cannot be taken back; it waits for who supervises the treatment."""
        call = surface.call(request)
        body, raw = await read_json(request, BoundaryBody)
        client, content = path_id(client_id), BoundaryContent(**body.model_dump())

        def make(record_id: UUID) -> CourseOpened:
            by, at = call.principal.sub, parts.now()
            return BoundaryEventNoted(item_id=record_id, client_id=client, by=by, at=at, content=Sealed(content))

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            return await open_record(courses, call, _BOUNDARY, Place(client), make, repeat=repeat)

        return await surface.post(call, request, raw, work)

    @router.get("/v1/clients/{client_id}/boundary-events", openapi_extra={"parameters": PAGING})
    async def events(request: Request, client_id: str) -> Response:
        """A client's boundary events, newest first."""
        call, client = surface.call(request), path_id(client_id)
        return await page_of(surface, courses, request, call, client, Wanted((_BOUNDARY,), client), VIEWS)

    @router.get("/v1/clients/{client_id}/boundary-patterns")
    async def repeated(request: Request, client_id: str) -> Response:
        """How many events of each kind, and which counts are a reason to look, by a rule that the answer names."""
        call, client = surface.call(request), path_id(client_id)
        most = MAX_RECORDS - 1
        items, found = await list_records(courses, call, client, Wanted((_BOUNDARY,), client), VIEWS, (None, most))
        return respond(patterns(items) | {"more": found.more}, headers=found.opened.headers)

    @router.get("/v1/boundary-events/{event_id}")
    async def event(request: Request, event_id: str) -> Response:
        """One boundary event."""
        return await one_of(courses, surface.call(request), path_id(event_id), {_BOUNDARY: boundary_view})

    @router.post("/v1/boundary-events/{event_id}/additions", status_code=201, openapi_extra=documented(WordsBody))
    async def add(request: Request, event_id: str) -> Response:
        """Its author adds what came of it. What was written first stays."""
        return await said(request, event_id, BoundaryEventAdded, by_author=True)

    @router.post("/v1/boundary-events/{event_id}/reviews", status_code=201, openapi_extra=documented(WordsBody))
    async def review(request: Request, event_id: str) -> Response:
        """Who supervises the treatment has looked at it."""
        return await said(request, event_id, BoundaryEventReviewed, by_author=False)

    @router.post("/v1/clients/{client_id}/adverse-effects", status_code=201, openapi_extra=documented(AdverseBody))
    async def adverse(request: Request, client_id: str) -> Response:
        """Write an adverse effect down. An urgent or fatal one is an alarm in the ledger at once, without a word of it."""
        call = surface.call(request)
        body, raw = await read_json(request, AdverseBody)
        client, content = path_id(client_id), AdverseContent(**body.model_dump())

        def make(record_id: UUID) -> CourseOpened:
            by, at = call.principal.sub, parts.now()
            return AdverseEffectNoted(item_id=record_id, client_id=client, by=by, at=at, content=Sealed(content))

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            alarm = told_of_harm(courses.desk, call, _ALARMS.get(body.seriousness))
            return await open_record(courses, call, _ADVERSE, Place(client), make, repeat=repeat, told=alarm)

        return await surface.post(call, request, raw, work)

    @router.get("/v1/clients/{client_id}/adverse-effects", openapi_extra={"parameters": PAGING})
    async def effects(request: Request, client_id: str) -> Response:
        """A client's adverse effects, newest first."""
        call, client = surface.call(request), path_id(client_id)
        return await page_of(surface, courses, request, call, client, Wanted((_ADVERSE,), client), VIEWS)

    @router.get("/v1/adverse-effects/{effect_id}")
    async def effect(request: Request, effect_id: str) -> Response:
        """One adverse effect."""
        return await one_of(courses, surface.call(request), path_id(effect_id), {_ADVERSE: adverse_view})

    @router.post("/v1/adverse-effects/{effect_id}/reviews", status_code=201, openapi_extra=documented(WordsBody))
    async def look(request: Request, effect_id: str) -> Response:
        """Somebody else than its author has looked at it."""
        return await said(request, effect_id, AdverseEffectReviewed, by_author=False)

    async def said(request: Request, record_id: str, form: Made, *, by_author: bool) -> Response:
        call = surface.call(request)
        body, raw = await read_json(request, WordsBody)

        def decide(events: Sequence[CourseEvent], _: RecordKey) -> CourseEvent:
            noted, sub = events[0], call.principal.sub
            if (noted.by == sub) is not by_author:
                raise NotTheAuthor("Its author adds to it." if by_author else "Somebody else than its author looks at it.")
            return form(item_id=noted.item_id, client_id=noted.client_id, by=sub, at=parts.now(), words=Sealed(body.words))

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            row = await row_of(courses, call, path_id(record_id), (form.OF,), Action.UPDATE)
            return await change_record(courses, call, row, decide, repeat=repeat)

        return await surface.post(call, request, raw, work)

    return router
