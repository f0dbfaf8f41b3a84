"""Which service calls: an assertion signed by the service's own key, and every request signed with a key agreed with it.

The assertion is a JWT (EdDSA; `iss` the service, `aud` the service called, 60 s) that names an ephemeral X25519 key (`epk`).
Caller and called agree on a request key: HKDF-SHA256(X25519(epk, agreement key of the called)). The public-key work is done
once per assertion; a request costs two HMACs. A stolen assertion is useless without the ephemeral private key.
It has one spelling: spelt otherwise it would be an assertion that has seen no nonce yet, and a request could be sent again.
Header `Service-Assertion` carries it; the request signature is RFC 9421 (see `shared.identity.signatures`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared import base64url
from shared.contracts.records import ServiceName
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.identity.signatures import BadSignature, check, read, sign

LIFETIME_SECONDS: Final = 60
RENEW_SECONDS: Final = 20
"""a caller makes a new assertion when less than this is left"""
SKEW_SECONDS: Final = 5
MAX_ASSERTION: Final = 2_048
MAX_CACHED: Final = 1_000
HEADER: Final = "Service-Assertion"
_JOSE: Final = {"alg": "EdDSA", "typ": "service-assertion+jwt"}


class UnknownService(Exception):
    """The caller is not shown to be a service; the message says why and quotes nothing."""


class ServiceCaller:
    """Signs one service's requests to another. `clock()` gives seconds since the epoch."""

    def __init__(
        self,
        keys: ServiceKeys,
        directory: ServiceDirectory,
        audience: ServiceName,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._keys, self._directory, self._audience = keys, directory, audience
        self._clock, self._random = clock, random
        self._assertion, self._key, self._keyid, self._expires = "", b"", "", 0.0

    def headers(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        """Headers to add to a request. `query` without its question mark, exactly as it is sent."""
        now = self._clock()
        if now > self._expires - RENEW_SECONDS:
            self._renew(int(now))
        nonce = base64url.encode(self._random(16))
        signed = sign(
            self._key, method=method, path=path, query=query, body=body, created=int(now), nonce=nonce, keyid=self._keyid
        )
        return {HEADER: self._assertion, **signed}

    def forget(self) -> None:
        """Make a new assertion for the next request."""
        self._expires = 0.0

    def _renew(self, now: int) -> None:
        ephemeral = X25519PrivateKey.from_private_bytes(self._random(32))
        claims = {
            "iss": str(self._keys.name),
            "aud": str(self._audience),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": base64url.encode(self._random(16)),
            "epk": base64url.encode(ephemeral.public_key().public_bytes_raw()),
        }
        signing_input = f"{base64url.encode(orjson.dumps(_JOSE))}.{base64url.encode(orjson.dumps(claims))}"
        self._assertion = f"{signing_input}.{base64url.encode(self._keys.signing.sign(signing_input.encode()))}"
        shared = ephemeral.exchange(self._directory.agreement(self._audience))
        self._key = _request_key(shared, claims)
        self._keyid, self._expires = str(claims["jti"]), float(now + LIFETIME_SECONDS)


@dataclass(slots=True)
class _Known:
    service: ServiceName
    key: bytes
    keyid: str
    expires: float
    nonces: set[str] = field(default_factory=set)


class ServiceVerifier:
    """Checks requests of other services to this one. Assertions are verified once and cached until they end."""

    def __init__(self, keys: ServiceKeys, directory: ServiceDirectory, *, clock: Callable[[], float]) -> None:
        self._keys, self._directory, self._clock = keys, directory, clock
        self._known: dict[str, _Known] = {}

    def verify(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> ServiceName:
        """The service that sent the request. `headers` are looked up in lower case. Raises UnknownService."""
        now = self._clock()
        assertion = headers.get("service-assertion", "")
        known = self._known.get(assertion)
        if known is None:
            known = self._learn(assertion, now)
        if now >= known.expires:
            self._known.pop(assertion, None)
            raise UnknownService("the service assertion has expired: make a new one")
        try:
            parts = read(headers.get("signature-input", ""), headers.get("signature", ""))
            if parts.keyid != known.keyid:
                raise BadSignature("the signature names another assertion")
            check(
                known.key,
                parts,
                method=method,
                path=path,
                query=query,
                digest=headers.get("content-digest", ""),
                body=body,
            )
        except BadSignature as error:
            raise UnknownService(str(error)) from None
        if abs(now - parts.created) > LIFETIME_SECONDS + SKEW_SECONDS:
            raise UnknownService("the request was signed too long ago")
        # nonces are kept as long as their assertion: a replay after that fails with it
        if parts.nonce in known.nonces:
            raise UnknownService("the request was sent before")
        known.nonces.add(parts.nonce)
        return known.service

    def _learn(self, assertion: str, now: float) -> _Known:
        claims = self._claims(assertion)
        service = ServiceName(claims["iss"])
        expires, issued = float(claims["exp"]), float(claims["iat"])
        if now >= expires:
            raise UnknownService("the service assertion has expired: make a new one")
        if issued > now + SKEW_SECONDS or expires - issued > LIFETIME_SECONDS:
            raise UnknownService("the service assertion holds at a wrong time")
        try:
            shared = self._keys.agreement.exchange(X25519PublicKey.from_public_bytes(base64url.decode(claims["epk"])))
        except ValueError:
            raise UnknownService("the service assertion names no usable key") from None
        known = _Known(service, _request_key(shared, claims), claims["jti"], expires)
        self._make_room(now)
        self._known[assertion] = known
        return known

    def _claims(self, assertion: str) -> dict[str, Any]:
        if not 0 < len(assertion) <= MAX_ASSERTION or assertion.count(".") != 2:
            raise UnknownService("the request carries no service assertion")
        signing_input, _, signature = assertion.rpartition(".")
        head, _, body = signing_input.partition(".")
        try:
            claims = orjson.loads(base64url.decode(body))
            whole = orjson.loads(base64url.decode(head)) == _JOSE and {"iss", "aud", "iat", "exp", "jti", "epk"} == set(claims)
            if not whole or claims["aud"] != str(self._keys.name):
                raise UnknownService("the service assertion is meant for another service")
            self._directory.signing(ServiceName(claims["iss"])).verify(base64url.decode(signature), signing_input.encode())
            if not all(isinstance(claims[n], str) for n in ("jti", "epk")) or not all(
                type(claims[n]) is int for n in ("iat", "exp")
            ):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature):
            raise UnknownService("the service assertion is not signed by a known service") from None
        assert isinstance(claims, dict)
        return claims

    def _make_room(self, now: float) -> None:
        for assertion, known in list(self._known.items()):
            if now >= known.expires:
                del self._known[assertion]
        # none may be dropped before it ends: with it would go the nonces that it has seen
        if len(self._known) >= MAX_CACHED:
            raise UnknownService("too many assertions at once: try again in a minute")


def _request_key(shared: bytes, claims: Mapping[str, Any]) -> bytes:
    info = b"alliance-record/request-signature/v1" + b"".join(
        len(part).to_bytes(2, "big") + part for part in (str(claims[n]).encode() for n in ("iss", "aud", "jti", "epk"))
    )
    return HKDF(SHA256(), 32, salt=None, info=info).derive(shared)
