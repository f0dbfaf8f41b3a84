"""One call: who, for what, under which request id."""

import re
from dataclasses import dataclass, replace
from uuid import UUID

from starlette.requests import Request

from shared.contracts.disclosure import Caller
from shared.entry.text import inexact
from shared.http.problems import Fault, forbidden, insufficient_scope, invalid, unauthenticated, unavailable
from shared.identity.principal import Principal
from shared.identity.roles import Role
from shared.identity.scopes import needed, route_granted
from shared.identity.tokens import InvalidToken, KeysUnknown, TokenVerifier

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
    """The call that a request makes under this token. 401, 422 as above; 403 where the token's SMART scopes do not cover the
    route, or for an `X-Acting-Role` that the token does not hold; 503 while the issuer's keys are not known."""
    try:
        principal = tokens.verify(token)
    except InvalidToken as error:
        raise unauthenticated(str(error)) from None
    except KeysUnknown as error:
        raise unavailable(f"{str(error).capitalize()}.") from None
    template = getattr(request.scope.get("route"), "path", "")
    if not route_granted(principal, request.method, template):
        raise insufficient_scope(needed(request.method, template))
    purpose = request.headers.get("x-purpose-of-use")
    if purpose is not None and not _PURPOSE.fullmatch(purpose):
        raise invalid([Fault("header:X-Purpose-Of-Use", "one v3-ActReason code, such as TREAT")])
    acting = request.headers.get("x-acting-role")
    if acting is not None:
        if acting not in principal.roles:
            raise forbidden("Your token does not hold the role in X-Acting-Role.")
        principal = replace(principal, role=Role(acting))
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


def path_id(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise invalid([Fault("path:id", "a UUID")]) from None
