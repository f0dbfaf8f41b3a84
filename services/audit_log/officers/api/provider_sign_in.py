"""Signing in by the identity provider: `/review/sign-in/start` leads there, `/review/sign-in/callback` takes its answer.

OpenID Connect's code flow with PKCE, as RFC 9700 has it. The callback always leads on, so that no code stays in an address. What
it leads to is a page of ours that goes on by itself: a browser keeps a SameSite=Strict cookie back while it still comes
from the provider's site.
"""

import logging
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.officers.api.surface import Surface, door, seen, welcome
from services.audit_log.officers.application.attempts import Attempts
from services.audit_log.officers.application.provider import CodeNotTaken, Provider, ProviderAway, authorization_url
from services.audit_log.officers.domain.attempt import LASTS
from services.audit_log.officers.domain.refusals import Refusal, Refused
from services.audit_log.officers.domain.way_back import HOME, way_back
from shared.eventstore.model import Overloaded, StoreUnavailable
from shared.http.call import Call, call_with
from shared.http.page_session import MAX_COOKIE_BYTES
from shared.http.problems import Problem
from shared.identity.tokens import InvalidToken, KeysUnknown, TokenVerifier

START: Final = "/review/sign-in/start"
CALLBACK: Final = "/review/sign-in/callback"
_PARAMETERS: Final = ("code", "state", "iss", "error")
_LONGEST_CODE: Final = 4_096
_log = logging.getLogger("sign-in")


def provider_sign_in_router(
    surface: Surface, tokens: TokenVerifier, provider: Provider, attempts: Attempts, public_url: str
) -> APIRouter:
    router = APIRouter(prefix="/review", include_in_schema=False, route_class=surface.route(reads=False))
    session, redirect_uri = surface.session, public_url + CALLBACK

    @router.get("/sign-in/start")
    async def start(request: Request) -> Response:
        leads_to = way_back(request.query_params.get("next"))
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return seen(door(leads_to))
        kept, proofs = attempts.begin(leads_to)
        try:
            response = seen(authorization_url(provider, proofs, redirect_uri))
        except ProviderAway:
            return seen(door(leads_to, Refusal.AWAY))
        session.keep_attempt(response, kept, int(LASTS.total_seconds()))
        return response

    @router.get("/sign-in/callback")
    async def callback(request: Request) -> Response:
        try:
            response = await _signed_in(request)
        except Refused as refused:
            _log.warning("nobody was signed in by the identity provider: %s", refused.why)
            response = seen(door(HOME, refused.why))
        session.drop_attempt(response)
        return response

    @router.get("/signed-in")
    async def lead_on(request: Request) -> Response:
        return surface.rendering.page("signed-in.html", {"leads_to": way_back(request.query_params.get("next"))})

    async def _signed_in(request: Request) -> Response:
        """The answer with its session, once its entry is durable."""
        call, leads_to = await _taken(request)
        if len(call.token) > MAX_COOKIE_BYTES:
            raise Refused(Refusal.SIZE)
        try:
            leads_to = await welcome(surface.desk, call, leads_to, {"by": "provider"})
        except Problem:
            raise Refused(Refusal.ROLE) from None
        except (LedgerUnavailable, StoreUnavailable, Overloaded):
            raise Refused(Refusal.LEDGER) from None
        response = seen(f"/review/signed-in?{urlencode({'next': leads_to})}")
        session.begin(response, call)
        return response

    async def _taken(request: Request) -> tuple[Call, str]:
        given = {name: request.query_params.getlist(name) for name in _PARAMETERS}
        if any(len(values) > 1 for values in given.values()):
            raise Refused(Refusal.ATTEMPT)
        code, state, issuer, error = (values[0] if values else None for values in given.values())
        attempt, proofs = attempts.take(session.kept_attempt(request), state or "")
        try:
            promised = provider.endpoints().names_itself
        except ProviderAway:
            raise Refused(Refusal.AWAY) from None
        # RFC 9207, 2.4: before anything else of the answer counts
        if (issuer is None and promised) or (issuer is not None and issuer != provider.settings.issuer):
            raise Refused(Refusal.MIXED)
        if error is not None or not code or len(code) > _LONGEST_CODE:
            raise Refused(Refusal.DECLINED)
        try:
            granted = await provider.redeem(code, proofs.verifier, redirect_uri)
            sub = tokens.identity(granted.id_token, client_id=provider.settings.client_id, nonce=proofs.nonce)
            call = call_with(request, granted.access_token, tokens)
        except CodeNotTaken:
            raise Refused(Refusal.CODE) from None
        except (ProviderAway, KeysUnknown):
            raise Refused(Refusal.AWAY) from None
        except (InvalidToken, Problem):
            raise Refused(Refusal.TOKEN) from None
        if call.principal.sub != sub:
            raise Refused(Refusal.TOKEN)
        return call, attempt.leads_to

    return router
