"""45 CFR 164.528(a)(2): an agency's request that the client's accounting leave out its disclosures for a time.

The suspension is an entry of the ledger and nothing else: it names the entries that it hides, and ends by its own date, so that
nothing has to happen for them to be shown again. Officers see everything in `/v1/audit/entries` meanwhile.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter
from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.api.ledger_desk import Desk, LedgerRoute
from services.audit_log.application.ledger_view import Filters, LedgerView, NoSuchEntry, StoredEntry
from services.audit_log.domain.entry import EntryKind
from services.audit_log.domain.payload import instant
from shared.http.body import Body, documented, read_json
from shared.http.call import path_id
from shared.http.problems import Fault, invalid
from shared.identity.tokens import TokenVerifier

ACTION: Final = "suspend-accounting"
ORAL: Final = timedelta(days=30)
"""how long one that was asked for orally holds at most (164.528(a)(2)(ii)(C))"""
MOST: Final = 200
"""entries in one suspension; and how many suspensions of one client are looked at, newest first"""


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


def suspensions_router(
    ledger: LedgerView, tokens: TokenVerifier, now: Callable[[], datetime], accountable: Callable[[StoredEntry], bool]
) -> APIRouter:
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
            if stored is None or stored.entry.client_id != client or not accountable(stored):
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
    """Indexes that an accounting of this client leaves out now, those of the suspensions themselves included."""
    asked = Filters(client_id=client, kinds=(EntryKind.QUERY.value,), actions=(ACTION,), outcome="permit")
    found: set[int] = set()
    for stored in await ledger.search(tenant, asked, limit=MOST):
        query: dict[str, Any] = stored.entry.detail.get("query") or {}
        if query and datetime.fromisoformat(query["until"]) > now:
            found |= {stored.index, *query["entries"]}
    return tuple(sorted(found))


def _period_faults(body: Suspension, today: datetime) -> list[Fault]:
    if body.until <= today:
        return [Fault("/until", "a time to come")]
    if body.form == "oral" and body.until > today + ORAL:
        return [Fault("/until", "at most 30 days ahead where the request was oral (45 CFR 164.528(a)(2)(ii)(C))")]
    return []
