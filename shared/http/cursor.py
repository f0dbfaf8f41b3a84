"""Pages: `?limit=&cursor=` → `{items, next}`. A cursor is opaque and bound to its caller and query by an HMAC."""

import hmac
from hashlib import sha256
from typing import Any

import orjson
from starlette.requests import Request

from shared import base64url
from shared.entry.numbers import whole_number
from shared.http.problems import Fault, invalid
from shared.http.query import parameter

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


def limit_of(request: Request) -> int:
    return parameter(request, "limit", lambda text: whole_number(text, 1, MAX_LIMIT), DEFAULT_LIMIT)


class Cursors:
    """Makes and reads cursors of one service. `secret` is the service's own."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def encode(self, position: Any, *, bound_to: str) -> str:
        """`position` is any JSON value; `bound_to` names tenant, caller and query."""
        body = orjson.dumps(position)
        return base64url.encode(self._tag(body, bound_to) + body)

    def decode(self, request: Request, *, bound_to: str) -> Any:
        """The position in `?cursor=`, None without one. 422 where it is not one that this query gave."""
        raw = request.query_params.get("cursor")
        if raw is None:
            return None
        try:
            blob = base64url.decode(raw)
        except ValueError:
            blob = b""
        tag, body = blob[:16], blob[16:]
        if not body or not hmac.compare_digest(tag, self._tag(body, bound_to)):
            raise invalid([Fault("?cursor", "take it from the `next` of the page before, with the same query")])
        return orjson.loads(body)

    def _tag(self, body: bytes, bound_to: str) -> bytes:
        return hmac.digest(self._secret, bound_to.encode() + b"\x00" + body, sha256)[:16]
