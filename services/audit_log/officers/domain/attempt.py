"""An attempt to sign in by the identity provider: what binds the provider's answer to the browser that began it.

State (RFC 6749, 10.12), nonce (OpenID Connect Core 1.0, 3.1.2.1) and PKCE's verifier (RFC 7636, S256) are HMACs over a random
handle, each under a label of its own. The browser keeps the handle, signed; so no server keeps anything, every replica can
take the answer, and the verifier lies nowhere.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from shared import base64url

LASTS: Final = timedelta(minutes=10)
HANDLE_BYTES: Final = 24
_DIGEST: Final = 32
_SECONDS: Final = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    handle: bytes
    """random"""
    began: int
    """seconds since the epoch"""
    leads_to: str
    """page of ours that was asked for"""

    def over(self, now: float) -> bool:
        return not 0 <= now - self.began < LASTS.total_seconds()


@dataclass(frozen=True, slots=True)
class Proofs:
    """What the provider is told, and what it is shown afterwards."""

    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """RFC 7636, 4.2: S256."""
        return base64url.encode(sha256(self.verifier.encode()).digest())


def proofs(secret: bytes, attempt: Attempt) -> Proofs:
    """`repr` is not to be logged: it names the verifier."""
    return Proofs(*(base64url.encode(_under(secret, label, attempt.handle)) for label in ("state", "nonce", "verifier")))


def sealed(secret: bytes, attempt: Attempt) -> str:
    """For a cookie: signed, and of no use to anybody without the secret."""
    body = attempt.handle + attempt.began.to_bytes(_SECONDS, "big") + attempt.leads_to.encode()
    return base64url.encode(_under(secret, "cookie", body) + body)


def opened(secret: bytes, text: str) -> Attempt | None:
    """None where it is not one that was sealed here."""
    try:
        blob = base64url.decode(text)
    except ValueError:
        return None
    tag, body = blob[:_DIGEST], blob[_DIGEST:]
    if len(body) < HANDLE_BYTES + _SECONDS or not hmac.compare_digest(tag, _under(secret, "cookie", body)):
        return None
    began = int.from_bytes(body[HANDLE_BYTES : HANDLE_BYTES + _SECONDS], "big")
    return Attempt(body[:HANDLE_BYTES], began, body[HANDLE_BYTES + _SECONDS :].decode())


def _under(secret: bytes, label: str, over: bytes) -> bytes:
    return hmac.digest(secret, b"review-attempt\x00" + label.encode() + b"\x00" + over, sha256)
