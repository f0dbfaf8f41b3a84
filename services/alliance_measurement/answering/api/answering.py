"""`/answer/{id}`: the page on the phone. No login: a link opens one questionnaire, once, on one device."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.administrations.api.answered import answered
from services.alliance_measurement.administrations.api.models import ResponsesBody
from services.alliance_measurement.administrations.application.links import link_call, link_secret
from services.alliance_measurement.answering.api.rendering import Rendering
from services.alliance_measurement.answering.application.answering import Answering, exchange, form_of
from services.alliance_measurement.answering.application.limits import Limits
from services.alliance_measurement.answering.domain.form import language
from services.alliance_measurement.answering.domain.ticket import LASTS, Ticket, read
from services.alliance_measurement.desk.api.surface import Surface, respond
from shared.http.body import Body, read_json
from shared.http.call import idempotency_key, path_id, request_id_of
from shared.http.cookies import cookie
from shared.http.problems import Problem, not_found, unauthenticated

COOKIE: Final = "answering"
_LARGEST: Final = 16_384
"""bytes of answers; an instrument of 500 items has fewer"""


class DeviceBody(Body):
    device: str


def answering_routes(surface: Surface, answering: Answering, on_assessment_due: Callable[[str], None]) -> APIRouter:
    """Pages for people, so they stand in no OpenAPI document."""
    router = APIRouter(prefix="/answer", include_in_schema=False)
    desk, rendering = answering.desk, Rendering()
    limits = Limits(desk.parts.now)

    def ticket_of(request: Request, administration_id: str) -> Ticket | None:
        given = cookie(request.scope["headers"], COOKIE)
        return read(desk.parts.secret, path_id(administration_id), given, desk.parts.now())

    @router.get("/static/{version}/{name}")
    async def static(version: str, name: str) -> Response:
        found = rendering.file(version, name)
        if found is None:
            raise not_found("There is no such file.")
        return found

    @router.get("/{administration_id}")
    async def page(request: Request, administration_id: str) -> Response:
        """With a ticket the questions, else a page that exchanges the link for one. It is the same for every id."""
        lang = language(request.headers.get("accept-language", ""), rendering.catalogues)
        shell = {"about": str(path_id(administration_id)), "state": ""}
        ticket = ticket_of(request, administration_id)
        if ticket is None:
            return rendering.page("shell.html", lang, shell)
        try:
            async with limits.inside(administration_id):
                form = await form_of(answering, path_id(administration_id), ticket, rendering.catalogues[lang])
        except Problem as problem:
            told = str(problem.status) if problem.status in (401, 409, 410, 429, 503) else "other"
            return rendering.page("shell.html", lang, shell | {"state": told}, status=problem.status)
        return rendering.page("form.html", lang, shell | {"form": form})

    @router.post("/{administration_id}/exchange")
    async def exchanged(request: Request, administration_id: str) -> Response:
        """The link's secret as `Authorization: Link …`, and what the device made: 204 with a cookie for this address alone."""
        async with limits.inside(administration_id):
            body, _ = await read_json(request, DeviceBody, 1_024)
            scheme, _, secret = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "link":
                raise unauthenticated("Open the link that your practice sent you.")
            wanted = path_id(administration_id)
            ticket = await exchange(answering, wanted, secret.strip(), body.device)
        response = Response(status_code=204)
        response.set_cookie(
            COOKIE,
            ticket,
            max_age=int(LASTS.total_seconds()),
            path=f"/answer/{administration_id}",
            secure=desk.parts.public_url.startswith("https:"),
            httponly=True,
            samesite="strict",
        )
        return response

    @router.post("/{administration_id}/answers")
    async def send(request: Request, administration_id: str) -> Response:
        """Whether somebody is told now; no score: talking about the answers is for the session."""
        async with limits.inside(administration_id):
            wanted, ticket = path_id(administration_id), ticket_of(request, administration_id)
            if ticket is None:
                raise unauthenticated("The time to answer has ended: open the link again.")
            body, raw = await read_json(request, ResponsesBody, _LARGEST)
            link = link_secret(desk.parts.secret, ticket.tenant, wanted)
            key = idempotency_key(request)
            call = link_call(link, ticket.tenant, wanted, request_id=request_id_of(request), idempotency_key=key)
            result, headers, status = await answered(surface, desk, call, request, raw, wanted, body.answers, on_assessment_due)
        return respond({"status": "answered", "reached": "what_now" in result}, status=status, headers=headers)

    return router
