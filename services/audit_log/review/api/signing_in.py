"""`/review/sign-in`, `/review/sign-out` and the static files."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.review.api.session import FORM_COOKIE
from services.audit_log.review.api.surface import SIGN_IN, Surface, seen
from shared.http.call import call_with
from shared.http.page_session import of_page
from shared.http.problems import Problem, not_found
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier


def signing_in_router(surface: Surface, tokens: TokenVerifier) -> APIRouter:
    router = APIRouter(prefix="/review", include_in_schema=False, route_class=surface.route())

    def form(fault: str = "", status: int = 200) -> Response:
        bound_to = surface.session.new_form()
        values = {"fault": fault, "form_token": surface.session.form_token(bound_to)}
        response = surface.rendering.page("sign-in.html", values, status=status)
        surface.session.offer_form(response, bound_to)
        return response

    @router.get("/sign-in")
    async def offer(request: Request) -> Response:
        return form()

    @router.post("/sign-in")
    async def take(request: Request) -> Response:
        """The token pasted there, of a compliance officer; that they signed in is an entry."""
        fields = await surface.session.form(request, request.cookies.get(FORM_COOKIE, ""))
        try:
            call = call_with(request, "".join(fields.get("token", "").split()), tokens)
        except Problem as problem:
            return form(f"That token does not hold: {problem.detail}.", 401)
        if call.principal.role is not Role.COMPLIANCE_OFFICER:
            return form("These pages are for compliance officers; that token is for somebody else's work.", 403)
        await surface.desk.record(call, "sign-in", {}, 0)
        response = seen("/review/")
        surface.session.begin(response, call)
        return response

    @router.post("/sign-out")
    async def leave(request: Request) -> Response:
        call = of_page(request, tokens)
        await surface.form(request, call)
        await surface.desk.record(call, "sign-out", {}, 0)
        response = seen(SIGN_IN)
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
