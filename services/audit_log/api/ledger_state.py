"""How the ledger stands: its size, its last checkpoint, and how each witness follows it."""

from collections.abc import Callable
from datetime import datetime

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.api.ledger_desk import Desk, LedgerRoute
from services.audit_log.api.ledger_query import no_parameters
from services.audit_log.application.ledger_view import LedgerView
from services.audit_log.application.witnessing import Witnessing
from services.audit_log.domain.checkpoint import parse_text
from services.audit_log.domain.note import split_note
from services.audit_log.domain.payload import instant
from shared.identity.tokens import TokenVerifier


def ledger_state_router(
    ledger: LedgerView, witnessing: Witnessing, tokens: TokenVerifier, now: Callable[[], datetime]
) -> APIRouter:
    router = APIRouter(prefix="/v1/audit", tags=["ledger"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    @router.get("/witnesses", summary="Cosignatures of the log's checkpoints, and their lag")
    async def witnesses(request: Request) -> Response:
        """For each witness: the entries that it cosigned last, how many it is behind the newest checkpoint, since how many
        seconds, and in `fault` why its last attempt failed."""
        call = await desk.officer(request, "view-witnesses")
        no_parameters(request)
        note = await ledger.checkpoint(call.tenant)
        size = parse_text(split_note(note)[0]).size if note is not None else 0
        items = [
            {
                "witness": s.witness,
                "url": s.url,
                "size": s.size,
                "behind": s.behind,
                "cosigned_at": instant(s.cosigned_at) if s.cosigned_at else None,
                "lag_seconds": s.lag.total_seconds() if s.lag is not None else None,
                "fault": s.fault,
            }
            for s in witnessing.standings(call.tenant, await ledger.cosigned(call.tenant), size)
        ]
        headers = await desk.record(call, "view-witnesses", {}, len(items))
        return Response(orjson.dumps({"size": size, "items": items}), media_type="application/json", headers=headers)

    return router
