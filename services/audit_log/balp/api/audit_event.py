"""`/fhir/R4/AuditEvent`: the ledger in FHIR's words (HL7 FHIR 4.0.1, IHE BALP 1.1), for compliance officers; a client may search
and read their own, without psychotherapy notes (ADR 0020). Every look is an entry, and so an AuditEvent of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.audit_log.balp.api.query import ID, AuditSearch, Pairs, audit_search_of, recorded
from services.audit_log.balp.domain.audit_event import Event, audit_events
from services.audit_log.ledger.api.access import Desk
from services.audit_log.ledger.api.accounting_suspensions import suspended
from services.audit_log.ledger.api.words import as_the_client_sees
from services.audit_log.ledger.application.ledger_view import LedgerView, NoSuchEntry, StoredEntry
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.signed_note import parse_vkey
from shared.contracts.records import RecordType
from shared.http.body import raw_body
from shared.http.call import Call, authenticate
from shared.http.cursor import Cursors
from shared.http.fhir import bad_search, preferred, respond, route_class, scope_checked
from shared.http.problems import Problem, not_found, unavailable
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier

BASE: Final = "/fhir/R4"
PAGE: Final = 200
MOST_READ: Final = 10_000
"""entries that one search looks at, before it answers with what it has and where to go on"""
_FORM: Final = "application/x-www-form-urlencoded"
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_CLIENTS_KINDS: Final = tuple(k.value for k in EntryKind if k not in (EntryKind.ALARM, EntryKind.POLICY))


def fhir_router(
    ledger: LedgerView, tokens: TokenVerifier, cursors: Cursors, now: Callable[[], datetime], *, public_url: str
) -> APIRouter:
    routes = APIRouter(tags=["fhir"], prefix=BASE, route_class=route_class(_problem_of))
    desk, base = Desk(ledger, tokens, now), f"{public_url}{BASE}"

    async def called(request: Request, action: str, letter: str, client: str | None) -> Call:
        """An officer; or the client, whose own record it then is."""
        scope_checked(authenticate(request, tokens), "AuditEvent", letter)
        return await desk.officer(request, action) if client is None else await desk.officer_or_client(request, action, client)

    @routes.get("/AuditEvent")
    async def search(request: Request) -> Response:
        """Events, newest first, without a total; `next` is a search of its own."""
        return await searched(request, request.query_params.multi_items())

    @routes.post("/AuditEvent/_search")
    async def search_by_form(request: Request) -> Response:
        """The same search, with its parameters out of the address."""
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            raise Problem(415, "media-type", "Unsupported media type", f"Send {_FORM}.")
        sent = (await raw_body(request, 16_384)).decode("utf-8", "replace")
        return await searched(request, [*request.query_params.multi_items(), *parse_qsl(sent, keep_blank_values=True)])

    @routes.get("/AuditEvent/{event_id}")
    async def read(request: Request, event_id: str) -> Response:
        own = _own(request, tokens)
        call = await called(request, "read-audit-event", "r", own)
        match = ID.fullmatch(event_id)
        found: list[Event] = []
        stored = None
        if match is not None:
            try:
                stored = await ledger.entry(call.tenant, int(match[1]))
                hidden = await suspended(ledger, call.tenant, own, now()) if own is not None else ()
                if stored.index not in hidden:
                    found = [e for e in _shown(ledger, call, stored, own) if e["id"] == event_id]
            except NoSuchEntry:
                found = []
        headers = await desk.record(
            call,
            "read-audit-event",
            {"id": event_id} if match else {},
            len(found),
            client_id=_client(stored, own) if found else own,
        )
        if not found:
            raise not_found("There is no such AuditEvent.")
        return respond(request, found[0], headers=headers)

    async def searched(request: Request, pairs: Pairs) -> Response:
        _, lenient = preferred(request)
        wanted = audit_search_of(pairs, lenient=lenient)
        own = _own(request, tokens)
        if own is not None and wanted.filters.client_id != own:
            raise bad_search("patient", "is required, and is your own")
        call = await called(request, "search-audit-events", "s", own)
        query = urlencode([(k, v) for k, v in pairs if k != "cursor"])
        bound = f"{call.tenant}/{call.principal.sub}/fhir/AuditEvent/{query}"
        if own is not None:
            hidden = await suspended(ledger, call.tenant, own, now())
            wanted = replace(wanted, filters=replace(wanted.filters, besides=hidden))
        shown, at = await _page(ledger, call, wanted, cursors.decode(request, bound_to=bound), own)
        asked = recorded(pairs, wanted)
        headers = await desk.record(call, "search-audit-events", asked, len(shown), client_id=wanted.filters.client_id)
        links = [{"relation": "self", "url": f"{base}/AuditEvent?{query}"}]
        if at is not None:
            more = urlencode({"cursor": cursors.encode(at, bound_to=bound)})
            links.append({"relation": "next", "url": f"{base}/AuditEvent?{query}{'&' if query else ''}{more}"})
        entries = [{"fullUrl": f"{base}/AuditEvent/{e['id']}", "resource": e, "search": {"mode": "match"}} for e in shown]
        bundle = {"resourceType": "Bundle", "type": "searchset", "link": links, **({"entry": entries} if entries else {})}
        return respond(request, bundle, headers=headers)

    @routes.api_route("/AuditEvent{rest:path}", methods=_METHODS, include_in_schema=False)
    async def not_served(rest: str) -> Response:
        raise Problem(404, "not-served", "Not served", f"AuditEvents are searched and read: see {BASE}/metadata.")

    return routes


async def _page(
    ledger: LedgerView, call: Call, wanted: AuditSearch, at: Any, own: str | None
) -> tuple[list[Event], list[int] | None]:
    """Events of one page, and where the next begins: index of an entry, and how many of its events were shown."""
    filters = wanted.filters
    if own is not None:
        filters = filters.for_the_client(_CLIENTS_KINDS, RecordType.PSYCHOTHERAPY_NOTE)
    before, skipped = (at[0] + 1, at[1]) if at is not None else (None, 0)
    shown: list[Event] = []
    looked_at = 0
    while True:
        found = await ledger.search(call.tenant, filters, before=before, limit=PAGE)
        for stored in found:
            events = _shown(ledger, call, stored, own)
            for number, event in enumerate(events):
                if number < skipped or not wanted.holds(event):
                    continue
                if len(shown) == wanted.count:
                    return shown, [stored.index, number]
                shown.append(event)
            skipped = 0
        looked_at += len(found)
        if len(found) < PAGE:
            return shown, None
        before = found[-1].index
        if looked_at >= MOST_READ:
            return shown, [before - 1, 0]


def _shown(ledger: LedgerView, call: Call, stored: StoredEntry, own: str | None) -> list[Event]:
    """Events of an entry, as the caller may see it; none of another client's."""
    entry = stored.entry
    if own is not None:
        psychotherapy = [r.record_type == RecordType.PSYCHOTHERAPY_NOTE for r in entry.records]
        if entry.client_id != own or entry.kind.value not in _CLIENTS_KINDS or (psychotherapy and all(psychotherapy)):
            return []
        entry = as_the_client_sees(stored).entry
    return audit_events(stored.index, entry, parse_vkey(ledger.vkey(call.tenant)).name)


def _own(request: Request, tokens: TokenVerifier) -> str | None:
    """The client who asks; None for anybody else."""
    principal = authenticate(request, tokens).principal
    return principal.client_id if principal.role is Role.CLIENT else None


def _client(stored: StoredEntry | None, own: str | None) -> str | None:
    return own or (stored.entry.client_id if stored is not None else None)


def _problem_of(error: Exception) -> Problem | None:
    if isinstance(error, LedgerUnavailable):
        return unavailable("The ledger cannot be written just now, so nothing is shown.")
    return None
