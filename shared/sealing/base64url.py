"""base64url without padding (RFC 4648, 5), one spelling only: a text that decodes is what encoding gives back.

The bytes go through msgspec's codec, which is three times as fast as the standard library's; a ciphertext of some kB would
otherwise cost more to spell than to encrypt (benchmarks/sealing.py).
"""

from typing import Final

import msgspec

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# whatever is not of the alphabet, quotes and backslashes of JSON among it, becomes a character that no base64 has
_FROM_URL: Final = bytes(c if c in _ALPHABET else {0x2D: 0x2B, 0x5F: 0x2F}.get(c, 0x21) for c in range(256))
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(bytes)


def encode(raw: bytes) -> str:
    return _ENCODER.encode(raw)[1:-1].translate(_TO_URL).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """ValueError where it is not what `encode` writes: foreign characters, padding, a cut, or spare bits that are not zero."""
    if len(text) % 4 == 1:
        raise ValueError("no base64url has this length")
    try:
        raw = _DECODER.decode(b'"' + text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4) + b'"')
    except msgspec.MsgspecError:
        raise ValueError("not base64url") from None
    tail = len(raw) % 3
    if tail and encode(raw[-tail:]) != text[-(tail + 1) :]:
        raise ValueError("not canonical base64url")
    return raw
