"""What a leaf says: a salted commitment to an entry, and nothing else. No client, actor or time stands in a leaf.

`leaf = JCS({"alg":"hmac-sha256","commitment":<base64>,"v":1})`, `commitment = HMAC-SHA256(salt, JCS(payload))`, salt of 32
random bytes. Deleting payload and salt leaves a number that says nothing, while index, tree and old proofs stay valid.
"""

import hmac
from base64 import b64encode
from hashlib import sha256
from typing import Any, Final

import orjson
import rfc8785

SALT_SIZE: Final = 32
MAX_SAFE: Final = 2**53 - 1
"""largest integer that JCS (RFC 8785, by RFC 7493) takes"""


class NotCanonical(Exception):
    """The value has no canonical form: a number beyond 2^53, a lone surrogate, or a type that JSON has not."""


def canonical(value: Any, *unknown: Any) -> bytes:
    """RFC 8785 form. `orjson` where it is equal to it (ASCII keys, whole numbers), ten times as fast. With `unknown`, the parts
    of `value` that may be otherwise, only these are looked at."""
    try:
        if all(map(_plain, unknown)) if unknown else _plain(value):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return bytes(rfc8785.dumps(value))
    except (rfc8785.CanonicalizationError, TypeError, ValueError) as error:
        raise NotCanonical(type(error).__name__) from None


def _plain(value: Any) -> bool:
    # by exact type first: every disclosure passes here
    kind = type(value)
    if kind is dict:
        for key, inner in value.items():
            if type(key) is not str or not key.isascii() or not (type(inner) is str or _plain(inner)):
                return False
        return True
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -MAX_SAFE <= value <= MAX_SAFE
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return False


def commit(salt: bytes, payload: bytes) -> bytes:
    """The leaf that stands for a payload in canonical form."""
    commitment = b64encode(hmac.digest(salt, payload, sha256))
    return b'{"alg":"hmac-sha256","commitment":"' + commitment + b'","v":1}'
