"""`/v1/audit/exports/{report}`: a report as a bundle that can be verified offline. Each is an entry, with the bundle's hash."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from typing import IO, Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.api.accounting_suspensions import suspended
from services.audit_log.ledger.api.ledger import REPORT_KINDS
from services.audit_log.ledger.api.query import PARAMETERS, documented_parameters, filters_of
from services.audit_log.ledger.api.words import as_the_client_sees
from services.audit_log.ledger.application.ledger_view import Filters, LedgerView, NotYetSigned, StoredEntry
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.reports.application.exporting import MAX_ROWS, Bundle, Exporter, Report, TooMany
from services.audit_log.reports.domain.export_check import CHUNK
from shared.contracts.records import RecordType
from shared.http.call import Call
from shared.http.problems import Fault, Problem, invalid, not_found, unavailable
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier

TITLES: Final = {
    "access-report": "Who used this record",
    "accounting-of-disclosures": "Accounting of disclosures (45 CFR 164.528)",
    "activity": "Information system activity review (45 CFR 164.308(a)(1)(ii)(D))",
}


def exports_router(ledger: LedgerView, exporter: Exporter, tokens: TokenVerifier, now: Callable[[], datetime]) -> APIRouter:
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
        return await bundled(ledger, exporter, desk, request, report, now())

    return router


async def bundled(ledger: LedgerView, exporter: Exporter, desk: Desk, request: Request, report: str, today: datetime) -> Response:
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
    if report != "activity" and filters.client_id is None:
        raise invalid([Fault("?client_id", "a UUID: this report is of one client")])
    query = {k: v for k, v in request.query_params.items() if v}
    if filters.client_id and (report == "accounting-of-disclosures" or call.principal.role is Role.CLIENT):
        filters = replace(filters, besides=await suspended(ledger, call.tenant, filters.client_id, today))
    try:
        bundle = await exporter.bundle(call.tenant, call.principal.sub, _report(report, filters, query, call, today))
    except NotYetSigned:
        raise unavailable("The newest entries are not signed yet.", 1) from None
    except TooMany:
        raise Problem(413, "too-many", "Too many rows", f"One bundle holds {MAX_ROWS:,} rows: narrow the dates.") from None
    try:
        told: dict[str, Any] = {**query, "sha256": bundle.sha256}
        headers = await desk.record(call, action, told, bundle.rows, client_id=filters.client_id)
    except BaseException:
        bundle.file.close()
        raise
    return _answer(report, bundle, headers, today)


def _report(name: str, filters: Filters, query: dict[str, Any], call: Call, today: datetime) -> Report:
    own = call.principal.role is Role.CLIENT
    if name == "access-report":
        filters = replace(filters, kinds=REPORT_KINDS, hiding=RecordType.PSYCHOTHERAPY_NOTE if own else None)
    elif name == "accounting-of-disclosures":
        filters = filters.accounted(today)
    see: Callable[[StoredEntry], StoredEntry] = as_the_client_sees if own else lambda stored: stored
    return Report(name, TITLES[name], query, filters, see, _for_the_client if own else lambda _: True)


def _for_the_client(stored: StoredEntry) -> bool:
    """A payload holds what a report's line does not: who broke the glass and why, what an officer searched for. A client gets
    those of uses of their record; of the others their place in the log is proved."""
    return stored.entry.kind is EntryKind.DISCLOSURE and "grants" not in stored.entry.detail


def _answer(report: str, bundle: Bundle, headers: dict[str, str], at: datetime) -> Response:
    digest = b64encode(bytes.fromhex(bundle.sha256)).decode()
    return StreamingResponse(
        _chunks(bundle.file),
        media_type="application/zip",
        headers={
            **headers,
            "Content-Length": str(bundle.size),
            "Content-Disposition": f'attachment; filename="{report}-{at:%Y-%m-%d}.zip"',
            "Repr-Digest": f"sha-256=:{digest}:",
            "Cache-Control": "no-store",
        },
    )


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
