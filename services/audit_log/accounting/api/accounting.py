"""The accounting's own desk: requests with their clock, and disclosures entered by hand (45 CFR 164.528)."""

from datetime import date
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.accounting.application.asking import Asking
from services.audit_log.accounting.application.by_hand import ByHand
from services.audit_log.accounting.domain.asked import Asked
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from shared.contracts.records import RecordType
from shared.entry.text import Line, Lines
from shared.http.body import Body, documented, read_json
from shared.http.call import path_id
from shared.http.idempotency import Idempotency
from shared.values.time import Day


class NewDisclosure(Body):
    on: Day
    """when it was disclosed, by the calendar of the practice"""
    how: Literal["telephone", "letter", "fax", "in_person", "electronic"]
    recipient: Annotated[str, Line(200, shortest=2)]
    """the person or body, as in `County Court of Riverside`"""
    address: Annotated[str, Line(400, shortest=2)] | None = None
    """where it is known (164.528(b)(2)(ii))"""
    what: Annotated[tuple[RecordType, ...], Field(min_length=1, max_length=10, strict=False)]
    """kinds of records; no words about what they say"""
    purpose: Literal["HLEGAL", "THREAT", "PUBHLTH", "HRESCH"]
    """those that are accounted for: not treatment, payment and operations, nor what went to the client"""
    by: Annotated[str, Line(200, shortest=2)] | None = None
    """who disclosed it, where it was somebody else than who enters it"""


class NewRequest(Body):
    asked_on: Day | None = None
    """when the practice received it; today where absent"""


class Extension(Body):
    reason: Annotated[str, Lines(2000, shortest=10)]
    """of the delay, as the client is told it; kept in the ledger's payload alone"""
    until: Day
    """by when the accounting comes: 90 days after it was asked for at most"""


class GivenOut(Body):
    on: Day | None = None
    how: Literal["handed", "letter", "electronic"]


def accounting_router(asking: Asking, desk: Desk, idempotency: Idempotency) -> APIRouter:
    router = APIRouter(prefix="/v1/audit/clients/{id}", tags=["accounting"], route_class=LedgerRoute)

    @router.post("/disclosures", status_code=201, openapi_extra=documented(NewDisclosure))
    async def disclosed(request: Request, id: str) -> Response:
        """Enter a disclosure that was made by telephone, letter, fax or in person: by a compliance officer. It stands in the
        accounting from then on. What was disclosed is told by kind; nothing clinical belongs here."""
        client = str(path_id(id))
        call = await desk.officer(request, "enter-disclosure", client)
        body, raw = await read_json(request, NewDisclosure)
        what = tuple(dict.fromkeys(body.what))
        told = ByHand(client, body.on, body.how, body.recipient, body.address, what, body.purpose, body.by)
        answer, headers = await asking.by_hand(call, told, idempotency, raw)
        return _json(answer, headers, 201)

    @router.post("/accounting-requests", status_code=201, openapi_extra=documented(NewRequest))
    async def ask(request: Request, id: str) -> Response:
        """Somebody asks for an accounting of disclosures: entered by a compliance officer, or by the client in person. The
        practice answers within 60 days."""
        client = str(path_id(id))
        call = await desk.officer_or_client(request, "request-accounting", client)
        body, _ = await read_json(request, NewRequest)
        asked, today, headers = await asking.ask(call, client, body.asked_on)
        return _json(request_shown(asked, today), headers, 201)

    @router.get("/accounting-requests")
    async def requests(request: Request, id: str) -> Response:
        """Newest first: for compliance officers and the client."""
        client = str(path_id(id))
        call = await desk.officer_or_client(request, "view-accounting", client)
        found, today = await asking.of(call.tenant, client)
        headers = await desk.record(call, "view-accounting", {}, len(found), client_id=client)
        return _json({"items": [request_shown(a, today) for a in found], "next": None}, headers)

    @router.post("/accounting-requests/{request_id}/extensions", openapi_extra=documented(Extension))
    async def extend(request: Request, id: str, request_id: str) -> Response:
        """Once, and within the 60 days, up to 30 days more. The client is told in writing why and until when
        (164.528(c)(1)(ii)(A))."""
        client = str(path_id(id))
        call = await desk.officer(request, "extend-accounting", client)
        body, _ = await read_json(request, Extension)
        asked, today, headers = await asking.extend(call, client, path_id(request_id), body.reason, body.until)
        return _json(request_shown(asked, today), headers)

    @router.post("/accounting-requests/{request_id}/answers", openapi_extra=documented(GivenOut))
    async def answer(request: Request, id: str, request_id: str) -> Response:
        """The accounting was given to the client. That closes the request."""
        client = str(path_id(id))
        call = await desk.officer(request, "answer-accounting", client)
        body, _ = await read_json(request, GivenOut)
        asked, today, headers = await asking.answer(call, client, path_id(request_id), body.how, body.on)
        return _json(request_shown(asked, today), headers)

    return router


def request_shown(asked: Asked, today: date) -> dict[str, Any]:
    return {
        "id": asked.id,
        "client_id": asked.client_id,
        "asked_on": asked.asked_on.isoformat(),
        "due_on": asked.due_on.isoformat(),
        "extended": asked.extended_to is not None,
        "answered_on": asked.answered_on.isoformat() if asked.answered_on else None,
        "free_of_charge": asked.free,
        "status": asked.standing(today).value,
    }


def _json(body: dict[str, Any], headers: dict[str, str], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers=headers)
