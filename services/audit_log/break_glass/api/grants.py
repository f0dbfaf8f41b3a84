"""`POST /v1/break-glass` and the second approval of a THREAT grant."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from services.audit_log.break_glass.application.grants import BreakGlass, GrantWanted
from services.audit_log.decision.domain.grants import Grant
from shared.eventstore.model import Statement
from shared.http.body import Body, documented, read_json
from shared.http.call import authenticate, path_id
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.identity.tokens import TokenVerifier


class NewGrant(Body):
    client_id: UUID
    purpose: Literal["BTG", "ETREAT", "THREAT"]
    reason: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]
    """kept in the ledger's payload alone"""
    scope: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(max_length=50)] = ()
    """key classes or record ids; empty: all that an emergency opens. THREAT: exactly one record id"""
    minutes: Annotated[int, Field(ge=1, le=240)]
    recipient: Annotated[str, Field(min_length=2, max_length=200)] | None = None
    """THREAT: a person or body able to lessen the threat"""


def shown(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "client_id": grant.client_id,
        "purpose": grant.purpose,
        "scope": sorted(grant.scope),
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
                return repeat.statements(Answer(201, shown(grant)), wanted.client_id)

            grant, entries = await glass.make(call, wanted, repeated)
            return Answer(201, shown(grant))

        answer, _ = await idempotency.run(call, "POST /v1/break-glass", raw, work)
        return _answered(answer.body, answer.status, entries)

    @routes.post("/v1/break-glass/{grant_id}/approvals", status_code=200)
    async def approve(request: Request, grant_id: str) -> Response:
        """The second approval of a THREAT grant, by somebody other than its holder. A repeat answers 409."""
        call = authenticate(request, tokens)
        grant, entries = await glass.approve(call, path_id(grant_id))
        return _answered(shown(grant), 200, entries)

    return routes


def _answered(body: dict[str, Any], status: int, entries: tuple[int, ...]) -> Response:
    headers = {"Audit-Entry": ", ".join(map(str, entries))} if entries else {}
    return JSONResponse(body, status_code=status, headers=headers)
