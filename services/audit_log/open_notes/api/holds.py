"""`/v1/notes/{note_id}/holds`: one progress note held back from its client, by exception and for a time (45 CFR 171)."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.decision.domain.open_notes import HoldException, NoteHold
from services.audit_log.ledger.api.access import LedgerRoute
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.open_notes.application.holding import Holding
from shared.entry.text import Lines
from shared.http.body import Body, documented, read_json
from shared.http.call import authenticate, path_id
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier
from shared.values.time import Instant


class NewHold(Body):
    exception: HoldException
    """preventing_harm: 45 CFR 171.201; privacy: 171.202"""
    reason: Annotated[str, Lines(2000, shortest=10)]
    """kept in the ledger's payload alone; the client never sees it"""
    until: Instant
    """when it ends, a year from now at the latest: the note is open to the client from then on"""


def holds_router(holding: Holding, tokens: TokenVerifier, idempotency: Idempotency, now: Callable[[], datetime]) -> APIRouter:
    routes = APIRouter(prefix="/v1/notes/{note_id}/holds", tags=["open notes"], route_class=LedgerRoute)

    @routes.post("", status_code=201, openapi_extra=documented(NewHold))
    async def place(request: Request, note_id: str) -> Response:
        """Hold this one progress note back from its client: by its author or who treats the client. There is no hold of all
        notes, and none without an end. Others read the note as before."""
        call = authenticate(request, tokens)
        note = path_id(note_id)
        body, raw = await read_json(request, NewHold)
        headers: dict[str, str] = {}

        async def work(repeat: Repeat) -> Answer:
            def shown(hold: NoteHold) -> dict[str, Any]:
                return hold_shown(hold, now())

            answer, index = await holding.place(call, note, body.exception, body.reason, body.until, repeat, shown)
            headers["Audit-Entry"] = str(index)
            return answer

        answer, _ = await idempotency.run(call, f"POST /v1/notes/{note}/holds", raw, work)
        return _json(answer.body, answer.status, headers)

    @routes.get("")
    async def holds(request: Request, note_id: str) -> Response:
        """Newest first: for who wrote the note or treats the client, and compliance officers. The client is told until when it
        is held back now, and nothing else."""
        call = authenticate(request, tokens)
        found, at = await holding.of(call, path_id(note_id)), now()
        items = [hold_shown(h, at) for h in found]
        if call.principal.role is Role.CLIENT:
            items = [{"until": instant(h.until)} for h in found if h.holds(at)]
        return _json({"items": items, "next": None})

    @routes.delete("/{hold}")
    async def end(request: Request, note_id: str, hold: str) -> Response:
        """End the hold before its time: by who may place one, or a compliance officer. The note is open from the next question
        on."""
        ended, index = await holding.end(authenticate(request, tokens), path_id(note_id), path_id(hold))
        return _json(hold_shown(ended, now()), headers={"Audit-Entry": str(index)})

    return routes


def hold_shown(hold: NoteHold, at: datetime) -> dict[str, Any]:
    return {
        "id": hold.id,
        "note_id": hold.note_id,
        "exception": str(hold.exception),
        "until": instant(hold.until),
        "placed_by": hold.placed_by,
        "placed_at": instant(hold.placed_at),
        "ended_by": hold.ended_by,
        "ended_at": instant(hold.ended_at) if hold.ended_at else None,
        "status": "held" if hold.holds(at) else "over",
    }


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers=headers)
