"""One call: who, for what, under which request id."""

import re
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from shared.contracts.disclosure import Caller
from shared.entry.text import inexact
from shared.http.problems import Fault, invalid, stale_version, unauthenticated, version_required
from shared.identity.principal import Principal
from shared.identity.tokens import InvalidToken, TokenVerifier

_PURPOSE = re.compile(r"[A-Z]{2,16}")


@dataclass(frozen=True, slots=True)
class Call:
    principal: Principal
    token: str
    purpose: str | None
    request_id: str
    idempotency_key: str | None

    @property
    def tenant(self) -> str:
        return self.principal.tenant

    @property
    def caller(self) -> Caller:
        return Caller(token=self.token)


def authenticate(request: Request, tokens: TokenVerifier) -> Call:
    """The call behind a request. 401 without a valid token, 422 for a malformed header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated("Send `Authorization: Bearer <token>`.")
    return call_with(request, token.strip(), tokens)


def call_with(request: Request, token: str, tokens: TokenVerifier) -> Call:
    """The call that a request makes under this token. 401, 422 as above."""
    try:
        principal = tokens.verify(token)
    except InvalidToken as error:
        raise unauthenticated(str(error)) from None
    purpose = request.headers.get("x-purpose-of-use")
    if purpose is not None and not _PURPOSE.fullmatch(purpose):
        raise invalid([Fault("header:X-Purpose-Of-Use", "one v3-ActReason code, such as TREAT")])
    return Call(principal, token, purpose, request_id_of(request), idempotency_key(request))


def idempotency_key(request: Request) -> str | None:
    """The key of a safe repeat. 422 where it is malformed."""
    key = request.headers.get("idempotency-key")
    if key is not None and (not 0 < len(key) <= 255 or inexact(key)):
        raise invalid([Fault("header:Idempotency-Key", "1 to 255 characters, none of them invisible")])
    return key


def request_id_of(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


def etag(version: int) -> str:
    return f'W/"{version}"'


def expected_version(request: Request) -> int:
    """The version in If-Match. 428 without it, 412 where it is not one of ours."""
    value = request.headers.get("if-match")
    if value is None:
        raise version_required()
    match = re.fullmatch(r'(?:W/)?"(\d{1,9})"', value.strip())
    if match is None:
        raise stale_version()
    return int(match[1])


def path_id(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise invalid([Fault("path:id", "a UUID")]) from None
