"""`/v1/audit/routes`: how far each route out has come. Officers only; each look is an entry."""

from collections.abc import Callable
from datetime import datetime

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.application.ledger_view import LedgerView
from services.audit_log.routes_out.application.routes import Routes
from shared.identity.tokens import TokenVerifier


def routes_router(ledger: LedgerView, outgoing: Routes, tokens: TokenVerifier, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(prefix="/v1/audit", tags=["ledger"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    @router.get("/routes", summary="How entries and alarms go out: feeds, webhooks, mail")
    async def routes(request: Request) -> Response:
        """For each route of this tenant: how many entries it is behind, and in `fault` why the last batch was not taken."""
        call = await desk.officer(request, "view-routes")
        items = [
            {"name": r.name, "following": r.following, "waiting": r.waiting, "fault": r.fault}
            for r in await outgoing.standings(call.tenant)
        ]
        headers = await desk.record(call, "view-routes", {}, len(items))
        return Response(orjson.dumps({"items": items}), media_type="application/json", headers=headers)

    return router
