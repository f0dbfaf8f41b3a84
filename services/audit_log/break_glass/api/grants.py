"""`POST /v1/break-glass` and the second approval of a THREAT grant."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from services.audit_log.break_glass.application.grants import BreakGlass, GrantWanted
from services.audit_log.decision.domain.grants import Grant
from shared.contracts.records import KeyClass
from shared.entry.text import Exact, Line, Lines
from shared.eventstore.model import Statement
from shared.http.body import Body, documented, read_json
from shared.http.call import authenticate, path_id
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.identity.tokens import TokenVerifier


class NewGrant(Body):
    client_id: UUID
    purpose: Literal["BTG", "ETREAT", "THREAT"]
    reason: Annotated[str, Lines(2000)]
    """kept in the ledger's payload alone"""
    scope: Annotated[tuple[Annotated[str, Exact(64)], ...], Field(max_length=50)] = ()
    """key classes or record ids; empty: all that an emergency opens. THREAT: exactly one record id"""
    minutes: Annotated[int, Field(ge=1, le=240)]
    recipient: Annotated[str, Line(200, shortest=2)] | None = None
    """THREAT: a person or body able to lessen the threat"""


def scope_for(scope: Iterable[str], *, may_know: bool) -> list[str]:
    """Key classes, and ids of records: to who may not know of these, that it is a record."""
    return sorted({item if may_know or item in {k.value for k in KeyClass} else "record" for item in scope})


def shown(grant: Grant, to: str) -> dict[str, Any]:
    """To its holder with the records that it names; to who approves it, which may be a record that they may not know of."""
    return {
        "id": grant.id,
        "client_id": grant.client_id,
        "purpose": grant.purpose,
        "scope": scope_for(grant.scope, may_know=grant.sub == to),
        "expires_at": grant.expires_at.isoformat().replace("+00:00", "Z"),
        "status": str(grant.status),
    }


def router(glass: BreakGlass, tokens: TokenVerifier, idempotency: Idempotency) -> APIRouter:
    routes = APIRouter(tags=["break-glass"])

    @routes.post("/v1/break-glass", status_code=201, openapi_extra=documented(NewGrant))
    async def make(request: Request) -> Response:
        """A grant for an emergency: one client, a scope, some minutes. Every use of it stands in the ledger."""
        call = authenticate(request, tokens)
        body, raw = await read_json(request, NewGrant)
        wanted = GrantWanted(body.client_id, body.purpose, body.reason, body.scope, body.minutes, body.recipient)
        entries: tuple[int, ...] = ()

        async def work(repeat: Repeat) -> Answer:
            nonlocal entries

            def repeated(grant: Grant) -> tuple[Statement, ...]:
                return repeat.statements(Answer(201, shown(grant, call.principal.sub)), wanted.client_id)

            grant, entries = await glass.make(call, wanted, repeated)
            return Answer(201, shown(grant, call.principal.sub))

        answer, _ = await idempotency.run(call, "POST /v1/break-glass", raw, work)
        return _answered(answer.body, answer.status, entries)

    @routes.post("/v1/break-glass/{grant_id}/approvals", status_code=200)
    async def approve(request: Request, grant_id: str) -> Response:
        """The second approval of a THREAT grant, by somebody other than its holder. A repeat answers 409."""
        call = authenticate(request, tokens)
        grant, entries = await glass.approve(call, path_id(grant_id))
        return _answered(shown(grant, call.principal.sub), 200, entries)

    return routes


def _answered(body: dict[str, Any], status: int, entries: tuple[int, ...]) -> Response:
    headers = {"Audit-Entry": ", ".join(map(str, entries))} if entries else {}
    return JSONResponse(body, status_code=status, headers=headers)
