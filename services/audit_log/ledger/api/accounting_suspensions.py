"""45 CFR 164.528(a)(2): an agency's request that the client's accounting leave out its disclosures for a time.

The suspension is an entry of the ledger and nothing else: it names the entries that it hides, and ends by its own date, so that
nothing has to happen for them to be shown again. Officers see everything in `/v1/audit/entries` meanwhile.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter
from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.application.ledger_view import Filters, LedgerView, NoSuchEntry, StoredEntry
from services.audit_log.ledger.domain.accounting import accountable
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.ledger.domain.suspension import ACTION, in_force
from shared.http.body import Body, documented, read_json
from shared.http.call import path_id
from shared.http.problems import Fault, invalid
from shared.identity.tokens import TokenVerifier

ORAL: Final = timedelta(days=30)
"""how long one that was asked for orally holds at most (164.528(a)(2)(ii)(C))"""
MOST: Final = 200
"""entries in one suspension"""
_PAGE: Final = 200
_QUERIES: Final = (EntryKind.QUERY.value,)
_LOOKS: Final = ("view-entry", "explain-entry")
"""actions whose query names the index of an entry of the client's"""
_GRANT: Final = "grant:"


class Suspension(Body):
    agency: Annotated[str, Field(min_length=2, max_length=200)]
    """the health oversight agency or law enforcement official that asked, and who spoke for it"""
    statement: Annotated[str, Field(min_length=10, max_length=2000)]
    """that an accounting would be reasonably likely to impede its activities; kept in the ledger's payload alone"""
    form: Literal["written", "oral"]
    until: Annotated[AwareDatetime, Field(strict=False)]
    """when it ends; 30 days ahead at most where the request was oral"""
    entries: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, max_length=MOST, strict=False)]
    """indexes of the disclosures to that agency"""


def suspensions_router(ledger: LedgerView, tokens: TokenVerifier, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(prefix="/v1/audit", tags=["ledger"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    @router.post(
        "/clients/{id}/accounting-suspensions",
        status_code=201,
        summary="Suspend the accounting of some disclosures",
        openapi_extra=documented(Suspension),
    )
    async def suspend(request: Request, id: str) -> Response:
        """For compliance officers. The same again is another entry of the same effect."""
        client = str(path_id(id))
        call = await desk.officer(request, ACTION, client)
        body, _ = await read_json(request, Suspension)
        faults = _period_faults(body, now())
        for place, index in enumerate(body.entries):
            try:
                stored = await ledger.entry(call.tenant, index)
            except NoSuchEntry:
                stored = None
            if stored is None or stored.entry.client_id != client or not accountable(stored.entry):
                faults.append(Fault(f"/entries/{place}", "the index of a disclosure in this client's accounting"))
        if faults:
            raise invalid(faults)
        query = {
            "agency": body.agency,
            "statement": body.statement,
            "form": body.form,
            "until": instant(body.until.astimezone(UTC)),
            "entries": sorted(set(body.entries)),
        }
        headers = await desk.record(call, ACTION, query, len(body.entries), client_id=client)
        shown = {"client_id": client, "until": query["until"], "entries": query["entries"]}
        return Response(orjson.dumps(shown), status_code=201, headers=headers, media_type="application/json")

    return router


async def suspended(ledger: LedgerView, tenant: str, client: str, now: datetime) -> tuple[int, ...]:
    """Indexes that this client's accounting, and whatever else the client reads, leave out now: suspensions in force and the
    entries that they name; what was done about and under the same grants, which would tell of them; officers' looks at these."""
    hidden: set[int] = set()
    for stored in await _all(ledger, tenant, Filters(client_id=client, kinds=_QUERIES, actions=(ACTION,), outcome="permit")):
        if named := in_force(stored.entry, now):
            hidden |= {stored.index, *named}
    if not hidden:
        return ()
    rested = await ledger.search(tenant, Filters(client_id=client, indexes=tuple(hidden)), limit=len(hidden))
    grants = {(basis, s.entry.purpose) for s in rested for basis in s.entry.basis if basis.startswith(_GRANT)}
    for purpose in {purpose for _, purpose in grants}:
        for stored in await _all(ledger, tenant, Filters(client_id=client, purpose=purpose)):
            if any((grant, purpose) in grants for grant in _grants(stored.entry)):
                hidden.add(stored.index)
    for look in reversed(await _all(ledger, tenant, Filters(client_id=client, kinds=_QUERIES, actions=_LOOKS))):
        if (look.entry.detail.get("query") or {}).get("index") in hidden:
            hidden.add(look.index)
    return tuple(sorted(hidden))


def _grants(entry: Entry) -> set[str]:
    """As `grant:<id>`: those that it rests on, and those that were looked at when it was decided."""
    looked_at = {f"{_GRANT}{g['id']}" for g in entry.detail.get("grants", ())}
    return looked_at | {basis for basis in entry.basis if basis.startswith(_GRANT)}


async def _all(ledger: LedgerView, tenant: str, filters: Filters) -> list[StoredEntry]:
    """Newest first."""
    found: list[StoredEntry] = []
    while page := await ledger.search(tenant, filters, before=found[-1].index if found else None, limit=_PAGE):
        found += page
        if len(page) < _PAGE:
            break
    return found


def _period_faults(body: Suspension, today: datetime) -> list[Fault]:
    if body.until <= today:
        return [Fault("/until", "a time to come")]
    if body.form == "oral" and body.until > today + ORAL:
        return [Fault("/until", "at most 30 days ahead where the request was oral (45 CFR 164.528(a)(2)(ii)(C))")]
    return []
