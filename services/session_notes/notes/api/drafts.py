"""`POST /v1/sessions/{id}/progress-notes`, `/psychotherapy-notes` and `POST /v1/clients/{id}/notes`: a note is begun."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.desk.api.surface import Surface
from services.session_notes.desk.application.errors import answered
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.notes.api.models import ProgressNoteBody, PsychotherapyNoteBody
from services.session_notes.notes.application.notes import draft_note, draft_note_of_client
from services.session_notes.notes.domain.note_decisions import progress_content, psychotherapy_content
from services.session_notes.notes.domain.notes import NoteContent
from shared.http.body import documented, read_json
from shared.http.call import Call, path_id

_WAITS: Final[dict[int | str, dict[str, Any]]] = {202: {"description": "the gate is away: the note waits for it, sealed"}}


def draft_routes(surface: Surface) -> APIRouter:
    router = APIRouter(tags=["sessions"])
    desk = surface.desk

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
            content = progress_content(body.format, body.sections, body.labels, body.type)
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

    @router.post("/v1/clients/{client_id}/notes", status_code=201, openapi_extra=documented(ProgressNoteBody))
    async def without_session(request: Request, client_id: str) -> Response:
        """A draft of a progress note without a session: a telephone call, a letter, a summary, a talk with somebody else."""
        call = surface.call(request)
        body, raw = await read_json(request, ProgressNoteBody, surface.settings.max_note_bytes)
        with answered():
            content = progress_content(body.format, body.sections, body.labels, body.type)
        work = partial(draft_note_of_client, desk, call, path_id(client_id), content)
        return await surface.post(call, request, raw, work)

    async def draft(call: Call, request: Request, session_id: str, raw: bytes, kind: NoteKind, content: NoteContent) -> Response:
        work = partial(draft_note, desk, call, path_id(session_id), kind, content)
        return await surface.post(call, request, raw, work)

    return router
