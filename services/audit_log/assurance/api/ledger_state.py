"""How the ledger stands: its size, its last checkpoint, and how each witness follows it; receipts and retention."""

from collections.abc import Callable
from datetime import datetime

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.assurance.application.completeness import CompletenessSweep
from services.audit_log.assurance.application.retention_clock import EVERY, RetentionClock
from services.audit_log.assurance.application.witnessing import Witnessing
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.api.query import no_parameters
from services.audit_log.ledger.application.ledger_view import LedgerView
from services.audit_log.ledger.domain.checkpoint import parse_text
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.ledger.domain.signed_note import split_note
from services.audit_log.routes_out.application.routes import Routes
from shared.identity.tokens import TokenVerifier


def ledger_state_router(
    ledger: LedgerView,
    witnessing: Witnessing,
    completeness: CompletenessSweep,
    retention: RetentionClock,
    outgoing: Routes,
    tokens: TokenVerifier,
    now: Callable[[], datetime],
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

    @router.get("/completeness", summary="Entries that allowed a write, against the receipts of what was written")
    async def complete(request: Request) -> Response:
        """`open`: entries under which nothing was reported as written. The write failed, or its receipt is kept back."""
        call = await desk.officer(request, "view-completeness")
        no_parameters(request)
        found = await completeness.standing(call.tenant)
        body = {
            "checked": found.checked,
            "last_run": instant(found.last_run) if found.last_run else None,
            "receipts": found.receipts,
            "faulty": found.faulty,
            "open": [{"entry": m.entry, "service": m.service} for m in found.open],
            "settled": found.settled,
        }
        headers = await desk.record(call, "view-completeness", {}, len(found.open))
        return Response(orjson.dumps(body), media_type="application/json", headers=headers)

    @router.get("/retention", summary="The retention clock: what is kept how long, and its last run")
    async def retained(request: Request) -> Response:
        call = await desk.officer(request, "view-retention")
        no_parameters(request)
        last = await retention.last_run(call.tenant)
        body = {
            "years": retention.years,
            "last_run": None
            if last is None
            else {"at": instant(last.at), "years": last.years, "erased": last.erased, "held": last.held},
            "next_run": instant(last.at + EVERY) if last else None,
        }
        headers = await desk.record(call, "view-retention", {}, 0 if last is None else 1)
        return Response(orjson.dumps(body), media_type="application/json", headers=headers)

    @router.get("/routes", summary="How entries and alarms go out: feeds, webhooks, mail")
    async def routes(request: Request) -> Response:
        """For each route of this tenant: how many entries it is behind, and in `fault` why the last batch was not taken."""
        call = await desk.officer(request, "view-routes")
        no_parameters(request)
        items = [
            {"name": r.name, "following": r.following, "waiting": r.waiting, "fault": r.fault}
            for r in await outgoing.standings(call.tenant)
        ]
        headers = await desk.record(call, "view-routes", {}, len(items))
        return Response(orjson.dumps({"items": items}), media_type="application/json", headers=headers)

    return router
