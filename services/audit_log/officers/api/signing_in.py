"""`/review/sign-in`, `/review/sign-out` and the static files."""

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.officers.api.provider_sign_in import START
from services.audit_log.officers.api.surface import SIGN_IN, Surface, seen, welcome
from services.audit_log.officers.application.provider import Provider, logout_url
from services.audit_log.officers.domain.refusals import TOLD, Refusal
from services.audit_log.officers.domain.way_back import way_back
from shared.http.call import call_with
from shared.http.cookies import cookie
from shared.http.page_forms import FORM_COOKIE
from shared.http.page_session import of_page
from shared.http.problems import Problem, not_found
from shared.identity.tokens import TokenVerifier


def signing_in_router(surface: Surface, tokens: TokenVerifier, provider: Provider | None, public_url: str) -> APIRouter:
    router = APIRouter(prefix="/review", include_in_schema=False, route_class=surface.route(reads=False))

    def form(leads_to: str, fault: str = "", status: int = 200, *, pasted: bool = False, left: bool = False) -> Response:
        bound_to = surface.session.new_form()
        values = {
            "fault": fault,
            "form_token": surface.session.form_token(bound_to),
            "leads_to": leads_to,
            "provider": f"{START}?{urlencode({'next': leads_to})}" if provider is not None else None,
            "pasted": pasted,
            "left": left,
            "logout": logout_url(provider, public_url + SIGN_IN) if provider is not None and left else None,
        }
        response = surface.rendering.page("sign-in.html", values, status=status)
        surface.session.offer_form(response, bound_to)
        return response

    @router.get("/sign-in")
    async def offer(request: Request) -> Response:
        asked = request.query_params
        told = TOLD.get(Refusal(asked["refused"])) if asked.get("refused") in list(Refusal) else None
        leads_to = way_back(asked.get("next"))
        return form(leads_to, told.text, told.status) if told else form(leads_to, left="left" in asked)

    @router.post("/sign-in")
    async def take(request: Request) -> Response:
        """The token pasted there, of a compliance officer; that they signed in, or may not, is an entry."""
        fields = await surface.session.form(request, cookie(request.scope["headers"], FORM_COOKIE) or "")
        leads_to = way_back(fields.get("next"))
        try:
            call = call_with(request, "".join(fields.get("token", "").split()), tokens)
        except Problem as problem:
            return form(leads_to, f"That token does not hold: {problem.detail}.", problem.status, pasted=True)
        try:
            response = seen(await welcome(surface.desk, call, leads_to, {}))
        except Problem:
            fault = "These pages are for compliance officers and clients; that token is for somebody else's work."
            return form(leads_to, fault, 403, pasted=True)
        surface.session.begin(response, call)
        return response

    @router.post("/sign-out")
    async def leave(request: Request) -> Response:
        call = of_page(request, tokens)
        await surface.form(request, call)
        await surface.desk.record(call, "sign-out", {}, 0)
        response = seen(SIGN_IN if provider is None else f"{SIGN_IN}?left=1")
        surface.session.end(response)
        return response

    @router.get("/static/{version}/{name}")
    async def static(version: str, name: str) -> Response:
        found = surface.rendering.file(version, name)
        if found is None:
            raise not_found("There is no such file.")
        return found

    @router.get("")
    async def bare() -> Response:
        return seen("/review/")

    return router
