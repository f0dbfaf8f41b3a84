"""`/v1/notes/{id}`: sections saved one by one, returns, entered in error, versions."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.desk.api.reasons import InErrorBody, ReturnBody
from services.session_notes.desk.api.surface import Surface, respond
from services.session_notes.notes.application.notes import enter_note_in_error, return_note
from services.session_notes.notes.application.sections import save_section
from services.session_notes.notes.application.versions import note_versions
from services.session_notes.notes.domain.sections import MAX_TEXT
from shared.entry.text import Lines
from shared.http.body import Body, documented, read_json
from shared.http.call import etag, path_id
from shared.http.conditional import if_match, required_version


class SectionBody(Body):
    """The whole new text of one section."""

    text: Annotated[str, Lines(MAX_TEXT, shortest=0)]


def drafting_routes(surface: Surface) -> APIRouter:
    router = APIRouter(tags=["notes"])
    desk = surface.desk

    @router.put("/v1/notes/{note_id}/sections/{key}", openapi_extra=documented(SectionBody))
    async def save(request: Request, note_id: str, key: str) -> Response:
        """Save one section of a draft, by its author, with If-Match of the version that you saw.

        412 only where this section was changed since then. The same text again is no new version. A section that is refused says
        why, and the others stay saved.
        """
        call = surface.call(request)
        expected = required_version(request)
        body, _ = await read_json(request, SectionBody, surface.settings.max_note_bytes)
        answer, opened = await save_section(desk, call, path_id(note_id), key, body.text, expected=expected)
        return respond(answer.body, headers={**opened.headers, "ETag": etag(answer.body["version"])})

    @router.post("/v1/notes/{note_id}/returns", status_code=201, openapi_extra=documented(ReturnBody))
    async def send_back(request: Request, note_id: str) -> Response:
        """A supervisor returns a signed progress note. What was signed stays; the author answers with an addendum."""
        call = surface.call(request)
        body, raw = await read_json(request, ReturnBody)
        work = partial(return_note, desk, call, path_id(note_id), body.reason, expected=if_match(request))
        return await surface.post(call, request, raw, work)

    @router.post("/v1/notes/{note_id}/entered-in-error", status_code=201, openapi_extra=documented(InErrorBody))
    async def in_error(request: Request, note_id: str) -> Response:
        """The author marks a note that should not have been written. It stays readable, and takes nothing more."""
        call = surface.call(request)
        body, raw = await read_json(request, InErrorBody)
        work = partial(enter_note_in_error, desk, call, path_id(note_id), body.reason, expected=if_match(request))
        return await surface.post(call, request, raw, work)

    @router.get("/v1/notes/{note_id}/versions")
    async def versions(request: Request, note_id: str) -> Response:
        """What was done to a note, oldest first. `GET /v1/notes/{id}?at=` shows what it said then."""
        call = surface.call(request)
        found, opened = await note_versions(desk, call, path_id(note_id))
        items = [{"version": v.number, "what": v.what, "by": v.by, "at": v.at} for v in found]
        return respond({"items": items, "next": None}, headers=opened.headers)

    return router
