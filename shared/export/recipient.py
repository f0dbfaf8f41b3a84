"""Whom an export is sealed for: a public key (JWK, RFC 7517), and the JWE (RFC 7516) that only its private half opens.

Two kinds of keys are taken, each with one algorithm: elliptic curves (P-256, P-384, P-521, X25519) with `ECDH-ES`, and RSA of
2048 to 4096 bits with `RSA-OAEP-256`. The content is always `A256GCM`. Nothing else is ever made or opened here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from shared import base64url

CONTENT: Final = "A256GCM"
CURVES: Final = ("P-256", "P-384", "P-521")
RSA_BITS: Final = range(2048, 4097)
RSA_EXPONENT: Final = b"\x01\x00\x01"
"""65537"""
MOST_SEALED: Final = 32 * 1_048_576
"""bytes of one JWE's content in base64url"""
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""members of a JWK that no public key has (RFC 7518, 6.2.2, 6.3.2, 6.4.1)"""
PUBLIC_MEMBERS: Final = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("n", "e")}

Key = ECKey | OKPKey | RSAKey


class UnfitKey(Exception):
    """Not a public key that an export is sealed for; the message says why and quotes nothing of it."""


class Jwes(jwe.JWERegistry):
    """Algorithms of an export, and content as long as a page may be."""

    max_ciphertext_length = MOST_SEALED
    max_encrypted_key_length = 2_048

    def __init__(self, *algorithms: str) -> None:
        super().__init__(algorithms=[*algorithms, CONTENT])


@dataclass(frozen=True, slots=True)
class Recipient:
    key: Key
    algorithm: str
    thumbprint: str
    """of the public key (RFC 7638, SHA-256): 43 characters of base64url, as the ledger names it"""

    def seal(self, plain: bytes, content_type: str) -> bytes:
        """A compact JWE. Each has a key of its own; its protected header says how it was made and the content's type, no more."""
        header = {"alg": self.algorithm, "enc": CONTENT, "cty": content_type}
        sealed = jwe.encrypt_compact(header, plain, self.key, registry=Jwes(self.algorithm))
        return sealed.encode()


def recipient_of(jwk: Mapping[str, Any]) -> Recipient:
    """UnfitKey where it is private, of another kind, weak, or no point of its curve."""
    if PRIVATE_MEMBERS & set(jwk):
        raise UnfitKey("this holds a private key: keep it, and send the public part alone")
    kind = jwk.get("kty")
    members = PUBLIC_MEMBERS.get(kind) if isinstance(kind, str) else None
    if members is None or not all(isinstance(jwk.get(m), str) for m in members):
        raise UnfitKey("a public JWK: kty EC with crv, x, y; OKP with crv, x; or RSA with n, e")
    curve = jwk.get("crv")
    if (kind == "EC" and curve not in CURVES) or (kind == "OKP" and curve != "X25519"):
        raise UnfitKey(f"a curve among {', '.join((*CURVES, 'X25519'))}")
    public: dict[str, Any] = {"kty": kind, **{m: jwk[m] for m in members}}
    key = _imported(public)
    recipient = Recipient(key, "RSA-OAEP-256" if kind == "RSA" else "ECDH-ES", key.thumbprint())
    try:
        recipient.seal(b"", "text/plain")  # a point of small order is found out by the exchange alone
    except (JoseError, ValueError):
        raise UnfitKey("no usable key: nothing can be sealed for it") from None
    return recipient


def _imported(public: dict[str, Any]) -> Key:
    try:
        if public["kty"] == "EC":
            return ECKey.import_key(public)
        if public["kty"] == "OKP":
            return OKPKey.import_key(public)
        number = int.from_bytes(base64url.decode(public["n"]))
        if number.bit_length() not in RSA_BITS or base64url.decode(public["e"]) != RSA_EXPONENT:
            raise UnfitKey(f"an RSA key of {RSA_BITS[0]} to {RSA_BITS[-1]} bits with exponent 65537")
        return RSAKey.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        raise UnfitKey("no usable key: its members do not belong together") from None
