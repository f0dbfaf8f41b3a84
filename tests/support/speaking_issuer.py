"""An identity provider that speaks OpenID Connect's code flow over HTTP, with a page to sign in on; `faults` make it misbehave.

It keeps to the rules that a client relies on: exact redirect URI, PKCE by S256, a code good once (RFC 6749, 7636, 9207).
"""

import html
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from shared.identity.development import AUDIENCE, DevelopmentIssuer

CLIENT_ID = "officers"
CLIENT_SECRET = "a secret: of 100% the client"


@dataclass
class Code:
    asked: dict[str, str]
    sub: str
    used: bool = False


@dataclass
class SpeakingIssuer:
    url: str
    """its `iss`, and where it is served"""
    signer: DevelopmentIssuer
    redirect_uri: str
    tenant: str = "clinic"
    roles: dict[str, str] = field(default_factory=lambda: {"r.ilves": "compliance_officer", "t.rivera": "therapist"})
    faults: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)
    """forms that its token endpoint got"""
    left: list[dict[str, str]] = field(default_factory=list)
    """queries that its logout got"""

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/authorize", self._page),
                Route("/login", self._login, methods=["POST"]),
                Route("/token", self._token, methods=["POST"]),
                Route("/logout", self._logout),
                Route("/favicon.ico", lambda _: Response(status_code=204)),
            ]
        )

    async def _configuration(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.faults.get("configured_issuer", self.url),
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": self.faults.get("token_endpoint", f"{self.url}/token"),
                "end_session_endpoint": f"{self.url}/logout",
                "code_challenge_methods_supported": self.faults.get("methods", ["plain", "S256"]),
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _page(self, request: Request) -> Response:
        asked = dict(request.query_params)
        known = asked["client_id"] == CLIENT_ID and asked["redirect_uri"] == self.redirect_uri
        if not known or asked["response_type"] != "code" or "openid" not in asked["scope"].split():
            return Response("unknown client", 400)
        if asked["code_challenge_method"] != "S256" or len(asked["code_challenge"]) != 43:
            return Response("PKCE is needed", 400)
        form = f'<input type="hidden" name="asked" value="{html.escape(urlencode(asked))}">'
        return HTMLResponse(
            '<!doctype html><html lang="en"><title>Sign in</title><main><h1>The clinic</h1><form method="post" action="/login">'
            f'{form}<label>Name <input name="sub"></label><button>Sign in</button></form></main></html>'
        )

    async def _login(self, request: Request) -> Response:
        given = dict(parse_qsl((await request.body()).decode()))
        return RedirectResponse(self.answer(dict(parse_qsl(given["asked"])), given["sub"]), 303)

    def answer(self, asked: dict[str, str], sub: str) -> str:
        """Where the browser is sent once `sub` has signed in."""
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(asked, sub)
        query = {"code": code, "state": asked["state"], "iss": self.url}
        query |= self.faults.get("answer", {})
        return f"{asked['redirect_uri']}?{urlencode({k: v for k, v in query.items() if v is not None})}"

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.seen.append(form)
        if "status" in self.faults:
            return JSONResponse({"error": "server_error"}, self.faults["status"])
        code = self.codes.get(form["code"])
        basic = urlsafe_b64encode(f"{CLIENT_ID}:{urlencode({'': CLIENT_SECRET})[1:]}".encode()).decode()
        if request.headers.get("authorization", "").replace("+", "-").replace("/", "_") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        shown = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        good = code is not None and not code.used and form["redirect_uri"] == code.asked["redirect_uri"]
        if code is None or not good or form["grant_type"] != "authorization_code" or shown != code.asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        code.used = True
        return JSONResponse(self._tokens(code))

    def _tokens(self, code: Code) -> dict[str, Any]:
        person = {"iss": self.url, "sub": code.sub, "name": code.sub, "role": self.roles[code.sub], "tenant": self.tenant}
        access = {**person, "aud": AUDIENCE, "azp": CLIENT_ID, **self.faults.get("access", {})}
        identity = {"iss": self.url, "sub": code.sub, "aud": CLIENT_ID, "nonce": code.asked["nonce"]}
        identity |= self.faults.get("identity", {})
        return {
            "token_type": "Bearer",
            "access_token": self.signer.token(access, lifetime=self.faults.get("lifetime", 3_600)),
            "id_token": self.signer.token({k: v for k, v in identity.items() if v is not None}, typ="JWT"),
        }

    async def _logout(self, request: Request) -> Response:
        self.left.append(dict(request.query_params))
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 303)
