"""`/v1/audit/clients/{id}/suspensions`: an agency asks that a client not be told of disclosures to it (45 CFR 164.528(a)(2))."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.audit_log.api.ledger_desk import Desk, LedgerRoute
from services.audit_log.api.ledger_query import no_parameters
from services.audit_log.application.ports import Ledger
from services.audit_log.domain.entry import Entry, EntryKind
from services.audit_log.domain.payload import instant
from services.audit_log.domain.suspensions import ORAL_AT_MOST, Suspension
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement
from shared.http.body import Body, documented, read_json
from shared.http.call import path_id
from shared.http.problems import Fault, invalid
from shared.identity.roles import default_purpose
from shared.identity.tokens import TokenVerifier


class SuspensionStore(Protocol):
    async def standing(self, tenant: str, client_id: str, now: datetime) -> list[Suspension]: ...

    def placed(self, tenant: str, s: Suspension) -> Statement: ...


class NewSuspension(Body):
    agency: Annotated[str, Field(min_length=2, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    """the recipient as the ledger names it"""
    oral: bool
    official: Annotated[str, Field(min_length=2, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    """who made the statement; kept in the ledger's payload alone (164.528(a)(2)(ii)(A))"""
    until: AwareDatetime


def suspensions_router(
    store: SuspensionStore, ledger: Ledger, tokens: TokenVerifier, now: Callable[[], datetime], new_id: Callable[[], UUID]
) -> APIRouter:
    router = APIRouter(prefix="/v1/audit/clients/{id}/suspensions", tags=["ledger"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    @router.post(
        "", status_code=201, summary="Suspend the accounting of disclosures to an agency", openapi_extra=documented(NewSuspension)
    )
    async def place(request: Request, id: str) -> Response:
        """In force when it answers, until the time that is named: 30 days at most where the statement was oral."""
        client = str(path_id(id))
        call = await desk.officer(request, "suspend-accounting", client)
        no_parameters(request)
        body, _ = await read_json(request, NewSuspension)
        at = now()
        if body.until <= at:
            raise invalid([Fault("/until", "a time to come")])
        if body.oral and body.until > at + ORAL_AT_MOST:
            raise invalid([Fault("/until", "an oral statement suspends for 30 days at most: ask for one in writing")])
        made = Suspension(str(new_id()), client, body.agency, body.oral, at, body.until)
        who = call.principal
        entry = Entry(
            kind=EntryKind.POLICY,  # a client's own report has no entries of this kind
            at=at,
            action="suspend-accounting",
            outcome="done",
            reason="oral-statement" if body.oral else "written-statement",
            agent=who.sub,
            agent_name=who.name,
            agent_role=who.role.value,
            service=ServiceName.AUDIT_LOG.value,
            request_id=call.request_id,
            client_id=client,
            purpose=call.purpose or default_purpose(who.role),
            purpose_defaulted=call.purpose is None,
            basis=("law:45 CFR 164.528(a)(2)",),
            detail={"agency": body.agency, "official": body.official, "until": instant(body.until), "suspension": made.id},
        )
        indexes = await ledger.append(call.tenant, [entry], statements=[store.placed(call.tenant, made)])
        return JSONResponse(_shown(made), status_code=201, headers={"Audit-Entry": str(indexes[0])})

    @router.get("", summary="Suspensions that stand")
    async def standing(request: Request, id: str) -> Response:
        client = str(path_id(id))
        call = await desk.officer(request, "view-suspensions", client)
        no_parameters(request)
        items = [_shown(s) for s in await store.standing(call.tenant, client, now())]
        headers = await desk.record(call, "view-suspensions", {}, len(items))
        return JSONResponse({"items": items, "next": None}, headers=headers)

    return router


def _shown(suspension: Suspension) -> dict[str, Any]:
    return {
        "id": suspension.id,
        "agency": suspension.agency,
        "oral": suspension.oral,
        "placed_at": instant(suspension.placed_at),
        "until": instant(suspension.until),
    }
