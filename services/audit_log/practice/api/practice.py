"""`/v1/ehr-systems`: the record systems that a tenant trusts. `/v1/practice`: whether it is a practice of one person."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.api.access import LedgerRoute
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.practice.application.practice import Practice
from services.audit_log.practice.domain.practice import Letterhead, SoloPractice, TrustedSystem
from shared.entry.text import Exact, Line
from shared.http.body import Body, documented, read_json
from shared.http.call import authenticate, path_id
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.http.problems import Fault, invalid
from shared.identity.tokens import TokenVerifier
from shared.values.time import place_of

Sub = Annotated[str, Exact(200), Field(pattern=r"^[\x21-\x7e]+$")]
"""`sub` of a token: printable ASCII without blanks, compared as it is"""
Name = Annotated[str, Line(200)]


class NewSystem(Body):
    system: Sub
    """`sub` of its token, whose role is ehr_system"""
    name: Name


class SecondPersonBody(Body):
    sub: Sub
    name: Name


class NewPractice(Body):
    kind: Literal["solo"]
    practitioner: Sub
    second_person: SecondPersonBody


class NewLetterhead(Body):
    name: Name
    address: Annotated[str, Line(400, shortest=5)]
    """on one line, as it stands on a letter"""
    zone: Annotated[str, Exact(64)]
    """IANA name, as in America/Los_Angeles: documents tell days there"""


def practice_router(practice: Practice, tokens: TokenVerifier, idempotency: Idempotency) -> APIRouter:
    routes = APIRouter(tags=["practice"], route_class=LedgerRoute)

    @routes.post("/v1/ehr-systems", status_code=201, openapi_extra=documented(NewSystem))
    async def register(request: Request) -> Response:
        """Trust a record system: by an administrator. It may write down consents from then on, and read those that it wrote. A
        system that is trusted already is answered with 200 and its registration."""
        call = authenticate(request, tokens)
        body, raw = await read_json(request, NewSystem)
        index: int | None = None

        async def work(repeat: Repeat) -> Answer:
            nonlocal index
            answer, index = await practice.register(call, body.system, body.name, repeat, _system)
            return answer

        answer, _ = await idempotency.run(call, "POST /v1/ehr-systems", raw, work)
        return _json(answer.body, answer.status, index)

    @routes.get("/v1/ehr-systems")
    async def systems(request: Request) -> Response:
        """Newest first, those that are not trusted any more too: for administrators and compliance officers."""
        found = await practice.systems(authenticate(request, tokens))
        return _json({"items": [_system(s) for s in found], "next": None})

    @routes.post("/v1/ehr-systems/{system_id}/end", status_code=200)
    async def end(request: Request, system_id: str) -> Response:
        """End the trust, at once. What the system wrote stays."""
        call = authenticate(request, tokens)
        ended, index = await practice.end(call, path_id(system_id))
        return _json(_system(ended), 200, index)

    @routes.post("/v1/practice", status_code=201, openapi_extra=documented(NewPractice))
    async def make_solo(request: Request) -> Response:
        """Say that this tenant is a solo practice: by an administrator, once, before its first record. One token of the
        practitioner may then hold the roles therapist and intake; what needs two people needs the second person named here."""
        call = authenticate(request, tokens)
        body, _ = await read_json(request, NewPractice)
        second = body.second_person
        solo, index = await practice.make_solo(call, body.practitioner, second.sub, second.name)
        return _json(practice_shown(solo), 201, index)

    @routes.get("/v1/practice")
    async def shown(request: Request) -> Response:
        """How the tenant works, and its letterhead where one is set: for administrators and compliance officers."""
        call = authenticate(request, tokens)
        head = await practice.letterhead(call)
        return _json(practice_shown(await practice.solo(call)) | ({"letterhead": letterhead_shown(head)} if head else {}))

    @routes.put("/v1/practice/letterhead", openapi_extra=documented(NewLetterhead))
    async def letter(request: Request) -> Response:
        """The practice's name, address and time zone, as documents for clients carry them: by an administrator."""
        call = authenticate(request, tokens)
        body, _ = await read_json(request, NewLetterhead)
        try:
            place_of(body.zone)
        except ValueError as error:
            raise invalid([Fault("/zone", str(error))]) from None
        head, index = await practice.letter(call, body.name, body.address, body.zone)
        return _json(letterhead_shown(head), 200, index)

    return routes


def letterhead_shown(head: Letterhead) -> dict[str, Any]:
    return {
        "name": head.name,
        "address": head.address,
        "zone": head.zone,
        "set_by": head.set_by,
        "set_at": instant(head.set_at),
    }


def practice_shown(solo: SoloPractice | None) -> dict[str, Any]:
    if solo is None:
        return {"kind": "group"}
    return {
        "kind": "solo",
        "practitioner": solo.practitioner,
        "second_person": {"sub": solo.second, "name": solo.second_name},
        "made_by": solo.made_by,
        "made_at": instant(solo.made_at),
    }


def _system(system: TrustedSystem) -> dict[str, Any]:
    return {
        "id": system.id,
        "system": system.system,
        "name": system.name,
        "status": "trusted" if system.trusted else "ended",
        "registered_by": system.registered_by,
        "registered_at": instant(system.registered_at),
        "ended_by": system.ended_by,
        "ended_at": instant(system.ended_at) if system.ended_at else None,
    }


def _json(body: dict[str, Any], status: int = 200, index: int | None = None) -> Response:
    headers = {"Audit-Entry": str(index)} if index is not None else {}
    return Response(orjson.dumps(body), status, media_type="application/json", headers=headers)
