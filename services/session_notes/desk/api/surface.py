"""What the routes share: who calls, safe repeats, pages, and how answers are put on the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.desk.application.ports import Desk, Position, place_of
from services.session_notes.settings import Settings
from shared.gate.ask import Opened
from shared.gate.listing import Listed
from shared.gate.posting import Work, posted
from shared.http.call import Call, authenticate, etag
from shared.http.cursor import Cursors, limit_of
from shared.http.idempotency import Idempotency

ERASED: Final = "erased"
ENTERED_IN_ERROR: Final = "entered_in_error"
"""states of any record, in its view"""


@dataclass(frozen=True, slots=True)
class Surface:
    desk: Desk
    settings: Settings
    idempotency: Idempotency
    cursors: Cursors

    def call(self, request: Request) -> Call:
        return authenticate(request, self.desk.parts.tokens)

    async def post(self, call: Call, request: Request, raw: bytes, work: Work) -> Response:
        """The answer of `work`, or of its first run under the same Idempotency-Key (which opens nothing: no entry)."""
        answer, headers, _ = await posted(self.idempotency, call, request, raw, work)
        if "version" in answer.body:
            headers["ETag"] = etag(answer.body["version"])
        return respond(answer.body, status=answer.status, headers=headers)

    def start(self, request: Request, bound_to: str) -> tuple[Position | None, int]:
        """Where the page begins, and how long it may be."""
        limit = limit_of(request)
        raw = self.cursors.decode(request, bound_to=bound_to)
        return (None if raw is None else Position(datetime.fromisoformat(raw[0]), UUID(raw[1]))), limit

    def page(
        self, items: list[dict[str, Any]], page: Listed[Any], bound_to: str, besides: Mapping[str, Any] | None = None
    ) -> Response:
        following = place_of(page.rows[-1]) if page.more else None
        body = {"items": items, "next": self._cursor(following, bound_to), **(besides or {})}
        return respond(body, headers=page.opened.headers)

    def listed(self, items: list[dict[str, Any]], next_: Position | None, bound_to: str, opened: Opened) -> Response:
        return respond({"items": items, "next": self._cursor(next_, bound_to)}, headers=opened.headers)

    def found(
        self, items: list[dict[str, Any]], searched: int, next_: Position | None, bound_to: str, entries: Sequence[int]
    ) -> Response:
        """Of a search: `searched` says how many were opened for it."""
        headers = {"Audit-Entry": ", ".join(map(str, entries))} if entries else {}
        return respond({"items": items, "searched": searched, "next": self._cursor(next_, bound_to)}, headers=headers)

    def _cursor(self, position: Position | None, bound_to: str) -> str | None:
        if position is None:
            return None
        return self.cursors.encode([position.created_at.isoformat(), str(position.id)], bound_to=bound_to)


def respond(body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json", headers=dict(headers or {}))


def bound_to(call: Call, what: str, client_id: UUID | None) -> str:
    return f"{call.tenant}/{call.principal.sub}/{call.principal.role}/{what}/{client_id}"
