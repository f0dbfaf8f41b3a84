"""Bearer tokens (RFC 7519, RFC 9068): verified against the issuer's keys, and cached until they end or are revoked.

Accepted claims: `sub`, `name`, `tenant`, `role`, `client_id` (the client that the person is), `scope` (SMART v2). OAuth
servers put their own client into `azp`, so `client_id` counts for the roles client and representative only.
"""

import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.entry.text import broken_line, inexact, one_line
from shared.identity.principal import Principal
from shared.identity.roles import Role

ALGORITHMS: Final = ["EdDSA", "Ed25519", "ES256", "RS256", "PS256"]
LEEWAY_SECONDS: Final = 5
MAX_TOKEN_BYTES: Final = 8_192
RESERVED_SUBS: Final = ("job:", "link:", "service:")
"""how the ledger names what is no person: nobody's `sub` begins like this"""
_TENANT: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


class InvalidToken(Exception):
    """The token does not hold; the message says why and never quotes it."""


class KeysUnknown(InvalidToken):
    """The issuer's keys are not known yet, so no token can be told from another."""


class KeySource(Protocol):
    """Where an issuer's public keys come from."""

    def keys(self) -> KeySet: ...


class StaticKeys:
    """Public keys as a JWKS (RFC 7517) known beforehand: a file, or the development issuer of this process."""

    def __init__(self, jwks: dict[str, Any]) -> None:
        self._keys = KeySet.import_key_set(jwks)  # type: ignore[arg-type]

    def keys(self) -> KeySet:
        return self._keys


class TokenVerifier:
    """Verifies tokens of one issuer. `clock()` gives seconds since the epoch."""

    def __init__(
        self, keys: KeySource, *, issuer: str, audience: str, clock: Callable[[], float], cache_size: int = 10_000
    ) -> None:
        self._keys, self._issuer, self._audience, self._clock = keys, issuer, audience, clock
        self._cache: OrderedDict[str, Principal] = OrderedDict()
        self._cache_size = cache_size

    def verify(self, token: str) -> Principal:
        """The caller of a valid token. Raises InvalidToken."""
        cached = self._cache.get(token)
        now = self._clock()
        if cached is not None:
            if now < cached.expires_at:
                return cached
            del self._cache[token]
            raise InvalidToken("the token has expired: get a new one")
        principal = self._verify(token, now)
        self._cache[token] = principal
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return principal

    def verify_at(self, token: str, at: float) -> Principal:
        """The caller of a token that held at that time (seconds since the epoch), whenever it ends. Raises InvalidToken.

        For what was written while nobody could ask; a token that was issued later than `at` proves nothing of then.
        """
        principal = self._verify(token, at)
        if at + LEEWAY_SECONDS < principal.issued_at:
            raise InvalidToken("the token was issued later")
        return principal

    def identity(self, id_token: str, *, client_id: str, nonce: str) -> str:
        """`sub` of an ID token that was issued to this client and answers this nonce (OpenID Connect Core 1.0, 3.1.3.7).
        Raises InvalidToken."""
        claims = self._claims(id_token, self._clock(), client_id)
        party, several = claims.get("azp"), isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
        if party != client_id and (party is not None or several):
            raise InvalidToken("the ID token was issued to somebody else")
        answered, sub = claims.get("nonce"), claims.get("sub")
        if not isinstance(answered, str) or not hmac.compare_digest(answered.encode(), nonce.encode()):
            raise InvalidToken("the ID token answers another sign-in")
        if not isinstance(sub, str):
            raise InvalidToken("the ID token has no sub")
        return sub

    def forget(self, *, sub: str | None = None, client_id: str | None = None) -> None:
        """Drop cached tokens of one person or client, so that they are verified again."""
        for token, p in list(self._cache.items()):
            if (sub is not None and p.sub == sub) or (client_id is not None and p.client_id == client_id):
                del self._cache[token]

    def _verify(self, token: str, now: float) -> Principal:
        return principal_of(self._claims(token, now, self._audience))

    def _claims(self, token: str, now: float, audience: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_BYTES:
            raise InvalidToken("the token is too long")
        try:
            claims = jwt.decode(token, self._keys.keys(), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError, TypeError, KeyError):
            raise InvalidToken("the token is not signed by the trusted issuer") from None
        stated = claims.get("aud")
        if claims.get("iss") != self._issuer or audience not in (stated if isinstance(stated, list) else [stated]):
            raise InvalidToken("the token was issued by or for somebody else")
        expires, not_before = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(expires, int | float) or not isinstance(not_before, int | float):
            raise InvalidToken("the token has no expiry")
        if now >= expires:
            raise InvalidToken("the token has expired: get a new one")
        if now + LEEWAY_SECONDS < not_before:
            raise InvalidToken("the token does not hold yet")
        return claims


def principal_of(claims: dict[str, Any]) -> Principal:
    """The caller that verified claims describe. Raises InvalidToken where one that counts is missing."""
    sub, tenant = claims.get("sub"), claims.get("tenant")
    if not isinstance(sub, str) or not 0 < len(sub) <= 200:
        raise InvalidToken("the token has no usable sub")
    if sub.casefold().startswith(RESERVED_SUBS):
        raise InvalidToken(f"the token's sub begins as no person's may ({', '.join(RESERVED_SUBS)})")
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise InvalidToken("the token has no usable tenant (a-z, 0-9, '.', '_', '-', at most 63)")
    try:
        role = Role(claims.get("role", ""))
    except ValueError:
        raise InvalidToken("the token has no known role") from None
    client_id = claims.get("client_id") if role in (Role.CLIENT, Role.REPRESENTATIVE) else None
    if role is Role.CLIENT and not isinstance(client_id, str):
        raise InvalidToken("a client's token needs client_id")
    name, scope, jti = (str(claims.get(claim, "")) for claim in ("name", "scope", "jti"))
    for claim, text in (("sub", sub), ("client_id", client_id)):
        if isinstance(text, str) and (why := inexact(text)):
            raise InvalidToken(f"the token's {claim} {why}")
    for claim, text in (("name", name), ("scope", scope), ("jti", jti)):
        if why := broken_line(text):
            raise InvalidToken(f"the token's {claim} must not hold {why}")
    return Principal(
        sub=sub,
        tenant=tenant,
        role=role,
        name=one_line(name)[:200],
        client_id=client_id if isinstance(client_id, str) else None,
        scopes=frozenset(scope.split()),
        jti=jti[:200],
        expires_at=float(claims.get("exp", 0)),
        issued_at=float(issued) if isinstance(issued := claims.get("iat"), int | float) else float("inf"),
    )
