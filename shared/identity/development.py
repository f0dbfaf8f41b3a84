"""The built-in issuer, for development only: gives a token to whoever asks. It refuses to exist anywhere else."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OKPKey

from shared import base64url

ISSUER: Final = "urn:alliance-record:development"
AUDIENCE: Final = "alliance-record"
LIFETIME_SECONDS: Final = 12 * 3600


class NotDevelopment(Exception):
    """ENVIRONMENT is not `development`, or the address is not loopback: unset means production."""


def require_development(environment: str | None, host: str) -> None:
    """Raises NotDevelopment."""
    if environment != "development":
        raise NotDevelopment("this needs ENVIRONMENT=development: unset means production")
    if host not in ("127.0.0.1", "::1", "localhost"):
        raise NotDevelopment("this serves a loopback address only")


class DevelopmentIssuer:
    """Signs tokens by an Ed25519 key (32-byte seed). `clock()` gives seconds since the epoch."""

    def __init__(self, seed: bytes, *, clock: Callable[[], float], new_id: Callable[[], UUID]) -> None:
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        self._key = OKPKey.import_key(
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "d": base64url.encode(seed),
                "x": base64url.encode(public),
                "kid": "dev",
                "alg": "Ed25519",
            }
        )
        self._clock, self._new_id = clock, new_id

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def token(self, claims: dict[str, Any], *, lifetime: int = LIFETIME_SECONDS, typ: str = "at+jwt") -> str:
        now = int(self._clock())
        standard = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + lifetime, "jti": str(self._new_id())}
        return jwt.encode({"alg": "Ed25519", "kid": "dev", "typ": typ}, {**standard, **claims}, self._key, ["Ed25519"])
