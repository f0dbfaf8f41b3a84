"""How answers, lists and refusals of the domain look over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.consent.application.ports import Place
from services.consent.application.reading import ShownPage
from services.consent.domain.errors import InvalidForm, NotAllowed, NotNow
from shared.http.call import Call
from shared.http.cursor import Cursors
from shared.http.fhir import answer_to
from shared.http.problems import Fault, Problem, conflict, forbidden, invalid


def json_response(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json", headers=dict(headers or {}))


class Pages:
    """Lists by cursor: bound to tenant, caller, list and client."""

    def __init__(self, cursors: Cursors, name: str) -> None:
        self._cursors, self._name = cursors, name

    def before(self, request: Request, call: Call, client_id: UUID) -> Place | None:
        at = self._cursors.decode(request, bound_to=self._bound(call, client_id))
        return None if at is None else Place(UUID(at[1]), datetime.fromisoformat(at[0]))

    def response(self, page: ShownPage, call: Call, client_id: UUID) -> Response:
        cursor = None
        if page.last is not None:
            at = [page.last.created_at.isoformat(), str(page.last.record_id)]
            cursor = self._cursors.encode(at, bound_to=self._bound(call, client_id))
        return json_response({"items": page.items, "next": cursor}, headers=page.headers)

    def _bound(self, call: Call, client_id: UUID) -> str:
        return f"{call.tenant}/{call.principal.sub}/{self._name}/{client_id}"


def problem_of(error: Exception) -> Problem:
    match error:
        case InvalidForm():
            return invalid([Fault(f.pointer, f.detail) for f in error.faults])
        case NotAllowed():
            return forbidden(str(error))
        case _:
            return conflict(str(error))


def handle_domain_errors(app: FastAPI) -> None:
    async def handle(request: Request, error: Exception) -> Response:
        return answer_to(request, problem_of(error))

    for kind in (InvalidForm, NotAllowed, NotNow):
        app.add_exception_handler(kind, handle)
