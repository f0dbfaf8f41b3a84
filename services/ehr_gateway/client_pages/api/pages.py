"""`/me/`: what a client sees of their own record, and decides. On a telephone, by keyboard, without any script.

Signed in as the officers are (ADR 0026): the token lies in a cookie that no script reads. Every change is a form with a token of
its session, sent from a page of this origin.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.ehr_gateway.application.ports import Services
from services.ehr_gateway.client_pages.api.rendering import Rendering
from services.ehr_gateway.client_pages.application.record import OwnRecord
from services.ehr_gateway.client_pages.domain.catalogue import chosen
from services.ehr_gateway.client_pages.domain.telling import RELEASES, folded, points, readable, sorted_agreements
from shared.http.call import Call
from shared.http.cookies import cookie
from shared.http.page_forms import PageSession
from shared.http.page_session import of_page
from shared.http.problems import Fault, Problem, forbidden, invalid, not_found
from shared.identity.roles import Role
from shared.service.parts import Parts

LANGUAGE_COOKIE: Final = "me_language"
SIGN_IN: Final = "/review/sign-in?next=/me/"
_YEAR: Final = 31_536_000
_LONGEST: Final = 4_000
"""characters of a request for a correction"""


class Visit:
    """One request of a client who has signed in."""

    def __init__(self, call: Call, record: OwnRecord, language: str, form_token: str) -> None:
        self.call, self.record, self.language, self.form_token = call, record, language, form_token


class Pages:
    def __init__(self, parts: Parts, services: Services, session: PageSession) -> None:
        self._services, self._tokens, self._session, self._new_id = services, parts.tokens, session, parts.new_id
        self.rendering = Rendering(parts.place.zone)

    def visit(self, request: Request) -> Visit:
        """Problem 401 where nobody has signed in, 403 for anybody but a client."""
        call = of_page(request, self._tokens)
        who = call.principal
        if who.role is not Role.CLIENT or who.client_id is None:
            raise forbidden(self._words(request)["role.only"])
        record = OwnRecord(self._services, call, who.client_id, self._new_id)
        return Visit(call, record, self.language(request), self._session.form_token(call.token))

    def language(self, request: Request) -> str:
        kept = cookie(request.scope["headers"], LANGUAGE_COOKIE)
        return chosen(self.rendering.catalogues, kept, request.headers.get("accept-language"))

    def _words(self, request: Request) -> dict[str, str]:
        return self.rendering.catalogues[self.language(request)]

    def page(self, template: str, visit: Visit, **values: Any) -> Response:
        return self.rendering.page(template, visit.language, {"form_token": visit.form_token, **values})

    async def form(self, request: Request, visit: Visit) -> dict[str, str]:
        return await self._session.form(request, visit.call.token)

    def problem(self, request: Request, problem: Problem) -> Response:
        known = problem.status if f"problem.{problem.status}" in self._words(request) else 403 if problem.status < 500 else 503
        said = "; ".join(fault.detail for fault in problem.errors) or problem.detail
        values = {"known": known, "said": said, "sign_in": SIGN_IN}
        return self.rendering.page("problem.html", self.language(request), values, status=problem.status)

    def left(self, request: Request) -> Response:
        response = self.rendering.page("left.html", self.language(request), {"sign_in": SIGN_IN})
        self._session.end(response)
        response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response


def client_pages_router(pages: Pages) -> APIRouter:
    class PageRoute(APIRoute):
        """A problem is a page in the client's language."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    return await handler(request)
                except Problem as problem:
                    return pages.problem(request, problem)

            return handle

    router = APIRouter(prefix="/me", include_in_schema=False, route_class=PageRoute)

    @router.get("")
    async def bare() -> Response:
        return _seen("/me/")

    @router.get("/")
    async def overview(request: Request) -> Response:
        visit = pages.visit(request)
        person = await visit.record.person()
        looks = folded((await visit.record.access())["items"])
        agreements = sorted_agreements(await visit.record.agreements())
        people = [one for one in await visit.record.people() if one["status"] == "current"]
        return pages.page(
            "overview.html",
            visit,
            name=person.get("name") or "",
            looks=looks,
            agreements=agreements,
            people=people,
            here="overview",
        )

    @router.get("/access")
    async def access(request: Request) -> Response:
        visit = pages.visit(request)
        found = await visit.record.access(request.query_params.get("cursor"))
        return pages.page("access.html", visit, looks=folded(found["items"]), next=found["next"], here="access")

    @router.get("/agreements")
    async def agreements(request: Request) -> Response:
        visit = pages.visit(request)
        found = sorted_agreements(await visit.record.agreements())
        return pages.page("agreements.html", visit, found=found, done=_done(request, "given", "withdrawn"), here="agreements")

    @router.post("/agreements/{consent}/{decision}")
    async def decide(request: Request, consent: str, decision: str) -> Response:
        visit = pages.visit(request)
        await pages.form(request, visit)
        if decision == "withdraw":
            await visit.record.withdraw(consent)
            return _seen("/me/agreements?done=withdrawn")
        if decision == "agree":
            await visit.record.agree(consent)
            return _seen("/me/agreements?done=given")
        raise not_found()

    @router.get("/notes")
    async def notes(request: Request) -> Response:
        visit = pages.visit(request)
        found = await visit.record.notes(request.query_params.get("cursor"))
        shown = readable(found["items"])
        values = {"notes": shown, "held": found.get("held", []), "next": found["next"]}
        return pages.page("notes.html", visit, **values, done=_done(request, "sent"), here="notes")

    @router.post("/notes/{note}/corrections")
    async def correct(request: Request, note: str) -> Response:
        visit = pages.visit(request)
        what = (await pages.form(request, visit)).get("what", "").strip()
        if not what or len(what) > _LONGEST:
            raise invalid([Fault("/what", f"write what should be corrected, in 1 to {_LONGEST} characters")])
        await visit.record.ask_for_correction(note, what)
        return _seen("/me/notes?done=sent")

    @router.get("/ratings")
    async def ratings(request: Request) -> Response:
        visit = pages.visit(request)
        release, series = await visit.record.ratings()
        shown = [points(one) for one in series]
        values = {"release": release["therapist"], "choices": RELEASES, "series": [one for one in shown if one]}
        return pages.page("ratings.html", visit, **values, done=_done(request, "saved"), here="ratings")

    @router.post("/ratings")
    async def choose(request: Request) -> Response:
        visit = pages.visit(request)
        wanted = (await pages.form(request, visit)).get("therapist", "")
        if wanted not in RELEASES:
            raise invalid([Fault("/therapist", f"one of {', '.join(RELEASES)}")])
        await visit.record.release(wanted)
        return _seen("/me/ratings?done=saved")

    @router.post("/language")
    async def language(request: Request) -> Response:
        visit = pages.visit(request)
        wanted = (await pages.form(request, visit)).get("language", "")
        response = _seen("/me/")
        if wanted in pages.rendering.catalogues:
            response.set_cookie(LANGUAGE_COOKIE, wanted, max_age=_YEAR, path="/me", httponly=True, samesite="strict")
        return response

    @router.post("/leave")
    async def leave(request: Request) -> Response:
        visit = pages.visit(request)
        await pages.form(request, visit)
        return pages.left(request)

    @router.get("/static/{version}/me.css")
    async def style(version: str) -> Response:
        found = pages.rendering.style(version)
        if found is None:
            raise not_found()
        return found

    return router


def _seen(path: str) -> Response:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


def _done(request: Request, *known: str) -> str | None:
    said = request.query_params.get("done")
    return said if said in known else None
