"""`/review/reports`: the reports of `/v1/audit/exports` for whoever would rather click, and how to check a bundle."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.application.ledger_view import LedgerView
from services.audit_log.ledger.application.reports import Reports
from services.audit_log.officers.api.surface import Surface
from services.audit_log.reports.api.exports import bundled
from shared.http.page_policy import HEADERS


def reports_router(surface: Surface, ledger: LedgerView, reports: Reports, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(
        prefix="/review/reports", include_in_schema=False, route_class=surface.route(reads=False)
    )  # they take turns of their own

    @router.get("")
    async def page(request: Request) -> Response:
        call = await surface.officer(request, "view-reports")
        values = {"vkey": ledger.vkey(call.tenant)}
        return await surface.show(call, "reports.html", values, action="view-reports", query={}, rows=0)

    @router.get("/{report}")
    async def bundle(request: Request, report: str) -> Response:
        """The ZIP; its entry, with its hash, is durable before a byte leaves."""
        answer = await bundled(ledger, reports, surface.desk, request, report, now())
        answer.headers.update(HEADERS)
        return answer

    return router
