"""base64url without padding (RFC 4648, 5), one spelling only: a text that decodes is what encoding gives back.

By pybase64, several times as fast as the standard library's: a ciphertext of some kB would otherwise cost more to spell than to
encrypt (benchmarks/sealing.py).
"""

from typing import Final

import pybase64

_OWN: Final = b"-_"


def encode(raw: bytes) -> str:
    return pybase64.b64encode_as_string(raw, _OWN).rstrip("=")


def decode(text: str) -> bytes:
    """ValueError where it is not what `encode` writes: foreign characters, padding, a cut, or spare bits that are not zero."""
    if "+" in text or "/" in text:  # base64 has them, base64url has not; the library takes both
        raise ValueError("not base64url")
    raw = pybase64.b64decode(text + "=" * (-len(text) % 4), _OWN, validate=True)
    tail = len(raw) % 3
    if tail and encode(raw[-tail:]) != text[-(tail + 1) :]:  # padding, or spare bits
        raise ValueError("not canonical base64url")
    return raw
