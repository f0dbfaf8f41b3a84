"""What the pages share: who looks, the entry each look leaves, and errors as pages."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.audit_log.ledger.api.access import Desk
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.application.turns import RETRY_SECONDS, Busy, Door
from services.audit_log.officers.api.rendering import Rendering
from services.audit_log.officers.domain.refusals import Refusal
from services.audit_log.officers.domain.way_back import HOME, OWN_RECORD, way_back
from shared.eventstore.model import Overloaded, StoreUnavailable
from shared.gate.port import GateUnavailable
from shared.http.call import Call
from shared.http.page_forms import PageSession
from shared.http.page_policy import HEADERS
from shared.http.problems import Problem, unavailable
from shared.identity.roles import Role

SIGN_IN = "/review/sign-in"


async def welcome(desk: Desk, call: Call, leads_to: str, query: Mapping[str, Any]) -> str:
    """Whose pages they are: officers have these, clients their own (ehr_gateway's `/me/`). Gives the page that comes next, once
    the entry is durable. Problem 403 for anybody else."""
    if call.principal.role is Role.CLIENT:
        await desk.record(call, "sign-in", query, 0, client_id=call.principal.client_id)
        return leads_to if leads_to.startswith(OWN_RECORD) else OWN_RECORD
    await desk.admit(call, "sign-in")
    await desk.record(call, "sign-in", query, 0)
    return HOME if leads_to.startswith(OWN_RECORD) else leads_to


@dataclass(frozen=True, slots=True)
class Surface:
    desk: Desk
    session: PageSession
    rendering: Rendering
    door: Door

    async def officer(self, request: Request, action: str, client_id: str | None = None) -> Call:
        """The officer who looks. Problem 401 (a page sends them to sign in), 403, recorded."""
        return await self.desk.officer(request, action, client_id)

    async def show(
        self,
        call: Call,
        template: str,
        values: Mapping[str, Any],
        *,
        action: str,
        query: Mapping[str, Any],
        rows: int,
        client_id: str | None = None,
    ) -> Response:
        """The page, once the entry of this look is durable."""
        headers = await self.desk.record(call, action, query, rows, client_id=client_id)
        return self.rendering.page(template, {**self.frame(call), **values}, headers=headers)

    def frame(self, call: Call) -> dict[str, Any]:
        """What every page says around its matter."""
        return {
            "officer": call.principal.name or call.principal.sub,
            "tenant": call.tenant,
            "form_token": self.session.form_token(call.token),
        }

    async def form(self, request: Request, call: Call) -> dict[str, str]:
        return await self.session.form(request, call.token)

    def route(self, *, reads: bool = True) -> type[APIRoute]:
        """Errors of these routes are pages, and whoever has not signed in is led there. `reads`: the pages read the database, so
        a few at a time are answered, and the gate's decisions find connections."""
        rendering, door = self.rendering, self.door

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handler = super().get_route_handler()

                async def handle(request: Request) -> Response:
                    try:
                        async with door.inside() if reads else nullcontext():
                            return await handler(request)
                    except Busy as busy:
                        return _told(rendering, request, unavailable(str(busy), RETRY_SECONDS))
                    except Problem as problem:
                        return _told(rendering, request, problem)
                    except (LedgerUnavailable, StoreUnavailable, Overloaded, GateUnavailable):
                        missing = unavailable("The ledger cannot be read or written just now, so nothing is shown.")
                        return _told(rendering, request, missing)

                return handle

        return PageRoute


def door(leads_to: str, why: Refusal | None = None) -> str:
    """Where somebody signs in who wanted to go there; `why` nobody was signed in a moment ago."""
    query = ({"refused": str(why)} if why is not None else {}) | ({"next": leads_to} if leads_to != HOME else {})
    return f"{SIGN_IN}?{urlencode(query)}" if query else SIGN_IN


def seen(path: str) -> Response:
    """After a POST: the browser asks for this page."""
    return RedirectResponse(path, status_code=303, headers=HEADERS)


def _told(rendering: Rendering, request: Request, problem: Problem) -> Response:
    if problem.status == 401 and request.method == "GET" and request.headers.get("sec-fetch-dest") != "empty":
        page = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return seen(door(way_back(page)))
    values = {
        "status": problem.status,
        "title": problem.title,
        "detail": problem.detail,
        "faults": [(f.pointer.lstrip("?/"), f.detail) for f in problem.errors],
    }
    sent = problem.response().headers
    kept = {k: v for k, v in sent.items() if k in ("audit-entry", "retry-after", "allow")}
    return rendering.page("problem.html", values, status=problem.status, headers=kept)
