"""`/v1/persons` and `/v1/jurisdictions`: names of those who work here, and the rows of law that forms are checked against."""

from dataclasses import asdict

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.answers import json_response
from services.consent.api.callers import Callers
from services.consent.application.persons import STAFF, Persons
from services.consent.domain import jurisdictions
from shared.http.cursor import Cursors, limit_of
from shared.http.problems import forbidden
from shared.http.query import PAGING


def router(*, persons: Persons, callers: Callers, cursors: Cursors) -> APIRouter:
    routes = APIRouter(tags=["directory"])

    @routes.get("/v1/persons", openapi_extra={"parameters": PAGING})
    async def everybody(request: Request) -> Response:
        """Those who work here, by `sub`: the name that the identity provider last gave them. For staff; never a client's name."""
        call = await callers.of(request)
        if call.principal.role not in STAFF:
            raise forbidden("The directory is for those who work here; your relationships carry the names of who treats you.")
        limit, bound = limit_of(request), f"{call.tenant}/{call.principal.sub}/persons"
        found = await persons.page(call.tenant, cursors.decode(request, bound_to=bound) or "", limit + 1)
        page = found[:limit]
        cursor = cursors.encode(page[-1].sub, bound_to=bound) if len(found) > limit else None
        return json_response({"items": [p.view() for p in page], "next": cursor})

    @routes.get("/v1/jurisdictions")
    async def rows(request: Request) -> Response:
        """What is known of each jurisdiction: age of majority, services that a minor may consent to alone, limits of
        confidentiality; each row with its citation, the date on which it was read, and its reviewer (empty: none yet)."""
        await callers.of(request)
        items = [
            {
                "jurisdiction": code,
                "majority": [asdict(r) for r in jurisdictions.MAJORITY if r.jurisdiction == code],
                "minors_alone": [asdict(r) for r in jurisdictions.MINORS_ALONE if r.jurisdiction == code],
                "limits_of_confidentiality": [asdict(r) for r in jurisdictions.limits(code)],
            }
            for code in jurisdictions.known()
        ]
        return json_response({"items": items, "next": None})

    return routes
