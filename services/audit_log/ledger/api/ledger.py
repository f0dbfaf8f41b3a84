"""The ledger over HTTP: search, proofs, reports and verification. Every look leaves an entry of its own (`Audit-Entry`)."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.api.accounting_suspensions import suspended
from services.audit_log.ledger.api.query import PAGING, PARAMETERS, documented_parameters, filters_of
from services.audit_log.ledger.api.words import client_line, report_line
from services.audit_log.ledger.application.ledger_view import Filters, LedgerView, NoSuchEntry, NotYetSigned, StoredEntry
from services.audit_log.ledger.application.recipients import Recipient, recipients_of
from services.audit_log.ledger.application.reports import Reports
from services.audit_log.ledger.application.turns import RETRY_SECONDS, Busy
from services.audit_log.ledger.domain.accounting import BY_HAND, accounted_since
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.merkle import leaf_hash
from services.audit_log.ledger.domain.payload import instant, payload_of
from services.audit_log.ledger.domain.sentences import Audience, things
from services.audit_log.ledger.domain.tlog_proof import MEDIA_TYPE
from shared.contracts.records import RecordType
from shared.entry.json_text import LARGEST_INTEGER
from shared.entry.numbers import whole_number
from shared.http.call import Call, path_id
from shared.http.cursor import Cursors, limit_of
from shared.http.problems import not_found, unavailable
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier

REPORT_KINDS: Final = tuple(k.value for k in EntryKind if k not in (EntryKind.ALARM, EntryKind.POLICY))
_Lines = Callable[[Sequence[StoredEntry]], Awaitable[Sequence[Mapping[str, Any]]]]
NO_KIND: Final = ("",)
"""of no entry"""


def ledger_router(
    ledger: LedgerView, reports: Reports, tokens: TokenVerifier, cursors: Cursors, now: Callable[[], datetime]
) -> APIRouter:
    """`/v1/audit/…`, for compliance officers; a client may read their own access report."""
    router = APIRouter(prefix="/v1/audit", tags=["ledger"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)
    pages = _Pages(ledger, desk, cursors)

    @router.get("/entries", summary="Search the ledger, newest first", openapi_extra=documented_parameters(*PARAMETERS, *PAGING))
    async def entries(request: Request) -> Response:
        call = await desk.officer(request, "search-ledger")
        return await pages.answer(request, call, "search-ledger", filters_of(request), _each(entry_json))

    @router.get("/alarms", summary="Entries of kind alarm, newest first", openapi_extra=documented_parameters(*PAGING))
    async def alarms(request: Request) -> Response:
        call = await desk.officer(request, "view-alarms")
        return await pages.answer(request, call, "view-alarms", Filters(kinds=(EntryKind.ALARM.value,)), _each(entry_json))

    @router.get("/entries/{index}", summary="One entry")
    async def entry(request: Request, index: str) -> Response:
        call = await desk.officer(request, "view-entry")
        try:
            stored = await ledger.entry(call.tenant, _index(index))
        except NoSuchEntry:
            raise await _missing(desk, call, "view-entry", index) from None
        headers = await desk.record(call, "view-entry", {"index": stored.index}, 1, client_id=stored.entry.client_id)
        return _json(entry_json(stored), headers)

    @router.get(
        "/entries/{index}/proof",
        summary="C2SP tlog-proof of an entry; as JSON with leaf, salt and payload",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}, "application/json": {}}}},
    )
    async def proof(request: Request, index: str) -> Response:
        """The text is a `c2sp.org/tlog-proof@v1` whose extra line is the leaf. With `Accept: application/json` the answer also
        carries salt and payload: HMAC-SHA256(salt, payload) is the leaf's commitment, so that a stranger who holds the vkey can
        check that this payload, byte for byte, was logged."""
        call = await desk.officer(request, "prove-entry")
        number = _index(index)
        try:
            proved = await ledger.proof(call.tenant, number)
        except NoSuchEntry:
            raise await _missing(desk, call, "prove-entry", index) from None
        except NotYetSigned:
            raise unavailable("The entry is durable, but no signed checkpoint covers it yet.", 1) from None
        headers = await desk.record(call, "prove-entry", {"index": number}, 1)
        if "application/json" not in request.headers.get("accept", ""):
            return Response(proved.text, headers=headers, media_type=MEDIA_TYPE)
        body = {
            "index": proved.index,
            "leaf": b64encode(proved.leaf).decode(),
            "leaf_hash": b64encode(leaf_hash(proved.leaf)).decode(),
            "salt": None if proved.salt is None else b64encode(proved.salt).decode(),
            "payload": None if proved.payload is None else proved.payload.decode(),
            "proof": proved.text.decode(),
            "vkey": ledger.vkey(call.tenant),
        }
        return _json(body, headers)

    @router.get("/clients/{id}/access-report", summary="Who used a client's record", openapi_extra=documented_parameters(*PAGING))
    async def access_report(request: Request, id: str) -> Response:
        """For the client and for officers: every use and refused attempt, in plain words, each with its index, newest first.
        Work of automatic tasks is shown as computed, seen by nobody. Reading the report is itself an entry of it. The client's
        own is without psychotherapy notes (ADR 0020)."""
        client = str(path_id(id))
        call = await desk.officer_or_client(request, "access-report", client)
        own = call.principal.role is Role.CLIENT
        shown_to_officers = Filters(client_id=client, kinds=REPORT_KINDS)
        filters = await clients_own(ledger, call.tenant, client, now()) if own else shown_to_officers
        line = client_line if own else report_line
        return await pages.answer(request, call, "access-report", filters, _each(line), {"client_id": client})

    @router.get(
        "/clients/{id}/accounting-of-disclosures",
        summary="Accounting of disclosures (45 CFR 164.528)",
        openapi_extra=documented_parameters(*PAGING),
    )
    async def accounting(request: Request, id: str) -> Response:
        """Permitted reads, searches and exports of the client's records in the last six years for a purpose outside treatment,
        payment and operations: THREAT, HLEGAL, PUBHLTH, HRESCH and every code that is not known to be exempt.

        Left out, by 164.528(a)(1): purposes of treatment, payment and operations (TREAT, ETREAT, BTG, COC, SUPNWK, HPAYMT,
        HOPERAT, TRAIN, HCOMPL) and disclosures to the individual or who acts for them (PATRQT, PWATRNY, FAMRQT). Disclosures by
        written authorization are exempt too, but stay in: the list rather says too much. Disclosures made outside this
        system are in it once they were entered (`/disclosures`). An address is null where nobody said one. Not in it,
        until its day: what an agency asked to suspend (164.528(a)(2), `accounting-suspensions`)."""
        client = str(path_id(id))
        call = await desk.officer(request, "accounting-of-disclosures", client)
        today = now()
        filters = Filters(client_id=client, besides=await suspended(ledger, call.tenant, client, today)).accounted(today)
        extra = {"client_id": client, "from": instant(accounted_since(today)), "to": instant(today)}

        async def lines(shown: Sequence[StoredEntry]) -> list[Mapping[str, Any]]:
            named = await recipients_of(ledger, call.tenant, shown)
            return [accounting_line(s, named[s.index]) for s in shown]

        return await pages.answer(request, call, "accounting-of-disclosures", filters, lines, extra)

    @router.get("/verification", summary="Recompute the whole log and compare it with its signed checkpoint")
    async def verification(request: Request) -> Response:
        """`finding` names the first difference: edited, removed, reordered, truncated, tree or unsigned. Where the log is refused
        (its database and its anchor do not agree), the report is answered all the same, with `recorded: false`."""
        call = await desk.officer(request, "verify-ledger")
        try:
            report = await reports.verify(reports.take(call.tenant, call.principal.sub))
        except Busy as busy:
            raise unavailable(str(busy), RETRY_SECONDS) from None
        refused = ledger.refused()  # only now: the log may be refused while it is being verified
        checkpoint = await ledger.checkpoint(call.tenant)
        body = asdict(report) | {
            "checked_at": instant(now()),
            "checkpoint": checkpoint.decode() if checkpoint else None,
            "vkey": ledger.vkey(call.tenant),
            "refused": refused.get(call.tenant),
            "recorded": call.tenant not in refused,
        }
        if call.tenant in refused:
            return _json(body, {})
        query = {"finding": report.finding, "index": report.index}
        return _json(body, await desk.record(call, "verify-ledger", query, report.entries))

    return router


async def clients_own(ledger: LedgerView, tenant: str, client: str, now: datetime, asked: Filters | None = None) -> Filters:
    """What a client may know of the log, and of that what they ask for: every answer to a client is a search by these filters
    (ADR 0037)."""
    asked = asked or Filters()
    kinds = tuple(k for k in REPORT_KINDS if not asked.kinds or k in asked.kinds)
    besides = await suspended(ledger, tenant, client, now)
    return replace(asked, client_id=client, kinds=kinds or NO_KIND, hiding=RecordType.PSYCHOTHERAPY_NOTE, besides=besides)


def entry_json(stored: StoredEntry) -> dict[str, Any]:
    """An entry as the API shows it."""
    return {"index": stored.index, **payload_of(stored.entry), "erased": stored.erased}


def accounting_line(stored: StoredEntry, recipient: Recipient) -> dict[str, Any]:
    """What 164.528(b)(2) asks for, as far as the ledger holds it."""
    entry = stored.entry
    return {
        "index": stored.index,
        "date": entry.detail.get("on") or instant(entry.at),
        "recipient": {"name": recipient.name, "address": recipient.address},
        "description": things(entry, Audience.REPORT),
        "purpose": entry.purpose,
        "disclosed_by": {"sub": entry.agent, "name": entry.agent_name, "role": entry.agent_role},
        "basis": list(entry.basis),
    } | ({"how": entry.detail["how"]} if entry.action == BY_HAND and "how" in entry.detail else {})


def _each(line: Callable[[StoredEntry], Mapping[str, Any]]) -> _Lines:
    async def lines(shown: Sequence[StoredEntry]) -> list[Mapping[str, Any]]:
        return [line(s) for s in shown]

    return lines


class _Pages:
    def __init__(self, ledger: LedgerView, desk: Desk, cursors: Cursors) -> None:
        self._ledger, self._desk, self._cursors = ledger, desk, cursors

    async def answer(
        self,
        request: Request,
        call: Call,
        action: str,
        filters: Filters,
        show: _Lines,
        extra: Mapping[str, Any] | None = None,
    ) -> Response:
        query = {k: v for k, v in request.query_params.items() if k not in PAGING}
        bound_to = orjson.dumps([call.tenant, call.principal.sub, request.url.path, query], option=orjson.OPT_SORT_KEYS).decode()
        limit, before = limit_of(request), self._cursors.decode(request, bound_to=bound_to)
        found = await self._ledger.search(call.tenant, filters, before=before, limit=limit + 1)
        shown = found[:limit]
        following = self._cursors.encode(shown[-1].index, bound_to=bound_to) if len(found) > limit else None
        items = await show(shown)
        headers = await self._desk.record(call, action, query, len(shown), client_id=filters.client_id)
        return _json({**(extra or {}), "items": items, "next": following}, headers)


async def _missing(desk: Desk, call: Call, action: str, index: str) -> Exception:
    problem = not_found("The log has no entry at this index.")
    problem.headers.update(await desk.record(call, action, {"index": index[:20]}, 0))
    return problem


def _index(text: str) -> int:
    try:
        return whole_number(text, 0, LARGEST_INTEGER)
    except ValueError:
        raise not_found("An index is a whole number.") from None


def _json(body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    return Response(orjson.dumps(body), headers=dict(headers), media_type="application/json")
