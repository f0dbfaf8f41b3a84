"""`/v1/outcomes/{id}`: one score that came from elsewhere, its correction and its history."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.desk.api.surface import Surface, audit, respond
from services.alliance_measurement.outcomes.api.models import OutcomeCorrectionBody
from services.alliance_measurement.outcomes.application.corrections import (
    Correction,
    correct_outcome,
    outcome_history,
    read_outcome,
)
from services.alliance_measurement.outcomes.application.ports import OutcomeDesk
from shared.http.body import documented, read_json
from shared.http.call import etag, path_id
from shared.http.conditional import required_version


def correction_routes(surface: Surface, desk: OutcomeDesk) -> APIRouter:
    router = APIRouter(tags=["outcomes"])

    @router.get("/v1/outcomes/{outcome_id}")
    async def read(request: Request, outcome_id: str) -> Response:
        """An outcome score, as it reads after its corrections."""
        call = surface.call(request)
        found, opened = await read_outcome(desk, call, path_id(outcome_id))
        return respond(found, headers={**audit(opened.entries), "ETag": etag(found["version"])})

    @router.put("/v1/outcomes/{outcome_id}", openapi_extra=documented(OutcomeCorrectionBody))
    async def correct(request: Request, outcome_id: str) -> Response:
        """The score as it should have been written, with If-Match, by who wrote it down.

        What stood there before stays in the history. Measure, session and date do not change.
        """
        call = surface.call(request)
        expected = required_version(request)
        body, _ = await read_json(request, OutcomeCorrectionBody)
        correction = Correction(body.measure, body.session_id, body.date, body.score, body.reason)
        answer, opened = await correct_outcome(desk, call, path_id(outcome_id), correction, expected=expected)
        return respond(answer, headers={**audit(opened.entries), "ETag": etag(answer["version"])})

    @router.get("/v1/outcomes/{outcome_id}/history")
    async def history(request: Request, outcome_id: str) -> Response:
        """Every version of an outcome, oldest first: what was written, who corrected it, when and why."""
        call = surface.call(request)
        versions, opened = await outcome_history(desk, call, path_id(outcome_id))
        return respond({"items": versions, "next": None}, headers=audit(opened.entries))

    return router
