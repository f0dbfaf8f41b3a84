"""Pages: `?limit=&cursor=` → `{items, next}`. A cursor is sealed (AES-SIV, RFC 5297) and bound to its caller and query.

Positions are indexes, times and ids, some of records that the caller may not know of: neither they nor their length show.
The same position of the same query has the same cursor.
"""

from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.requests import Request

from shared import base64url
from shared.entry.numbers import whole_number
from shared.http.problems import Fault, invalid
from shared.http.query import parameter

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_BLOCK = 64
"""bytes to whose multiple a position is padded"""


def limit_of(request: Request) -> int:
    return parameter(request, "limit", lambda text: whole_number(text, 1, MAX_LIMIT), DEFAULT_LIMIT)


class Cursors:
    """Makes and reads cursors of one service. `secret` is the service's own."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(HKDF(SHA256(), 32, salt=None, info=b"alliance-record/cursor/v1").derive(secret))

    def encode(self, position: Any, *, bound_to: str) -> str:
        """`position` is any JSON value; `bound_to` names tenant, caller and query."""
        body = orjson.dumps(position)
        padded = body.ljust(-(-len(body) // _BLOCK) * _BLOCK)
        return base64url.encode(self._cipher.encrypt(padded, [bound_to.encode()]))

    def decode(self, request: Request, *, bound_to: str) -> Any:
        """The position in `?cursor=`, None without one. 422 where it is not one that this query gave."""
        raw = request.query_params.get("cursor")
        if raw is None:
            return None
        try:
            body = self._cipher.decrypt(base64url.decode(raw), [bound_to.encode()])
        except (ValueError, InvalidTag):
            raise invalid([Fault("?cursor", "take it from the `next` of the page before, with the same query")]) from None
        return orjson.loads(body)
