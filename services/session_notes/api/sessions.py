"""`/v1/sessions`"""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.api.models import ProgressNoteBody, PsychotherapyNoteBody, SessionBody
from services.session_notes.api.surface import Surface, respond
from services.session_notes.api.views import session_view
from services.session_notes.application.errors import answered
from services.session_notes.application.notes import draft_note
from services.session_notes.application.sessions import read_session, write_session
from services.session_notes.domain.note_decisions import progress_content, psychotherapy_content
from services.session_notes.domain.notes import NoteContent, NoteKind
from shared.http.body import documented, read_json
from shared.http.call import Call, etag, path_id

_WAITS: Final[dict[int | str, dict[str, Any]]] = {202: {"description": "the gate is away: the note waits for it, sealed"}}


def session_routes(surface: Surface) -> APIRouter:
    router = APIRouter(tags=["sessions"])
    desk = surface.desk

    @router.post("/v1/sessions", status_code=201, openapi_extra=documented(SessionBody))
    async def write(request: Request) -> Response:
        """Write down a session that was held or missed.

        With `members` it is a session of several clients: each gets a record of their own, sealed under their own key, all or
        none, and `members` of the answer says which.
        """
        call = surface.call(request)
        body, raw = await read_json(request, SessionBody)
        clients = (body.client_id, *body.members)
        work = partial(write_session, desk, call, clients, body.therapist_id, body.details())
        return await surface.post(call, request, raw, work)

    @router.get("/v1/sessions/{session_id}")
    async def read(request: Request, session_id: str) -> Response:
        """The session, with the prompts that were waiting for it as far as the client's choice lets you see them."""
        call = surface.call(request)
        found, prompts, opened = await read_session(desk, call, path_id(session_id))
        body = {**session_view(found, opened, to=call.principal.role), "prompts": prompts}
        return respond(body, headers={**opened.headers, "ETag": etag(found.version)})

    @router.post(
        "/v1/sessions/{session_id}/progress-notes",
        status_code=201,
        openapi_extra=documented(ProgressNoteBody),
        responses=_WAITS,
    )
    async def progress_note(request: Request, session_id: str) -> Response:
        """A draft of a progress note: what the care team and payers may come to see.

        202 where the gate cannot be reached: the note waits for it, sealed, and nobody reads it until then.
        """
        call = surface.call(request)
        body, raw = await read_json(request, ProgressNoteBody, surface.settings.max_note_bytes)
        with answered():
            content = progress_content(body.format, body.sections, body.labels)
        return await draft(call, request, session_id, raw, NoteKind.PROGRESS, content)

    @router.post(
        "/v1/sessions/{session_id}/psychotherapy-notes",
        status_code=201,
        openapi_extra=documented(PsychotherapyNoteBody),
        responses=_WAITS,
    )
    async def psychotherapy_note(request: Request, session_id: str) -> Response:
        """A draft of a psychotherapy note: its author's own, kept apart under a key class of its own (45 CFR 164.501).

        202 where the gate cannot be reached: the note waits for it, sealed, and nobody reads it until then.
        """
        call = surface.call(request)
        body, raw = await read_json(request, PsychotherapyNoteBody, surface.settings.max_note_bytes)
        with answered():
            content = psychotherapy_content(body.sections)
        return await draft(call, request, session_id, raw, NoteKind.PSYCHOTHERAPY, content)

    async def draft(call: Call, request: Request, session_id: str, raw: bytes, kind: NoteKind, content: NoteContent) -> Response:
        work = partial(draft_note, desk, call, path_id(session_id), kind, content)
        return await surface.post(call, request, raw, work)

    return router
