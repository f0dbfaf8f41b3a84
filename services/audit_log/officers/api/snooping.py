"""`/review/snooping`: what explains itself, and by person what does not; the officer's decision; flags of likeness."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.officers.api.surface import Surface, seen
from services.audit_log.officers.api.today import note_of
from services.audit_log.officers.application.cases import SHARES_SINCE, Deciding, Decision
from services.audit_log.officers.application.judging import Judging
from shared.contracts.likeness import LIKENESS, Likeness, key_of
from shared.contracts.topics import SESSION_NOTES
from shared.http.cursor import Cursors
from shared.http.problems import Fault, forbidden, invalid
from shared.messaging.signature import EventVerifier, ForgedMessage

_PEOPLE = 50
_DECISIONS = 20


def snooping_router(
    surface: Surface,
    judging: Judging,
    cases: CaseTable,
    deciding: Deciding,
    verifier: EventVerifier,
    cursors: Cursors,
    now: Callable[[], datetime],
) -> APIRouter:
    router = APIRouter(prefix="/review/snooping", include_in_schema=False, route_class=surface.route())

    @router.get("")
    async def people(request: Request) -> Response:
        call = await surface.officer(request, "view-snooping")
        waiting = await judging.catch_up(call.tenant)
        bound_to = f"{call.tenant}\0{call.principal.sub}\0people"
        position = cursors.decode(request, bound_to=bound_to)
        after = (*position[:2], datetime.fromisoformat(position[2]), position[3]) if position else None
        found = await cases.people(call.tenant, _PEOPLE + 1, after)
        shown, following = found[:_PEOPLE], None
        if len(found) > _PEOPLE:
            before, times, last, agent = shown[-1].place
            cursor = cursors.encode([before, times, last.isoformat(), agent], bound_to=bound_to)
            following = "/review/snooping?" + urlencode({"cursor": cursor})
        grounds, unexplained = await cases.shares(call.tenant, now() - SHARES_SINCE)
        total = unexplained + sum(times for _, times in grounds)
        values = {
            "people": shown,
            "open": await cases.open(call.tenant),
            "next": following,
            "waiting": waiting,
            "grounds": grounds,
            "unexplained": unexplained,
            "total": total,
            "decisions": await cases.decisions(call.tenant, None, _DECISIONS),
        }
        return await surface.show(call, "snooping.html", values, action="view-snooping", query={}, rows=len(shown))

    @router.get("/person")
    async def person(request: Request) -> Response:
        call = await surface.officer(request, "view-person")
        agent = _agent(request)
        case = await deciding.of(call.tenant, agent)
        values: dict[str, Any] = {
            "agent": agent,
            "name": await cases.name(call.tenant, agent),
            "told": case.told,
            "more": case.more,
            "own": agent == call.principal.sub,
            "up_to": case.up_to,
            "decisions": await cases.decisions(call.tenant, agent, _DECISIONS),
            "here_path": _path(agent),
        }
        rows = sum(len(t.accesses) for t in case.told)
        return await surface.show(call, "person.html", values, action="view-person", query={"person": agent}, rows=rows)

    @router.post("/person")
    async def decide(request: Request) -> Response:
        call = await surface.officer(request, "view-person")
        agent = _agent(request)
        fields = await surface.form(request, call)
        up_to = fields.get("up_to", "")
        try:
            decision = Decision(fields.get("decision", ""))
        except ValueError:
            raise invalid([Fault("/decision", ", ".join(Decision))]) from None
        if not up_to.isascii() or not up_to.isdigit() or len(up_to) > 18:
            raise invalid([Fault("/up_to", "the index of the newest access on the page")])
        await deciding.decide(call, agent, int(up_to), decision, note_of(fields))
        return seen("/review/snooping")

    @router.post("/likeness")
    async def liken(request: Request) -> Response:
        """The statement that the officer's browser had from session_notes; believed for its signature alone."""
        call = await surface.officer(request, "view-person")
        fields = await surface.form(request, call)
        likeness = _verified(verifier, call.tenant, fields.get("statement", ""), fields.get("signature", ""))
        await deciding.liken(call, likeness)
        return seen(_path(likeness.sub))

    return router


def _verified(verifier: EventVerifier, tenant: str, statement: str, signature: str) -> Likeness:
    try:
        payload = b64decode(statement, validate=True)
        likeness = Likeness.model_validate_json(payload)
    except (Base64Error, ValueError, ValidationError):
        raise invalid([Fault("/statement", "not a statement of likeness")]) from None
    headers = {"ce_type": LIKENESS, "ce_tenant": tenant, "ce_source": "session_notes", "sig": signature}
    try:
        verifier.verify(SESSION_NOTES, key_of(tenant, likeness.client_id), headers, payload)
    except ForgedMessage:
        raise forbidden("The statement is not signed by session_notes.") from None
    if likeness.tenant != tenant:
        raise forbidden("The statement is of another tenant.")
    return likeness


def _agent(request: Request) -> str:
    agent = request.query_params.get("sub", "")
    if not 0 < len(agent) <= 200 or "\x00" in agent:
        raise invalid([Fault("?sub", "1 to 200 characters")])
    return agent


def _path(agent: str) -> str:
    return f"/review/snooping/person?sub={quote(agent, safe='')}"
