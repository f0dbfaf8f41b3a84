"""`/v1/audit/clients/{id}/handouts/{report}`: an accounting or an access report as a document for the client.

A document is for the client, whoever asks for it: it holds what the client may know (ADR 0037). The client's name is not known
here; whoever asks sends it along, it is printed, and it is kept nowhere.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.accounting.application.asking import Letterheads
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.api.accounting_suspensions import suspended
from services.audit_log.ledger.api.ledger import clients_own
from services.audit_log.ledger.application.ledger_view import Filters, LedgerView
from services.audit_log.ledger.application.reports import Handout, Order, Reports
from services.audit_log.reports.api.exports import ACCOUNTING, answered, made_for, report_for
from services.audit_log.reports.application.handing_out import TITLES, Document, document_of
from shared.entry.text import Line
from shared.http.body import Body, documented, read_json
from shared.http.call import Call, path_id
from shared.http.problems import conflict, not_found
from shared.values.time import Day

PDF: Final = "application/pdf"


class NewHandout(Body):
    client_name: Annotated[str, Line(200)]
    """as it is to stand on the document; kept nowhere"""
    since: Day | None = None
    """the first day, in the practice's zone"""
    to: Day | None = None
    """the last day"""


class Handouts:
    def __init__(
        self, ledger: LedgerView, reports: Reports, practice: Letterheads, desk: Desk, now: Callable[[], datetime]
    ) -> None:
        self._ledger, self._reports, self._practice, self._desk, self._now = ledger, reports, practice, desk, now

    async def order(self, call: Call, client: str, report: str, asked: NewHandout) -> Order:
        """What is to be made. Problem 404, and 409 where no administrator said the practice's name yet."""
        if report not in TITLES:
            raise not_found(f"There are these documents: {', '.join(TITLES)}.")
        head = await self._practice.letterhead(call.tenant)
        if head is None:
            raise conflict("An administrator first sets the practice's name, address and zone: PUT /v1/practice/letterhead.")
        today, zone = self._now(), ZoneInfo(head.zone)
        days = Filters(
            since=datetime.combine(asked.since, time.min, zone) if asked.since else None,
            until=datetime.combine(asked.to + timedelta(days=1), time.min, zone) if asked.to else None,
        )
        query = {k: d.isoformat() for k, d in (("from", asked.since), ("to", asked.to)) if d}
        if report == ACCOUNTING:
            besides = await suspended(self._ledger, call.tenant, client, today)
            filters = replace(days, client_id=client, besides=besides).accounted(today)
        else:
            filters = await clients_own(self._ledger, call.tenant, client, today, days)
        handout = Handout(head.name, head.address, head.zone, asked.client_name, call.principal.name or call.principal.sub)
        return Order(call.tenant, call.principal.sub, report, query, filters, True, today, handout)

    async def document(self, order: Order) -> tuple[Handout, Document]:
        """The same for a page."""
        assert order.handout is not None
        return order.handout, await document_of(self._ledger, order.tenant, report_for(order), order.made_at, order.handout)

    async def pdf(self, call: Call, client: str, report: str, asked: NewHandout) -> Response:
        """The document. Its entry, with the document's hash, is durable before a byte leaves."""
        order = await self.order(call, client, report, asked)
        made = await made_for(call, self._reports, order)
        try:
            told = {**order.query, "sha256": made.sha256}
            headers = await self._desk.record(call, f"hand-out-{report}", told, made.rows, client_id=client)
        except BaseException:
            made.close()
            raise
        return answered(made, headers, f"{report}-{order.made_at:%Y-%m-%d}.pdf", PDF)


def handouts_router(handouts: Handouts, desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/audit/clients/{id}/handouts", tags=["accounting"], route_class=LedgerRoute)

    @router.post(
        "/{report}",
        openapi_extra=documented(NewHandout),
        response_class=Response,
        responses={200: {"content": {PDF: {}}}},
    )
    async def hand_out(request: Request, id: str, report: str) -> Response:
        """`access-report` or `accounting-of-disclosures` as a PDF in sentences, with the practice's letterhead and days in its
        zone. For compliance officers; a client has their own access report made."""
        client = str(path_id(id))
        if report == "access-report":
            call = await desk.officer_or_client(request, f"hand-out-{report}", client)
        else:
            call = await desk.officer(request, f"hand-out-{ACCOUNTING}", client)
        body, _ = await read_json(request, NewHandout)
        return await handouts.pdf(call, client, report, body)

    return router
