"""`/v1/clients/{id}/outcomes`"""

import re
from functools import partial
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.desk.api.surface import Surface, bound_to, query_parameters
from services.alliance_measurement.outcomes.api.models import OutcomeBody
from services.alliance_measurement.outcomes.application.outcomes import list_outcomes, record_outcome
from services.alliance_measurement.outcomes.application.ports import OutcomeDesk
from shared.http.body import documented, read_json
from shared.http.call import path_id
from shared.http.cursor import limit_of
from shared.http.problems import Fault, invalid

_MEASURE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def outcome_routes(surface: Surface, desk: OutcomeDesk) -> APIRouter:
    router = APIRouter(tags=["clients"])

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

    return router
