"""`/v1/risk-alerts` and `/v1/risk-settings`"""

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.desk.api.surface import Surface, bound_to, respond
from services.alliance_measurement.risk.api.models import AcknowledgementBody, HandoverBody, RiskSettingsBody
from services.alliance_measurement.risk.application.alerts import acknowledge, hand_over, list_alerts
from services.alliance_measurement.risk.application.ports import RiskDesk
from services.alliance_measurement.risk.application.settings import choose_settings, read_settings
from services.alliance_measurement.risk.domain.risk import RiskSettings
from shared.http.body import documented, read_json, read_optional
from shared.http.call import path_id
from shared.http.cursor import limit_of
from shared.http.query import PAGING


def risk_routes(surface: Surface, desk: RiskDesk) -> APIRouter:
    router = APIRouter(tags=["risk"])

    @router.get("/v1/risk-alerts", openapi_extra={"parameters": PAGING})
    async def alerts(request: Request) -> Response:
        """Answers to critical items that the caller is told of, newest first. The first look counts as delivery."""
        call = surface.call(request)
        bound = bound_to(call, "risk-alerts")
        page = await list_alerts(desk, call, start=surface.start(request, bound), limit=limit_of(request))
        return surface.page(page.items, page.next, bound, page.entries)

    @router.post("/v1/risk-alerts/{alert_id}/acknowledgements", status_code=201, openapi_extra=documented(AcknowledgementBody))
    async def acknowledged(request: Request, alert_id: str) -> Response:
        """Say that you saw it and act on it. Nobody else is told after that."""
        call, wanted = surface.call(request), path_id(alert_id)
        body, raw = await read_optional(request, AcknowledgementBody)
        return await surface.post(call, request, raw, partial(acknowledge, desk, call, wanted, body.note))

    @router.post("/v1/risk-alerts/{alert_id}/handovers", status_code=201, openapi_extra=documented(HandoverBody))
    async def handed_over(request: Request, alert_id: str) -> Response:
        """Tell another practitioner. The alert stays open until somebody acknowledges it."""
        call, wanted = surface.call(request), path_id(alert_id)
        body, raw = await read_json(request, HandoverBody)
        return await surface.post(call, request, raw, partial(hand_over, desk, call, wanted, body.to, body.reason))

    @router.get("/v1/risk-settings")
    async def settings(request: Request) -> Response:
        """Who is on call, after how long the next person is told, and what clients read. For supervisors and administrators."""
        return respond(await read_settings(desk, surface.call(request)))

    @router.put("/v1/risk-settings", openapi_extra=documented(RiskSettingsBody))
    async def choose(request: Request) -> Response:
        """Replaces the settings whole: what is left out has its default again."""
        call = surface.call(request)
        body, _ = await read_json(request, RiskSettingsBody)
        return respond(await choose_settings(desk, call, RiskSettings.model_validate(body.model_dump())))

    return router
