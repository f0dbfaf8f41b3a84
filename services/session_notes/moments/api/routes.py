"""`/v1/sessions/{id}/moments`, `/v1/moments`: what was noticed between client and therapist."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.course.api.answers import one_of, page_of
from services.session_notes.course.application.ports import View, Wanted
from services.session_notes.course.application.records import Courses, Place, change_record, open_record, row_of, session_of
from services.session_notes.desk.api.reasons import InErrorBody
from services.session_notes.desk.api.surface import Surface, respond
from services.session_notes.desk.domain.refusals import WrongState
from services.session_notes.moments.domain.codes import CLOSED_ONLY, CODES
from services.session_notes.moments.domain.moments import enter_in_error, moment_view, note_moment
from shared.contracts.course import Corrective, CourseEvent, CourseOpened, MomentContent, MomentKind
from shared.contracts.disclosure import Action, RecordKey
from shared.contracts.records import RecordType
from shared.entry.text import Exact, Lines
from shared.gate.ask import Opened
from shared.http.body import Body, documented, read_json
from shared.http.call import path_id
from shared.http.conditional import if_match
from shared.http.idempotency import Answer, Repeat
from shared.http.query import PAGING

VIEWS: Final[dict[RecordType, View]] = {RecordType.MOMENT: moment_view, RecordType.PSYCHOTHERAPY_NOTE: moment_view}
_TYPES: Final = tuple(VIEWS)
Text = Annotated[str, Lines(4_000)]


class CorrectiveBody(Body):
    """A corrective emotional experience."""

    feared: Text
    happened: Text
    felt: Text | None = None
    said: Text | None = None


class MomentBody(Body):
    """What was noticed. Without `class` it is closed: yours alone, as a psychotherapy note is."""

    kind: MomentKind
    code: Annotated[str, Exact(64)] | None = None
    """of a rupture or a repair: `GET /v1/moment-codes`"""
    significance: Annotated[int, Field(ge=1, le=5)] | None = None
    """1 (slight) to 5 (a turning point)"""
    text: Text | None = None
    corrective: CorrectiveBody | None = None
    visibility: Annotated[Literal["closed", "open"], Field(alias="class")] = "closed"

    def content(self) -> MomentContent:
        told = None if self.corrective is None else Corrective.model_validate(self.corrective.model_dump())
        return MomentContent(kind=self.kind, code=self.code, significance=self.significance, text=self.text, corrective=told)


def moment_routes(surface: Surface, courses: Courses) -> APIRouter:
    router = APIRouter(tags=["moments"])
    desk = courses.desk

    @router.get("/v1/moment-codes")
    async def codes(request: Request) -> Response:
        """Kinds of moments with their codes, each described; which of them are closed always."""
        surface.call(request)
        kinds = [
            {
                "kind": str(kind),
                "closed_only": kind in CLOSED_ONLY,
                "codes": [{"code": code, "description": words} for code, words in CODES.get(kind, {}).items()],
            }
            for kind in MomentKind
        ]
        return respond({"items": kinds, "next": None})

    @router.post("/v1/sessions/{session_id}/moments", status_code=201, openapi_extra=documented(MomentBody))
    async def note(request: Request, session_id: str) -> Response:
        """Note a moment of a session that took place. An open one can meet the client's ratings; a closed one is in no list,
        count or picture of anybody else."""
        call = surface.call(request)
        body, raw = await read_json(request, MomentBody)
        closed = body.visibility == "closed"

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            session = await session_of(courses, call, path_id(session_id))

            def make(record_id: UUID) -> CourseOpened:
                if session.in_error:
                    raise WrongState("This session was entered in error: note the moment in the right one.")
                about = (record_id, session.client_id, session.id, body.content())
                return note_moment(*about, closed=closed, held=session.held, by=call.principal.sub, at=desk.parts.now())

            of = RecordType.PSYCHOTHERAPY_NOTE if closed else RecordType.MOMENT
            return await open_record(
                courses, call, of, Place(session.client_id, session.id), make, repeat=repeat, sent=not closed
            )

        return await surface.post(call, request, raw, work)

    @router.get("/v1/sessions/{session_id}/moments", openapi_extra={"parameters": PAGING})
    async def of_session(request: Request, session_id: str) -> Response:
        """Moments of a session, newest first: the open ones, and the closed ones that are yours."""
        call = surface.call(request)
        session = await session_of(courses, call, path_id(session_id), Action.SEARCH)
        wanted = Wanted(_TYPES, session.client_id, session.id, reader=call.principal.sub)
        return await page_of(surface, courses, request, call, session.client_id, wanted, VIEWS)

    @router.get("/v1/clients/{client_id}/moments", openapi_extra={"parameters": PAGING})
    async def of_client(request: Request, client_id: str) -> Response:
        """Moments of a course, newest first: the open ones, and the closed ones that are yours."""
        call = surface.call(request)
        wanted = Wanted(_TYPES, path_id(client_id), reader=call.principal.sub)
        return await page_of(surface, courses, request, call, path_id(client_id), wanted, VIEWS)

    @router.get("/v1/moments/{moment_id}")
    async def read(request: Request, moment_id: str) -> Response:
        """One moment."""
        call = surface.call(request)
        return await one_of(courses, call, path_id(moment_id), VIEWS)

    @router.post("/v1/moments/{moment_id}/entered-in-error", status_code=201, openapi_extra=documented(InErrorBody))
    async def in_error(request: Request, moment_id: str) -> Response:
        """Mark a moment that should not have been noted: its author does."""
        call = surface.call(request)
        body, raw = await read_json(request, InErrorBody)

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            row = await row_of(courses, call, path_id(moment_id), _TYPES, Action.UPDATE)

            def decide(events: Sequence[CourseEvent], _: RecordKey) -> CourseEvent:
                return enter_in_error(events, body.reason, by=call.principal.sub, at=desk.parts.now())

            return await change_record(courses, call, row, decide, expected=if_match(request), repeat=repeat)

        return await surface.post(call, request, raw, work)

    return router
