"""`/v1/sessions`"""

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.desk.api.surface import Surface, respond
from services.session_notes.sessions.api.models import SessionBody
from services.session_notes.sessions.api.views import session_view
from services.session_notes.sessions.application.sessions import read_session, write_session
from shared.http.body import documented, read_json
from shared.http.call import etag, path_id


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

    return router
