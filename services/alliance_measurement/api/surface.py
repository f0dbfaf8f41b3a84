"""What the routes share: who calls, safe repeats, and how answers are put on the wire."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.application.ports import Desk
from shared.http.call import Call, authenticate
from shared.http.cursor import Cursors
from shared.http.idempotency import Idempotency
from shared.http.problems import Fault, invalid

_PAGE: Final[list[dict[str, Any]]] = [
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}},
    {"name": "cursor", "in": "query", "schema": {"type": "string"}},
]


@dataclass(frozen=True, slots=True)
class Surface:
    desk: Desk
    idempotency: Idempotency
    cursors: Cursors
    on_assessment_due: Callable[[str], None]
    """called with the tenant once an answer is durable that calls for a prompt"""

    def call(self, request: Request) -> Call:
        return authenticate(request, self.desk.parts.tokens)

    def start(self, request: Request, bound_to: str) -> int | None:
        """Place behind which the page begins."""
        position = self.cursors.decode(request, bound_to=bound_to)
        return None if position is None else int(position)

    def page(self, items: list[dict[str, Any]], next_: int | None, bound_to: str, entries: Sequence[int]) -> Response:
        cursor = None if next_ is None else self.cursors.encode(next_, bound_to=bound_to)
        return respond({"items": items, "next": cursor}, headers=audit(entries))


def respond(body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json", headers=dict(headers or {}))


def audit(entries: Sequence[int]) -> dict[str, str]:
    return {"Audit-Entry": ", ".join(map(str, entries))}


def client_of(request: Request) -> UUID:
    """`?client_id=`. 422 without a UUID there."""
    try:
        return UUID(request.query_params.get("client_id", ""))
    except ValueError:
        raise invalid([Fault("?client_id", "the client's id, a UUID")]) from None


def bound_to(call: Call, *query: str) -> str:
    return "/".join((call.tenant, call.principal.sub, str(call.principal.role), *query))


def query_parameters(*names: str, required: str | None = None, paged: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its query itself."""
    named = [{"name": n, "in": "query", "required": n == required, "schema": {"type": "string"}} for n in names]
    return {"parameters": [*named, *(_PAGE if paged else [])]}
