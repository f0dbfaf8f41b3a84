"""Bearer tokens (RFC 7519, RFC 9068): verified against the issuer's keys, and cached until they end or are revoked.

Accepted claims: `sub`, `name`, `tenant`, `role` (or `roles[]`, of a solo practice's practitioner), `client_id` (the client that
the person is), `scope` (SMART v2). OAuth servers put their own client into `azp`, so `client_id` counts for the roles client and
representative only.
"""

import hmac
import math
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.entry.text import broken_line, inexact, one_line
from shared.identity.principal import Principal
from shared.identity.roles import SOLO_ROLES, Role

ALGORITHMS: Final = ["EdDSA", "Ed25519", "ES256", "RS256", "PS256"]
LEEWAY_SECONDS: Final = 5
MAX_TOKEN_BYTES: Final = 8_192
RESERVED_SUBS: Final = ("job:", "link:", "service:")
"""how the ledger names what is no person: nobody's `sub` begins like this"""
RESERVED_TENANTS: Final = ("alliance-record.",)
"""how the tenants begin that are the deployment's own"""
MAX_LIFE_SECONDS: Final = 86_400.0
_OF_OTHER_TOKENS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})
"""claims of ID tokens (OpenID Connect Core 1.0, 2) and of logout tokens (Back-Channel Logout 1.0, 2.4)"""
_TENANT: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


class InvalidToken(Exception):
    """The token does not hold; the message says why and never quotes it."""


class KeysUnknown(Exception):
    """The issuer's keys are not known, or older than they may be: no token can be told from another. Callers get 503."""


class KeySource(Protocol):
    """Where an issuer's public keys come from."""

    def keys(self) -> KeySet:
        """The keys to trust now: the same object until they change. KeysUnknown."""

    def age(self) -> float | None:
        """Seconds since the issuer last confirmed its keys; None for keys that were given beforehand."""

    def doubt(self) -> None:
        """A token came that none of the keys signed."""


class StaticKeys:
    """Public keys as a JWKS (RFC 7517) known beforehand: a file, or the development issuer of this process."""

    def __init__(self, jwks: dict[str, Any]) -> None:
        self._keys = KeySet.import_key_set(jwks)  # type: ignore[arg-type]

    def keys(self) -> KeySet:
        return self._keys

    def age(self) -> None:
        return None

    def doubt(self) -> None:
        """Nothing can have changed."""


class TokenVerifier:
    """Verifies tokens of one issuer. `clock()` gives seconds since the epoch."""

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        audience: str,
        clock: Callable[[], float],
        cache_size: int = 10_000,
        max_life: float = MAX_LIFE_SECONDS,
        deployment_officers: frozenset[str] = frozenset(),
    ) -> None:
        """`max_life`: seconds from a token's issue to its end. `deployment_officers`: each `sub` that may be an officer of the
        deployment's own tenant."""
        self._keys, self._issuer, self._audience, self._clock = keys, issuer, audience, clock
        self._max_life, self._deployment_officers = max_life, deployment_officers
        self._cache: OrderedDict[str, Principal] = OrderedDict()
        self._cache_size = cache_size
        self._cached_under: KeySet | None = None

    def keys_age(self) -> float | None:
        """Seconds since the issuer last confirmed its keys; None for keys that were given beforehand."""
        return self._keys.age()

    async def keys_known(self) -> bool:
        """Whether tokens can be verified now."""
        try:
            self._keys.keys()
        except KeysUnknown:
            return False
        return True

    def verify(self, token: str) -> Principal:
        """The caller of a valid token. Raises InvalidToken, KeysUnknown."""
        keys = self._keys.keys()
        if keys is not self._cached_under:
            # a key may have been withdrawn: whatever it signed is looked at again
            self._cache.clear()
            self._cached_under = keys
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
        """The caller of a token that held at that time (seconds since the epoch), whenever it ends. Raises InvalidToken,
        KeysUnknown.

        For what was written while nobody could ask; a token that was issued later than `at` proves nothing of then.
        """
        principal = self._verify(token, at)
        if at + LEEWAY_SECONDS < principal.issued_at:
            raise InvalidToken("the token was issued later")
        return principal

    def identity(self, id_token: str, *, client_id: str, nonce: str) -> str:
        """`sub` of an ID token that was issued to this client and answers this nonce (OpenID Connect Core 1.0, 3.1.3.7).
        Raises InvalidToken, KeysUnknown."""
        header, claims = self._claims(id_token, self._clock(), client_id)
        _check_id_token(header, claims)
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
        header, claims = self._claims(token, now, self._audience)
        _check_access_token(header, claims)
        return principal_of(claims, self._deployment_officers)

    def _claims(self, token: str, now: float, audience: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token that this issuer signed for this audience, and that holds now."""
        if len(token) > MAX_TOKEN_BYTES:
            raise InvalidToken("the token is too long")
        keys = self._keys.keys()
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            self._keys.doubt()
            raise InvalidToken("the token is not signed by the trusted issuer") from None
        claims = decoded.claims
        stated = claims.get("aud")
        if claims.get("iss") != self._issuer or audience not in (stated if isinstance(stated, list) else [stated]):
            raise InvalidToken("the token was issued by or for somebody else")
        self._check_times(claims, now)
        return dict(decoded.header), claims

    def _check_times(self, claims: dict[str, Any], now: float) -> None:
        expires, issued, not_before = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
        if expires is None:
            raise InvalidToken("the token has no expiry")
        if now >= expires:
            raise InvalidToken("the token has expired: get a new one")
        if not_before is not None and now + LEEWAY_SECONDS < not_before:
            raise InvalidToken("the token does not hold yet")
        # counted from now as well: `iat` is the issuer's word, and may lie ahead
        begun = now if issued is None else min(issued, now)
        if expires - begun > self._max_life:
            raise InvalidToken(f"the token holds for longer than {self._max_life:.0f} seconds, the most that is taken")


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519, 2); None where the claim is absent. InvalidToken where it is anything else."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidToken(f"the token's {name} is no time")
    return float(value)


def _check_access_token(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """`typ` is `at+jwt` (RFC 9068, 2.1), or `JWT` with nothing that an ID token or a logout token has. InvalidToken."""
    kind, said = _typ(header), claims.get("typ", "Bearer")
    others = _OF_OTHER_TOKENS.intersection(claims) if kind == "jwt" else ()
    if kind not in ("at+jwt", "jwt") or others or not isinstance(said, str) or said.casefold() != "bearer":
        raise InvalidToken("this is no access token")


def _check_id_token(header: dict[str, Any], claims: dict[str, Any]) -> None:
    said = claims.get("typ", "ID")
    if _typ(header) not in ("", "jwt") or said != "ID":
        raise InvalidToken("this is no ID token")


def _typ(header: dict[str, Any]) -> str:
    """The media type that the header names, without `application/` (RFC 7515, 4.1.9); empty where it names none."""
    typ = header.get("typ", "")
    return typ.casefold().removeprefix("application/") if isinstance(typ, str) else "?"


def _roles(claims: dict[str, Any]) -> tuple[Role, ...]:
    """The roles that a token holds; the first is acted in where the caller names none."""
    held = claims.get("roles")
    try:
        if held is None:
            return (Role(claims.get("role", "")),)
        roles = tuple(dict.fromkeys(Role(r) for r in held)) if isinstance(held, list) else ()
        own = Role(claims["role"]) if "role" in claims else roles[0] if roles else None
    except (ValueError, TypeError):
        raise InvalidToken("the token has no known role") from None
    if own not in roles:
        raise InvalidToken("the token's role is none of its roles")
    if len(roles) > 1 and frozenset(roles) != SOLO_ROLES:
        raise InvalidToken(f"a token holds one role, or in a solo practice these: {', '.join(sorted(SOLO_ROLES))}")
    return (own, *(r for r in roles if r is not own))


def principal_of(claims: dict[str, Any], deployment_officers: frozenset[str] = frozenset()) -> Principal:
    """The caller that verified claims describe. Raises InvalidToken where one that counts is missing."""
    sub, tenant = claims.get("sub"), claims.get("tenant")
    if not isinstance(sub, str) or not 0 < len(sub) <= 200:
        raise InvalidToken("the token has no usable sub")
    if sub.casefold().startswith(RESERVED_SUBS):
        raise InvalidToken(f"the token's sub begins as no person's may ({', '.join(RESERVED_SUBS)})")
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise InvalidToken("the token has no usable tenant (a-z, 0-9, '.', '_', '-', at most 63)")
    roles = _roles(claims)
    role = roles[0]
    if tenant.startswith(RESERVED_TENANTS) and not (role is Role.COMPLIANCE_OFFICER and sub in deployment_officers):
        raise InvalidToken("the token's tenant is the deployment's own")
    client_id = claims.get("client_id") if role in (Role.CLIENT, Role.REPRESENTATIVE) else None
    if role is Role.CLIENT and not isinstance(client_id, str):
        raise InvalidToken("a client's token needs client_id")
    scope = _scope(claims)
    name, jti = (str(claims.get(claim, "")) for claim in ("name", "jti"))
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
        roles=roles,
        name=one_line(name)[:200],
        client_id=client_id if isinstance(client_id, str) else None,
        scopes=frozenset(scope.split()),
        jti=jti[:200],
        expires_at=float(claims.get("exp", 0)),
        issued_at=float(issued) if isinstance(issued := claims.get("iat"), int | float) else float("inf"),
    )


def _scope(claims: dict[str, Any]) -> str:
    """Scopes as one string, from `scope` (RFC 8693, 4.2) and from `scp`, where some issuers have them. A shape that is not
    understood is refused: it could limit the token. InvalidToken."""
    found = []
    for name in ("scope", "scp"):
        value = claims.get(name, "")
        each = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) for one in each):
            raise InvalidToken(f"the token's {name} is no string")
        found += each
    return " ".join(found)
