"""`/v1/clients/{id}/outcomes`, `/alliance` and `/alliance/release`"""

import re
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.api.models import OutcomeBody, ReleaseBody
from services.alliance_measurement.api.surface import Surface, audit, bound_to, query_parameters, respond
from services.alliance_measurement.application.course import read_course
from services.alliance_measurement.application.outcomes import list_outcomes, record_outcome
from services.alliance_measurement.application.release import choose_release, read_release
from shared.http.body import documented, read_json
from shared.http.call import path_id
from shared.http.cursor import limit_of
from shared.http.problems import Fault, invalid

DEFAULT_INSTRUMENT: Final = "wai-sr"
_MEASURE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def client_routes(surface: Surface) -> APIRouter:
    router = APIRouter(tags=["clients"])
    desk = surface.desk

    @router.post("/v1/clients/{client_id}/outcomes", status_code=201, openapi_extra=documented(OutcomeBody))
    async def record(request: Request, client_id: str) -> Response:
        """A score that comes from elsewhere."""
        call, client = surface.call(request), path_id(client_id)
        body, raw = await read_json(request, OutcomeBody)
        work = partial(
            record_outcome,
            desk,
            call,
            client,
            measure=body.measure,
            session_id=body.session_id,
            day=body.date,
            score=body.score,
        )
        return await surface.post(call, request, raw, work)

    @router.get("/v1/clients/{client_id}/outcomes", openapi_extra=query_parameters("measure"))
    async def outcomes(request: Request, client_id: str) -> Response:
        """Outcome scores in order of recording."""
        call, client, limit = surface.call(request), path_id(client_id), limit_of(request)
        measure = request.query_params.get("measure")
        if measure is not None and not _MEASURE.fullmatch(measure):
            raise invalid([Fault("?measure", "1 to 40 of a-z, 0-9, '.', '_', '-'")])
        bound = bound_to(call, "outcomes", str(client), measure or "")
        page = await list_outcomes(desk, call, client, measure=measure, start=surface.start(request, bound), limit=limit)
        return surface.page(page.items, page.next, bound, page.entries)

    @router.get("/v1/clients/{client_id}/alliance", openapi_extra=query_parameters("instrument", paged=False))
    async def alliance(request: Request, client_id: str) -> Response:
        """The client's own ratings and the episodes in them, as the client's choice lets the caller see them."""
        call, client = surface.call(request), path_id(client_id)
        instrument = request.query_params.get("instrument", DEFAULT_INSTRUMENT)
        body, entries = await read_course(desk, call, client, instrument)
        return respond(body, headers=audit(entries))

    @router.put("/v1/clients/{client_id}/alliance/release", openapi_extra=documented(ReleaseBody))
    async def choose(request: Request, client_id: str) -> Response:
        """The client's choice, in force once this answers. Who is not named keeps the choice made before."""
        call, client = surface.call(request), path_id(client_id)
        body, _ = await read_json(request, ReleaseBody)
        if body.therapist is None and body.supervisor is None:
            raise invalid([Fault("/therapist", "immediate, delayed or withheld")])
        chosen, entries = await choose_release(desk, call, client, therapist=body.therapist, supervisor=body.supervisor)
        return respond({**_choice(chosen.therapist, chosen.supervisor), "enforced": True}, headers=audit(entries))

    @router.get("/v1/clients/{client_id}/alliance/release")
    async def chosen(request: Request, client_id: str) -> Response:
        """The client's own choice, or what holds until they choose."""
        call, client = surface.call(request), path_id(client_id)
        choice, entries = await read_release(desk, call, client)
        return respond(_choice(choice.therapist, choice.supervisor), headers=audit(entries))

    return router


def _choice(therapist: str, supervisor: str) -> dict[str, Any]:
    return {"therapist": str(therapist), "supervisor": str(supervisor)}
