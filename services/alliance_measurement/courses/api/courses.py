"""`/v1/clients/{id}/alliance`"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.courses.application.course import read_course
from services.alliance_measurement.courses.application.ports import CourseDesk
from services.alliance_measurement.courses.domain.strain import StrainRules
from services.alliance_measurement.desk.api.surface import Surface, audit, query_parameters, respond
from shared.http.call import path_id

DEFAULT_INSTRUMENT: Final = "wai-sr"


def course_routes(surface: Surface, desk: CourseDesk) -> APIRouter:
    router = APIRouter(tags=["clients"])

    @router.get("/v1/clients/{client_id}/alliance", openapi_extra=query_parameters("instrument", paged=False))
    async def alliance(request: Request, client_id: str) -> Response:
        """The client's own ratings and the episodes in them, as the client's choice lets the caller see them."""
        call, client = surface.call(request), path_id(client_id)
        instrument = request.query_params.get("instrument", DEFAULT_INSTRUMENT)
        body, entries = await read_course(desk, call, client, instrument)
        return respond(body, headers=audit(entries))

    return router


def constants_shown(rules: Mapping[str, StrainRules]) -> dict[str, dict[str, Any]]:
    """By instrument, for the page of an instrument."""
    return {
        instrument: {
            "sd": one.sd,
            "reliability": one.reliability,
            "reliable_change": round(one.reliable_change, 3),
            "min_baseline": one.min_baseline,
            "citation": one.citation,
        }
        for instrument, one in rules.items()
    }
