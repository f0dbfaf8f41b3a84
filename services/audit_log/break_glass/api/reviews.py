"""The queue of break-glass reviews: supervisors and compliance officers see each grant from the moment it is made."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.break_glass.api.grants import scope_for
from services.audit_log.break_glass.application.reviews import Reviewing
from services.audit_log.break_glass.domain.reviews import Finding, Review
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.application.ledger_view import LedgerView, StoredEntry
from services.audit_log.ledger.domain.payload import instant
from shared.entry.text import Line, Lines
from shared.http.body import Body, documented, read_json
from shared.http.call import Call, authenticate, path_id
from shared.http.cursor import Cursors, limit_of
from shared.http.problems import Fault, invalid
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier

STATUSES = ("open", "documentation", "decided", "all")


class Documentation(Body):
    """Kept in the ledger's payload alone."""

    recipient: Annotated[str, Line(200, shortest=2)] | None = None
    """who received it, and where they belong"""
    nature_of_emergency: Annotated[str, Lines(2000, shortest=10)] | None = None


class ReviewDecision(Body):
    decision: Literal["justified", "not_justified"]
    note: Annotated[str, Lines(2000, shortest=10)]
    """kept in the ledger's payload alone"""


def reviews_router(
    reviewing: Reviewing, ledger: LedgerView, tokens: TokenVerifier, cursors: Cursors, now: Callable[[], datetime]
) -> APIRouter:
    router = APIRouter(prefix="/v1/audit/reviews", tags=["break-glass"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    def parameters(*names: str) -> dict[str, Any]:
        lists = {"status": {"enum": list(STATUSES)}}
        return {
            "parameters": [
                {"name": n, "in": "query", "required": False, "schema": {"type": "string"} | lists.get(n, {})} for n in names
            ]
        }

    @router.get("", summary="Grants to review, soonest due first", openapi_extra=parameters("status", "limit", "cursor"))
    async def queue(request: Request) -> Response:
        """`status`: open (not decided yet, the default), documentation (something is still to be written down), decided, all."""
        call = await desk.reviewer(request, "view-reviews")
        status = request.query_params.get("status", "open")
        if status not in STATUSES:
            raise invalid([Fault("?status", f"one of: {', '.join(STATUSES)}")])
        bound_to = f"{call.tenant}\x00{call.principal.sub}\x00reviews\x00{status}"
        limit, position = limit_of(request), cursors.decode(request, bound_to=bound_to)
        after = (datetime.fromisoformat(position[0]), str(position[1])) if position else None
        found = await reviewing.queue(call, status, after, limit + 1)
        shown = found[:limit]
        following = None
        if len(found) > limit:
            following = cursors.encode([shown[-1].due_at.isoformat(), shown[-1].grant_id], bound_to=bound_to)
        body = {"items": [_shown(r, now(), call) for r in shown], "next": following}
        return _json(body, await desk.record(call, "view-reviews", {"status": status}, len(shown)))

    @router.get("/{grant_id}", summary="One grant with all that the ledger has of it: its reason and each use")
    async def one(request: Request, grant_id: str) -> Response:
        call = await desk.reviewer(request, "view-review")
        review = await reviewing.one(call.tenant, path_id(grant_id))
        story = await reviewing.story(call, review)
        body = _shown(review, now(), call) | {"story": [_told(s, may_know=_may_know(review, call)) for s in story]}
        headers = await desk.record(call, "view-review", {"grant": review.grant_id}, len(story), client_id=review.client_id)
        return _json(body, headers)

    @router.post("/{grant_id}/documentation", summary="What was missing (42 CFR 2.51)", openapi_extra=documented(Documentation))
    async def document(request: Request, grant_id: str) -> Response:
        """By the holder, a supervisor or a compliance officer: after the emergency, never in its way."""
        call = authenticate(request, tokens)
        body, _ = await read_json(request, Documentation)
        items = {k: v for k, v in body.model_dump().items() if v is not None}
        review, entries = await reviewing.document(call, path_id(grant_id), items)
        return _json(_shown(review, now(), call), {"Audit-Entry": ", ".join(map(str, entries))})

    @router.post("/{grant_id}/decisions", summary="The finding of a review", openapi_extra=documented(ReviewDecision))
    async def decide(request: Request, grant_id: str) -> Response:
        """By a supervisor or compliance officer other than the holder. `not_justified` ends a grant that still holds."""
        call = authenticate(request, tokens)
        body, _ = await read_json(request, ReviewDecision)
        review, entries = await reviewing.decide(call, path_id(grant_id), Finding(body.decision), body.note)
        return _json(_shown(review, now(), call), {"Audit-Entry": ", ".join(map(str, entries))})

    return router


def _may_know(review: Review, call: Call) -> bool:
    """Whose records a grant names: officers read the whole ledger, a holder asked for them; a supervisor learns of none by it."""
    return call.principal.role is Role.COMPLIANCE_OFFICER or call.principal.sub == review.holder


def _shown(review: Review, now: datetime, call: Call) -> dict[str, Any]:
    return {
        "id": review.grant_id,
        "holder": review.holder,
        "client_id": review.client_id,
        "purpose": review.purpose,
        "scope": scope_for(review.scope, may_know=_may_know(review, call)),
        "made_at": instant(review.made_at),
        "expires_at": instant(review.expires_at),
        "due_at": instant(review.due_at),
        "overdue": review.overdue(now),
        "missing": list(review.missing),
        "decision": str(review.finding) if review.finding else None,
        "decided_by": review.decided_by,
        "decided_at": instant(review.decided_at) if review.decided_at else None,
    }


def _told(stored: StoredEntry, *, may_know: bool) -> dict[str, Any]:
    entry = stored.entry
    detail = {k: v for k, v in entry.detail.items() if k != "grants"}
    if "scope" in detail:
        detail["scope"] = scope_for(detail["scope"], may_know=may_know)
    return {
        "index": stored.index,
        "at": instant(entry.at),
        "kind": entry.kind.value,
        "agent": entry.agent,
        "action": entry.action,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "detail": detail,
        "records": [r.record_id for r in entry.records],
    }


def _json(body: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)
