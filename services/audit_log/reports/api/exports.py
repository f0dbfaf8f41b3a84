"""`/v1/audit/exports/{report}`: a report as a bundle that can be verified offline. Each is an entry, with the bundle's hash."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from typing import IO, Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.decision.domain.grants import GRANTED_PURPOSES
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.api.accounting_suspensions import suspended
from services.audit_log.ledger.api.ledger import REPORT_KINDS, clients_own
from services.audit_log.ledger.api.query import PARAMETERS, documented_parameters, filters_of
from services.audit_log.ledger.api.words import as_the_client_sees
from services.audit_log.ledger.application.ledger_view import LedgerView, NotYetSigned, StoredEntry
from services.audit_log.ledger.application.reports import Bundle, Order, Reports
from services.audit_log.ledger.application.turns import RETRY_SECONDS, Busy
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.sentences import Audience
from services.audit_log.reports.application.exporting import MAX_ROWS, Report, TooLarge, TooMany
from services.audit_log.reports.domain.export_check import CHUNK
from shared.http.call import Call
from shared.http.held import HeldResponse
from shared.http.problems import Fault, Problem, invalid, not_found, unavailable
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier

LEAST_SECONDS: Final = 60
LEAST_BYTES_PER_SECOND: Final = 32_768
"""a reader who is slower gives the disk back"""
ACCOUNTING: Final = "accounting-of-disclosures"
TITLES: Final = {
    "access-report": "Who used this record",
    ACCOUNTING: "Accounting of disclosures (45 CFR 164.528)",
    "activity": "Information system activity review (45 CFR 164.308(a)(1)(ii)(D))",
}


def exports_router(ledger: LedgerView, reports: Reports, tokens: TokenVerifier, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(prefix="/v1/audit/exports", tags=["ledger"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    @router.get(
        "/{report}",
        summary="A report as NDJSON, CSV and PDF, with a proof for each row",
        openapi_extra=documented_parameters(*PARAMETERS),
        response_class=Response,
        responses={200: {"content": {"application/zip": {}}}},
    )
    async def export(request: Request, report: str) -> Response:
        """`access-report` and `accounting-of-disclosures` of one `client_id`, or `activity` by any of the search's parameters.
        The ZIP holds the rows, a `.tlog-proof` for each, and a manifest; `python -m infra.operator.verify_export` checks it
        without this server. A client exports their own access report. `Content-Length` tells how much there is to come."""
        return await bundled(ledger, reports, desk, request, report, now())

    return router


async def bundled(ledger: LedgerView, reports: Reports, desk: Desk, request: Request, report: str, today: datetime) -> Response:
    """The report as its query asks for it. Problem 404, 413, 422, 503; who may have it, the desk says."""
    if report not in TITLES:
        raise not_found(f"There are these reports: {', '.join(TITLES)}.")
    action = f"export-{report}"
    client = request.query_params.get("client_id")
    if report == "access-report" and client:
        call = await desk.officer_or_client(request, action, client)
    else:
        call = await desk.officer(request, action, client or None)
    filters = filters_of(request)
    own = call.principal.role is Role.CLIENT
    if report != "activity" and filters.client_id is None:
        raise invalid([Fault("?client_id", "a UUID: this report is of one client")])
    query = {k: v for k, v in request.query_params.items() if v}
    if own and filters.client_id:
        filters = await clients_own(ledger, call.tenant, filters.client_id, today, filters)
    elif report == ACCOUNTING and filters.client_id:
        filters = replace(filters, besides=await suspended(ledger, call.tenant, filters.client_id, today)).accounted(today)
    elif report == "access-report":
        filters = replace(filters, kinds=REPORT_KINDS)
    order = Order(call.tenant, call.principal.sub, report, query, filters, own, today)
    bundle = await made_for(call, reports, order)
    try:
        told: dict[str, Any] = {**query, "sha256": bundle.sha256}
        headers = await desk.record(call, action, told, bundle.rows, client_id=filters.client_id)
    except BaseException:
        bundle.close()
        raise
    return answered(bundle, headers, f"{report}-{today:%Y-%m-%d}.zip", "application/zip")


async def made_for(call: Call, reports: Reports, order: Order) -> Bundle:
    """Problem 413, 503."""
    try:
        return await reports.bundle(reports.take(call.tenant, call.principal.sub), order)
    except Busy as busy:
        raise unavailable(str(busy), RETRY_SECONDS) from None
    except NotYetSigned:
        raise unavailable("The newest entries are not signed yet.", 1) from None
    except TooMany:
        raise Problem(413, "too-many", "Too many rows", f"One bundle holds {MAX_ROWS:,} rows: narrow the dates.") from None
    except TooLarge:
        detail = "The report takes more disk than reports may take here: narrow the dates."
        raise Problem(413, "too-many", "Too many rows", detail) from None


def report_for(order: Order) -> Report:
    """What the worker process makes of an order."""
    see: Callable[[StoredEntry], StoredEntry] = as_the_client_sees if order.own else lambda stored: stored
    whole = _for_the_client if order.own else lambda _: True
    audience = Audience.CLIENT if order.own else Audience.OFFICER if order.report == "activity" else Audience.REPORT
    accounting = order.report == ACCOUNTING
    nothing = "No disclosures were made in this time." if accounting else "Nobody used it in this time."
    return Report(order.report, TITLES[order.report], order.query, order.filters, see, whole, audience, accounting, nothing)


def _for_the_client(stored: StoredEntry) -> bool:
    """A payload holds what a report's line does not: who broke the glass and why, what an officer searched for. A client gets
    those of uses of their record; of the others, and of uses under a grant, their place in the log is proved."""
    return stored.entry.kind is EntryKind.DISCLOSURE and stored.entry.purpose not in GRANTED_PURPOSES


def answered(bundle: Bundle, headers: dict[str, str], name: str, media_type: str) -> Response:
    digest = b64encode(bytes.fromhex(bundle.sha256)).decode()
    return HeldResponse(
        _chunks(bundle.file),
        held=bundle.close,
        seconds=LEAST_SECONDS + bundle.size / LEAST_BYTES_PER_SECOND,
        media_type=media_type,
        headers={
            **headers,
            "Content-Length": str(bundle.size),
            "Content-Disposition": f'attachment; filename="{name}"',
            "Repr-Digest": f"sha-256=:{digest}:",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx passes it on as it comes, and keeps no copy
        },
    )


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk
