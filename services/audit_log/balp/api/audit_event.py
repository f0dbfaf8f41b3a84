"""`/fhir/R4/AuditEvent`: the ledger in FHIR's words (HL7 FHIR 4.0.1, IHE BALP 1.1), for compliance officers; a client may search
and read their own, without psychotherapy notes (ADR 0020). Every look is an entry, and so an AuditEvent of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.audit_log.balp.api.query import ID, AuditSearch, audit_search_of, recorded
from services.audit_log.balp.domain.audit_event import Event, accounted_event, audit_events
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.api.accounting_suspensions import suspended
from services.audit_log.ledger.api.ledger import clients_own
from services.audit_log.ledger.api.words import as_the_client_sees
from services.audit_log.ledger.application.ledger_view import Filters, LedgerView, NoSuchEntry, StoredEntry
from services.audit_log.ledger.application.recipients import recipients_of
from services.audit_log.ledger.domain.signed_note import parse_vkey
from shared.http.call import Call, authenticate
from shared.http.cursor import Cursors
from shared.http.fhir import FHIR_RESPONSES, FhirResponse, FhirRoute, bad_search, preferred, respond
from shared.http.fhir_search import Pairs, form_pairs
from shared.http.problems import not_found
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier

BASE: Final = "/fhir/R4"
PAGE: Final = 200
MOST_ACCOUNTED: Final = 10_000
"""events of one accounting"""
MOST_READ: Final = 10_000
"""entries that one search looks at, before it answers with what it has and where to go on"""


class _AuditRoute(LedgerRoute, FhirRoute):
    """503 where the ledger does not answer, 406 where the caller takes no JSON."""


def fhir_router(
    ledger: LedgerView, tokens: TokenVerifier, cursors: Cursors, now: Callable[[], datetime], *, public_url: str
) -> APIRouter:
    routes = APIRouter(
        tags=["fhir"],
        prefix=BASE,
        route_class=_AuditRoute,
        responses=FHIR_RESPONSES,
        default_response_class=FhirResponse,
    )
    desk, base = Desk(ledger, tokens, now), f"{public_url}{BASE}"

    async def called(request: Request, action: str, client: str | None) -> Call:
        """An officer; or the client, whose own record it then is."""
        return await desk.officer(request, action) if client is None else await desk.officer_or_client(request, action, client)

    @routes.get("/AuditEvent")
    async def search(request: Request) -> Response:
        """Events, newest first, without a total; `next` is a search of its own."""
        return await searched(request, request.query_params.multi_items())

    @routes.post("/AuditEvent/_search")
    async def search_by_form(request: Request) -> Response:
        """The same search, with its parameters out of the address."""
        return await searched(request, await form_pairs(request))

    @routes.get("/AuditEvent/$accounting-of-disclosures")
    async def accounting(request: Request) -> Response:
        """The accounting of disclosures of one `patient` (45 CFR 164.528), newest first, as PrivacyDisclosure events that name
        recipient and address: what `/v1/audit/clients/[id]/accounting-of-disclosures` holds. For compliance officers."""
        call = await desk.officer(request, "accounting-of-disclosures")
        client = _patient(request.query_params.multi_items())
        today = now()
        besides = await suspended(ledger, call.tenant, client, today)
        filters = Filters(client_id=client, besides=besides).accounted(today)
        found: list[StoredEntry] = []
        while page := await ledger.search(call.tenant, filters, before=found[-1].index if found else None, limit=PAGE):
            found += page
            if len(page) < PAGE or len(found) >= MOST_ACCOUNTED:
                break
        named = await recipients_of(ledger, call.tenant, found)
        origin = parse_vkey(ledger.vkey(call.tenant)).name
        events = [accounted_event(s.index, s.entry, origin, str(named[s.index])) for s in found]
        headers = await desk.record(call, "accounting-of-disclosures", {"patient": client}, len(events), client_id=client)
        entries = [{"fullUrl": f"{base}/AuditEvent/{e['id']}", "resource": e} for e in events]
        bundle = {"resourceType": "Bundle", "type": "collection", **({"entry": entries} if entries else {})}
        return respond(request, bundle, headers=headers)

    @routes.get("/AuditEvent/{event_id}")
    async def read(request: Request, event_id: str) -> Response:
        own = _own(request, tokens)
        call = await called(request, "read-audit-event", own)
        match = ID.fullmatch(event_id)
        found: list[Event] = []
        stored = None
        if match is not None:
            try:
                stored = await _entry(ledger, call.tenant, int(match[1]), own, now())
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
        wanted = audit_search_of(pairs, lenient=lenient, base=base)
        own = _own(request, tokens)
        if own is not None and wanted.filters.client_id != own:
            raise bad_search("patient", "is required, and is your own")
        call = await called(request, "search-audit-events", own)
        query = urlencode([(k, v) for k, v in pairs if k != "cursor"])
        bound = f"{call.tenant}/{call.principal.sub}/fhir/AuditEvent/{query}"
        if own is not None:
            wanted = replace(wanted, filters=await clients_own(ledger, call.tenant, own, now(), wanted.filters))
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

    return routes


def _patient(pairs: Pairs) -> str:
    """The one parameter of the accounting. 400."""
    names = [name for name, _ in pairs]
    if names != ["patient"]:
        raise bad_search("patient", "this operation takes patient, once, and nothing else")
    try:
        return str(UUID(pairs[0][1].removeprefix("Patient/")))
    except ValueError:
        raise bad_search("patient", "the id of a Patient") from None


async def _page(
    ledger: LedgerView, call: Call, wanted: AuditSearch, at: Any, own: str | None
) -> tuple[list[Event], list[int] | None]:
    """Events of one page, and where the next begins: index of an entry, and how many of its events were shown."""
    filters = wanted.filters
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


async def _entry(ledger: LedgerView, tenant: str, index: int, own: str | None, now: datetime) -> StoredEntry:
    """NoSuchEntry also where the client who asks may not know of it."""
    if own is None:
        return await ledger.entry(tenant, index)
    filters = await clients_own(ledger, tenant, own, now, Filters(indexes=(index,)))
    for stored in await ledger.search(tenant, filters, limit=1):
        return stored
    raise NoSuchEntry


def _shown(ledger: LedgerView, call: Call, stored: StoredEntry, own: str | None) -> list[Event]:
    """Events of an entry that the caller may know of."""
    entry = stored.entry if own is None else as_the_client_sees(stored).entry
    return audit_events(stored.index, entry, parse_vkey(ledger.vkey(call.tenant)).name)


def _own(request: Request, tokens: TokenVerifier) -> str | None:
    """The client who asks; None for anybody else."""
    principal = authenticate(request, tokens).principal
    return principal.client_id if principal.role is Role.CLIENT else None


def _client(stored: StoredEntry | None, own: str | None) -> str | None:
    return own or (stored.entry.client_id if stored is not None else None)
