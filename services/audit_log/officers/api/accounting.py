"""`/review/accounting`: one client's accounting of disclosures: what was asked and until when, what is entered by hand, and the
documents that are handed over."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.accounting.api.accounting import Extension, GivenOut, NewDisclosure, NewRequest
from services.audit_log.accounting.api.handouts import Handouts, NewHandout
from services.audit_log.accounting.application.asking import Asking
from services.audit_log.accounting.application.by_hand import ByHand
from services.audit_log.ledger.domain.words import PURPOSE_NAMES, THINGS, WAYS
from services.audit_log.officers.api.surface import Surface, seen
from services.audit_log.reports.api.exports import ACCOUNTING
from services.audit_log.reports.application.handing_out import TITLES
from shared.contracts.records import RecordType
from shared.http.body import Body, parse
from shared.http.call import Call, path_id
from shared.http.idempotency import Idempotency
from shared.http.page_policy import HEADERS
from shared.http.problems import not_found

ROOT: Final = "/review/accounting"
KINDS: Final = (RecordType.PROGRESS_NOTE, RecordType.SESSION, RecordType.CLIENT, RecordType.ADMINISTRATION, RecordType.OUTCOME)
"""what the form offers; the API takes every kind"""
PURPOSES: Final = ("HLEGAL", "THREAT", "PUBHLTH", "HRESCH")
_NOBODY: Final = "…"
"""in place of the client's name, until their browser's own question brings it"""
M = TypeVar("M", bound=Body)


def accounting_pages(surface: Surface, asking: Asking, handouts: Handouts, idempotency: Idempotency) -> APIRouter:
    router = APIRouter(prefix=ROOT, include_in_schema=False, route_class=surface.route())

    async def form(request: Request, action: str) -> tuple[Call, str, dict[str, str]]:
        """The officer, the client whom the form is about, and the other fields that were filled in."""
        call = await surface.officer(request, action)
        fields = await surface.form(request, call)
        client = str(path_id(fields.pop("client_id", "")))
        return call, client, {k: v for k, v in fields.items() if v.strip()}

    @router.get("")
    async def page(request: Request) -> Response:
        client = str(path_id(request.query_params.get("client_id", "")))
        call = await surface.officer(request, "view-accounting", client)
        found, today = await asking.of(call.tenant, client)
        values = {
            "client_id": client,
            "requests": found,
            "today": today,
            "letterhead": await asking.letterhead(call.tenant),
            "kinds": [(str(k), THINGS[k][1]) for k in KINDS],
            "ways": WAYS,
            "reasons": [(code, PURPOSE_NAMES[code]) for code in PURPOSES],
        }
        action = "view-accounting"
        return await surface.show(call, "accounting.html", values, action=action, query={}, rows=len(found), client_id=client)

    @router.get("/document")
    async def document(request: Request) -> Response:
        """The document as a page; the client's name is brought by the officer's own browser."""
        report = request.query_params.get("report", "")
        if report not in TITLES:
            raise not_found(f"There are these documents: {', '.join(TITLES)}.")
        client = str(path_id(request.query_params.get("client_id", "")))
        action = f"hand-out-{report}"
        call = await surface.officer(request, action, client)
        order = await handouts.order(call, client, report, NewHandout(client_name=_NOBODY))
        handout, told = await handouts.document(order)
        values = {"client_id": client, "handout": handout, "document": told, "report": report}
        rows = len(told.lines)
        return await surface.show(call, "document.html", values, action=action, query={}, rows=rows, client_id=client)

    @router.post("/document")
    async def pdf(request: Request) -> Response:
        call, client, fields = await form(request, f"hand-out-{ACCOUNTING}")
        report = fields.pop("report", "")
        answer = await handouts.pdf(call, client, report, _read(NewHandout, fields))
        answer.headers.update(HEADERS)
        return answer

    @router.post("/requests")
    async def ask(request: Request) -> Response:
        call, client, fields = await form(request, "request-accounting")
        await asking.ask(call, client, _read(NewRequest, fields).asked_on)
        return seen(_of(client))

    @router.post("/extensions")
    async def extend(request: Request) -> Response:
        call, client, fields = await form(request, "extend-accounting")
        asked = path_id(fields.pop("request", ""))
        body = _read(Extension, fields)
        await asking.extend(call, client, asked, body.reason, body.until)
        return seen(_of(client))

    @router.post("/answers")
    async def answer(request: Request) -> Response:
        call, client, fields = await form(request, "answer-accounting")
        asked = path_id(fields.pop("request", ""))
        body = _read(GivenOut, fields)
        await asking.answer(call, client, asked, body.how, body.on)
        return seen(_of(client))

    @router.post("/disclosures")
    async def enter(request: Request) -> Response:
        call, client, fields = await form(request, "enter-disclosure")
        kinds = [str(k) for k in KINDS if fields.pop(f"what_{k}", None)]
        body = _read(NewDisclosure, {**fields, "what": kinds})
        told = ByHand(client, body.on, body.how, body.recipient, body.address, body.what, body.purpose, body.by)
        await asking.by_hand(call, told, idempotency, b"")
        return seen(_of(client))

    return router


def _of(client: str) -> str:
    return f"{ROOT}?{urlencode({'client_id': client})}"


def _read(model: type[M], fields: Mapping[str, Any]) -> M:
    """The fields of a form, as the API takes them. Problem 422."""
    return parse(model, orjson.dumps(fields))
