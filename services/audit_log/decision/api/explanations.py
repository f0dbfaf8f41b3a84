"""Why a decision was made, what would be decided, and what the tenant chose: for officers. Every look leaves an entry."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.decision.api.settings_bodies import NewSettings
from services.audit_log.decision.application.explanations import Explanations, Registry, Supposed, shown
from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.decision.application.tenant_settings import TenantSettings
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.decision.domain.rules.packs import PACKS
from services.audit_log.decision.domain.rules.rule import RULES
from services.audit_log.decision.domain.tenant_rules import TenantRules, Wish
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.application.ledger_view import LedgerView, NoSuchEntry
from services.audit_log.ledger.domain.agent_kind import AgentKind
from services.audit_log.ledger.domain.payload import instant
from shared.contracts.codes import LABELS, one_of
from shared.contracts.consent_policy import ConsentSet, Provision
from shared.contracts.disclosure import Action
from shared.contracts.records import RECORD_TYPES, RecordType
from shared.entry.json_text import LARGEST_INTEGER
from shared.entry.numbers import whole_number
from shared.entry.text import Exact
from shared.http.body import Body, documented, read_json
from shared.http.call import Call, authenticate
from shared.http.problems import Fault, invalid, not_found
from shared.identity.roles import CLAIMABLE, Role, default_purpose
from shared.identity.tokens import TokenVerifier
from shared.values.time import Instant

MAX_SHOWN: Final = 500
"""consents of one list; `more` says that it was cut"""


class SupposedAgent(Body):
    sub: Annotated[str, Exact(200)]
    role: Role
    client_id: UUID | None = None
    """of a client or representative: whose"""


class SupposedRecord(Body):
    client_id: UUID
    record_type: RecordType
    author: Annotated[str, Exact(200)] | None = None
    labels: Annotated[tuple[Annotated[str, *one_of(LABELS)], ...], Field(max_length=32)] = ()


class WhatIf(Body):
    """Of a bound record (`record_id`), or of one that is only supposed (`record`): exactly one of the two."""

    agent: SupposedAgent
    action: Action
    purpose: Annotated[str, *one_of(CLAIMABLE)] | None = None
    record_id: UUID | None = None
    record: SupposedRecord | None = None
    at: Instant | None = None
    policy_sequence: Annotated[int, Field(ge=0)] | None = None
    """decide by what was known at that sequence; absent: by what is known now"""


def explanations_router(
    explanations: Explanations,
    settings: TenantSettings,
    ledger: LedgerView,
    registry: Registry,
    projection: PolicyProjection,
    tokens: TokenVerifier,
    now: Callable[[], datetime],
) -> APIRouter:
    router = APIRouter(prefix="/v1/audit", tags=["explanations"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    @router.get("/entries/{index}/explanation", summary="Why it was decided so, by what was known then")
    async def explanation(request: Request, index: str) -> Response:
        """The decision made again from what was known when its entry was written: rules, rows of law, consents and provisions,
        what each said and which decided. `agrees` says whether it comes out as recorded; `with_hindsight` what it would be with
        all policy known now, a relationship that was dated back included."""
        call = await desk.officer(request, "explain-entry")
        try:
            stored = await ledger.entry(call.tenant, _index(index))
        except NoSuchEntry:
            headers = await desk.record(call, "explain-entry", {"index": index[:20]}, 0)
            problem = not_found("The log has no entry at this index.")
            problem.headers.update(headers)
            raise problem from None
        body = await explanations.of(call.tenant, stored)
        return _json(body, await desk.record(call, "explain-entry", {"index": stored.index}, 1, client_id=stored.entry.client_id))

    @router.post("/what-if", summary="What would be decided; nothing is disclosed", openapi_extra=documented(WhatIf))
    async def what_if(request: Request) -> Response:
        """No key is released and no disclosure is recorded; that somebody asked stands in the ledger as a query."""
        call = await desk.officer(request, "what-if")
        body, _ = await read_json(request, WhatIf)
        if (body.record_id is None) is (body.record is None):
            raise invalid([Fault("/record_id", "either record_id or record, not both")])
        at = body.at or now()
        if body.record_id is not None:
            known = await registry.known(call.tenant, [str(body.record_id)])
            record = known.get(str(body.record_id))
            if record is None:
                raise invalid([Fault("/record_id", "the gate's registry has no such record")])
        else:
            assert body.record is not None
            record = _supposed(body.record, at)
        who = body.agent
        agent = Agent(AgentKind.PERSON, who.sub, who.role, "", str(who.client_id) if who.client_id else None)
        policy = await projection.policy(call.tenant)
        if body.policy_sequence is not None and body.policy_sequence > policy.watermark:
            raise invalid([Fault("/policy_sequence", "not known yet")])
        supposed = Supposed(agent, body.action, body.purpose or default_purpose(who.role), record, at, body.policy_sequence)
        answer = await explanations.suppose(call.tenant, supposed)
        query = {"agent": who.sub, "action": str(body.action), "purpose": supposed.purpose, "decision": answer["decision"]}
        return _json(answer, await desk.record(call, "what-if", query, 1, client_id=record.client_id))

    async def _chooser(request: Request, action: str) -> Call:
        """A compliance officer; or the practitioner of a solo practice, whose second person has to want the same."""
        call = authenticate(request, tokens)
        return call if await settings.may_begin(call) else await desk.officer(request, action)

    @router.get("/settings", summary="The pack of law and what the organisation adds")
    async def read_settings(request: Request) -> Response:
        call = await _chooser(request, "view-settings")
        rules, wish = await settings.in_force(call.tenant), await settings.awaiting(call.tenant)
        return _json(_settings(rules, wish), await desk.record(call, "view-settings", {}, 1))

    @router.put(
        "/settings",
        summary="Choose the pack and what the organisation adds",
        openapi_extra=documented(NewSettings),
        responses={202: {"description": "wished for by one officer: in force once another sends the same"}},
    )
    async def choose(request: Request) -> Response:
        """Takes two officers: 202 to the first, and in force when the second, who sends the same within seven days, is answered
        with 200. Every version is kept: decisions are explained by the one they were made under."""
        call = await _chooser(request, "choose-settings")
        body, _ = await read_json(request, NewSettings)
        if faults := body.faults():
            raise invalid(faults)
        rules, wish, index = await settings.choose(call, body.law, body.machine())
        return _json(_settings(rules, wish), {"Audit-Entry": str(index)}, status=202 if wish else 200)

    @router.get("/law", summary="The packs, row by row, with citation, date read and reviewer")
    async def law(request: Request) -> Response:
        call = await desk.officer(request, "view-law")
        body = {"packs": [_pack(p) for p in PACKS], "rules": [shown(r) for r in RULES.values()]}
        return _json(body, await desk.record(call, "view-law", {}, len(RULES)))

    @router.get("/strict-readings", summary="Consents of which something counts more strictly than it is written")
    async def strict_readings(request: Request) -> Response:
        """Of the consents that hold now, the newest first: which part, and why. Who sent the form was told the same."""
        call = await desk.officer(request, "view-strict-readings")
        found = (await projection.policy(call.tenant)).read_strictly(now())
        items = [_read_strictly(c) for c in found[:MAX_SHOWN]]
        headers = await desk.record(call, "view-strict-readings", {}, len(items))
        return _json({"items": items, "more": len(found) > MAX_SHOWN}, headers)

    return router


def _read_strictly(consent: ConsentSet) -> dict[str, Any]:
    return {
        "consent_id": str(consent.consent_id),
        "client_id": str(consent.client_id),
        "kind": str(consent.kind),
        "at": instant(consent.at),
        "because": [r.model_dump(mode="json") for r in consent.read_strictly],
    }


def _supposed(record: SupposedRecord, at: datetime) -> BoundRecord:
    return BoundRecord(
        record_id="00000000-0000-0000-0000-000000000000",
        client_id=str(record.client_id),
        record_type=record.record_type,
        author=record.author,
        labels=frozenset(record.labels),
        service=RECORD_TYPES[record.record_type].owner,
        kid="",
        created_at=at,
    )


def _index(text: str) -> int:
    try:
        return whole_number(text, 0, LARGEST_INTEGER)
    except ValueError as error:
        raise invalid([Fault("path:index", str(error))]) from None


def _settings(rules: TenantRules, wish: Wish | None) -> dict[str, Any]:
    shown = {"version": rules.version, "law": rules.law.id, "provisions": _provisions(rules.organisation.provisions)}
    if wish is None:
        return shown | {"awaiting": None}
    return shown | {
        "awaiting": {"law": wish.law, "provisions": _provisions(wish.provisions), "by": wish.by, "at": instant(wish.at)}
    }


def _provisions(provisions: Iterable[Provision]) -> list[dict[str, Any]]:
    return [p.model_dump(mode="json") for p in provisions]


def _pack(name: str) -> dict[str, Any]:
    pack = PACKS[name]
    return {"id": pack.id, "title": pack.title, "rules": list(pack.rules)}


def _json(body: dict[str, Any], headers: dict[str, str], *, status: int = 200) -> Response:
    return Response(orjson.dumps(body, default=str), status, media_type="application/json", headers=headers)
