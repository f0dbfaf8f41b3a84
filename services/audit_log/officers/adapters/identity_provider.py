"""The identity provider over HTTP: its endpoints by OpenID Connect Discovery 1.0, and its token endpoint.

Nothing that it says reaches a log: codes and tokens stand in its answers.
"""

import asyncio
import logging
import ssl
from base64 import b64encode
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
import orjson

from services.audit_log.officers.application.provider import CodeNotTaken, Endpoints, Granted, ProviderAway, ProviderSettings
from shared.values.addresses import is_guarded

SECONDS: Final = 8.0
_LONGEST: Final = 131_072
_AGAIN_SECONDS: Final = 2.0
_log = logging.getLogger("sign-in")


class IdentityProvider:
    """`Provider`. Endpoints that are not set are asked for at the start, and again until the first answer."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._endpoints = settings.endpoints
        self._tls = ssl.create_default_context(cafile=settings.ca_file)
        self._task: asyncio.Task[None] | None = None

    def endpoints(self) -> Endpoints:
        if self._endpoints is None:
            raise ProviderAway("its endpoints are not known yet")
        return self._endpoints

    async def start(self) -> None:
        if self._endpoints is None:
            self._task = asyncio.create_task(self._discover())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> Granted:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        headers = {"Accept": "application/json"}
        if self.settings.client_secret is None:
            form["client_id"] = self.settings.client_id
        else:  # RFC 6749, 2.3.1
            pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(self.settings.client_secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        status, body = await self._ask("POST", self.endpoints().token, form, headers)
        if status == 400 and body.get("error") == "invalid_grant":
            raise CodeNotTaken
        access, identity = body.get("access_token"), body.get("id_token")
        bearer = str(body.get("token_type", "")).lower() == "bearer"
        if status != 200 or not bearer or not isinstance(access, str) or not isinstance(identity, str):
            _log.warning("the identity provider's token endpoint answered %d, and no tokens", status)
            raise ProviderAway("it gave no tokens")
        return Granted(access, identity)

    async def _discover(self) -> None:
        while self._endpoints is None:
            try:
                status, body = await self._ask("GET", f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                self._endpoints = _found(self.settings.issuer, body) if status == 200 else None
            except ProviderAway:
                pass
            if self._endpoints is None:
                _log.warning("the identity provider's configuration cannot be had, or is not as it should be")
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _ask(
        self, method: str, address: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON object. Follows no redirect: a code goes to the address that was set, and nowhere else."""
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(method, address, data=form, headers=headers, ssl=self._tls, allow_redirects=False) as answer,
            ):
                body = b""
                async for chunk in answer.content.iter_chunked(16_384):
                    body += chunk
                    if len(body) > _LONGEST:
                        raise ProviderAway("its answer is too long")
                found = orjson.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _log.warning("the identity provider does not answer as it should: %s", type(error).__name__)
            raise ProviderAway("it does not answer") from None
        if not isinstance(found, dict):
            raise ProviderAway("its answer is no JSON object")
        return answer.status, found


def _found(issuer: str, document: dict[str, Any]) -> Endpoints | None:
    """None where the document is another issuer's, or what these pages need is missing."""
    authorization, token = document.get("authorization_endpoint"), document.get("token_endpoint")
    end_session = document.get("end_session_endpoint")
    needed = isinstance(authorization, str) and isinstance(token, str) and is_guarded(authorization) and is_guarded(token)
    if document.get("issuer") != issuer or not needed:
        return None
    methods = document.get("code_challenge_methods_supported", ["S256"])  # some speak it and do not say so
    if not isinstance(methods, list) or "S256" not in methods:
        return None
    return Endpoints(
        str(authorization),
        str(token),
        end_session if isinstance(end_session, str) and is_guarded(end_session) else None,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )
