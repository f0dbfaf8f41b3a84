"""base64url without padding (RFC 4648, 5), one spelling only: a text that decodes is what encoding gives back.

The bytes go through msgspec's codec, which is three times as fast as the standard library's; a ciphertext of some kB would
otherwise cost more to spell than to encrypt (benchmarks/sealing.py).
"""

from typing import Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(bytes)


def encode(raw: bytes) -> str:
    return _ENCODER.encode(raw)[1:-1].rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_").decode()


def decode(text: str) -> bytes:
    """ValueError where it is not what `encode` writes: foreign characters, padding, a cut, or spare bits that are not zero."""
    if len(text) % 4 == 1:
        raise ValueError("no base64url has this length")
    spelled = text.encode("ascii")
    # what base64 or JSON would take, and base64url has not; msgspec refuses the rest
    if b"+" in spelled or b"/" in spelled or b"=" in spelled or b"\\" in spelled or b'"' in spelled:
        raise ValueError("not base64url")
    try:
        raw = _DECODER.decode(b'"' + spelled.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4) + b'"')
    except msgspec.MsgspecError:
        raise ValueError("not base64url") from None
    tail = len(raw) % 3
    if tail and encode(raw[-tail:]) != text[-(tail + 1) :]:
        raise ValueError("not canonical base64url")
    return raw
