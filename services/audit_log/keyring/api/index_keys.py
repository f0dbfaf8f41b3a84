"""`POST /v1/audit/index-keys`: another key for the index of clients, by a compliance officer (ADR 0055)."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.application.ledger_view import LedgerView
from services.audit_log.ledger.application.ports import KeyringUnavailable
from shared.http.problems import unavailable
from shared.identity.tokens import TokenVerifier


def index_keys_router(
    new_version: Callable[[str], Awaitable[str]], ledger: LedgerView, tokens: TokenVerifier, now: Callable[[], datetime]
) -> APIRouter:
    """`new_version` makes the tenant's next index key and answers its key id."""
    router = APIRouter(tags=["ledger"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    @router.post("/v1/audit/index-keys", status_code=201, summary="A new key for the index of clients")
    async def rotate(request: Request) -> Response:
        """After a key may have become known. session_notes makes every client's tokens anew at the next look-up or registration;
        until then both keys find. What an older key had made is found again once that is done."""
        call = await desk.officer(request, "rotate-index-key")
        headers = await desk.record(call, "rotate-index-key", {}, 1)
        try:
            kid = await new_version(call.tenant)
        except KeyringUnavailable:
            raise unavailable("The keyring does not answer: the key was not changed.") from None
        return Response(orjson.dumps({"kid": kid}), status_code=201, headers=headers, media_type="application/json")

    return router
