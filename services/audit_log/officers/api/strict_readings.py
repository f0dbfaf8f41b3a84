"""`/review/strict-readings`: consents of which something counts more strictly than it is written, with the reason."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.officers.api.surface import Surface

SHOWN: Final = 100
"""newest consents on the page; the API gives 500"""


def strict_readings_router(surface: Surface, projection: PolicyProjection, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(prefix="/review/strict-readings", include_in_schema=False, route_class=surface.route())

    @router.get("")
    async def page(request: Request) -> Response:
        action = "view-strict-readings"
        call = await surface.officer(request, action)
        found = (await projection.policy(call.tenant)).read_strictly(now())
        shown = found[:SHOWN]
        values = {"consents": shown, "total": len(found)}
        return await surface.show(call, "strict-readings.html", values, action=action, query={}, rows=len(shown))

    return router
