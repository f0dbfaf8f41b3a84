"""The development issuer as an identity provider: OpenID Connect's code flow for the officers' pages, on loopback alone.

It asks nobody who they are: whoever comes is the demo clinic's officer, as anybody may have any token of `/dev/token`.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from infra.embedded.demo import OFFICER
from services.audit_log.officers.api.provider_sign_in import CALLBACK
from services.audit_log.officers.application.provider import Endpoints, ProviderSettings
from shared import base64url
from shared.http.body import raw_body
from shared.identity.development import ISSUER, LIFETIME_SECONDS, DevelopmentIssuer

CLIENT_ID: Final = "review-pages"
AUTHORIZE: Final = "/dev/authorize"
REDEEM: Final = "/dev/redeem"
_SECONDS: Final = 60
_MOST: Final = 1_000


def provider_settings(public_url: str) -> ProviderSettings:
    return ProviderSettings(
        ISSUER, CLIENT_ID, endpoints=Endpoints(public_url + AUTHORIZE, public_url + REDEEM, names_itself=True)
    )


@dataclass(frozen=True, slots=True)
class _Code:
    challenge: str
    nonce: str
    until: float


def dev_sign_in(issuer: DevelopmentIssuer, public_url: str, clock: Callable[[], float]) -> Router:
    codes: dict[str, _Code] = {}
    redirect_uri = public_url + CALLBACK

    async def authorize(request: Request) -> Response:
        asked = request.query_params
        ours = (asked.get("client_id"), asked.get("redirect_uri"), asked.get("response_type"), asked.get("code_challenge_method"))
        if ours != (CLIENT_ID, redirect_uri, "code", "S256") or len(codes) > _MOST:
            return JSONResponse({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(24)
        codes[code] = _Code(asked.get("code_challenge", ""), asked.get("nonce", ""), clock() + _SECONDS)
        query = urlencode({"code": code, "state": asked.get("state", ""), "iss": ISSUER})
        return RedirectResponse(f"{redirect_uri}?{query}", 303)

    async def redeem(request: Request) -> Response:
        form = dict(parse_qsl((await raw_body(request, 16_384)).decode("ascii", "replace")))
        for late in [c for c, known in codes.items() if known.until < clock()]:
            del codes[late]
        code = codes.pop(form.get("code", ""), None)
        shown = base64url.encode(sha256(form.get("code_verifier", "").encode()).digest())
        asked = (form.get("grant_type"), form.get("client_id"), form.get("redirect_uri"))
        if code is None or asked != ("authorization_code", CLIENT_ID, redirect_uri):
            return JSONResponse({"error": "invalid_grant"}, 400)
        if not hmac.compare_digest(shown.encode(), code.challenge.encode()):
            return JSONResponse({"error": "invalid_grant"}, 400)
        identity = {"sub": OFFICER["sub"], "aud": CLIENT_ID, "nonce": code.nonce}
        body = {"access_token": issuer.token(dict(OFFICER)), "id_token": issuer.token(identity), "token_type": "Bearer"}
        return JSONResponse(body | {"expires_in": LIFETIME_SECONDS}, headers={"Cache-Control": "no-store"})

    return Router([Route(AUTHORIZE, authorize), Route(REDEEM, redeem, methods=["POST"])])
