"""`PUT /v1/sessions/{id}`, its history, and `entered-in-error`."""

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.desk.api.reasons import InErrorBody
from services.session_notes.desk.api.surface import Surface, respond
from services.session_notes.sessions.api.models import SessionCorrectionBody
from services.session_notes.sessions.application.corrections import (
    Version,
    correct_session,
    enter_session_in_error,
    session_history,
)
from shared.http.body import documented, read_json
from shared.http.call import etag, path_id
from shared.http.conditional import if_match, required_version
from shared.identity.roles import Role


def correction_routes(surface: Surface) -> APIRouter:
    router = APIRouter(tags=["sessions"])
    desk = surface.desk

    @router.put("/v1/sessions/{session_id}", openapi_extra=documented(SessionCorrectionBody))
    async def correct(request: Request, session_id: str) -> Response:
        """All facts of a session as they should have been written, with If-Match, by who wrote it down.

        What stood there before stays in the history. The client, the others who came and the day of care do not change.
        """
        call = surface.call(request)
        expected = required_version(request)
        body, _ = await read_json(request, SessionCorrectionBody)
        answer, opened = await correct_session(desk, call, path_id(session_id), body.correction(), expected=expected)
        return respond(answer.body, headers={**opened.headers, "ETag": etag(answer.body["version"])})

    @router.post("/v1/sessions/{session_id}/entered-in-error", status_code=201, openapi_extra=documented(InErrorBody))
    async def in_error(request: Request, session_id: str) -> Response:
        """Mark a session that should not have been written. It stays readable, and takes no new note."""
        call = surface.call(request)
        body, raw = await read_json(request, InErrorBody)
        work = partial(enter_session_in_error, desk, call, path_id(session_id), body.reason, expected=if_match(request))
        return await surface.post(call, request, raw, work)

    @router.get("/v1/sessions/{session_id}/history")
    async def history(request: Request, session_id: str) -> Response:
        """Every version of a session, oldest first: what was written, who corrected it, when and why."""
        call = surface.call(request)
        versions, opened = await session_history(desk, call, path_id(session_id))
        items = [_view(version, to=call.principal.role) for version in versions]
        return respond({"items": items, "next": None}, headers=opened.headers)

    return router


def _view(version: Version, *, to: Role) -> dict[str, Any]:
    details = None if version.details is None else version.details.model_dump(mode="json")
    if details is not None and to in (Role.CLIENT, Role.REPRESENTATIVE):
        del details["members"]
    return {
        "version": version.version,
        "what": version.what,
        "by": version.by,
        "at": version.at,
        "reason": version.reason,
        "therapist_id": version.therapist_id,
        **(details or {}),
    }
