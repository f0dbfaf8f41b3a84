"""What the routes share: who calls, safe repeats, and how answers are put on the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.gate.posting import Work, posted
from shared.http.call import Call, authenticate
from shared.http.cursor import Cursors
from shared.http.idempotency import Idempotency
from shared.http.query import PAGING
from shared.identity.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class Surface:
    tokens: TokenVerifier
    idempotency: Idempotency
    cursors: Cursors

    def call(self, request: Request) -> Call:
        return authenticate(request, self.tokens)

    async def post(self, call: Call, request: Request, raw: bytes, work: Work) -> Response:
        """The answer of `work`, or of its first run under the same Idempotency-Key (which opens nothing: no entry)."""
        answer, headers, _ = await posted(self.idempotency, call, request, raw, work)
        return respond(answer.body, status=answer.status, headers=headers)

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


def bound_to(call: Call, *query: str) -> str:
    return "/".join((call.tenant, call.principal.sub, str(call.principal.role), *query))


def query_parameters(*names: str, paged: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its query itself."""
    named = [{"name": n, "in": "query", "schema": {"type": "string"}} for n in names]
    return {"parameters": [*named, *(PAGING if paged else [])]}
