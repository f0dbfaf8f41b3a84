"""An OIDC issuer's public keys over HTTPS (RFC 7517): fetched at start, every minute, and after a token that none signed.

Nothing that the issuer answers ends the fetching. Keys are trusted for a bounded time after the last good answer.
"""

import asyncio
import logging
import math
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import aiohttp
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from shared.identity.tokens import KeysUnknown
from shared.values.addresses import is_guarded

REFRESH_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 1.0
"""until the first good answer"""
DOUBT_SECONDS: Final = 10.0
"""tokens that no known key signed make the keys be fetched again at most once in this time"""
MAX_AGE_SECONDS: Final = 86_400.0
MAX_BYTES: Final = 262_144
_KEY_TYPES: Final = ("EC", "OKP", "RSA")
"""public keys; a shared secret is no issuer's key"""
_log = logging.getLogger("identity")


class UnguardedAddress(ValueError):
    """The keys would travel where somebody could exchange them: only TLS or a loopback address is taken."""


class RemoteKeys:
    """Keys of `jwks_url`. `clock()` gives seconds from any fixed point; it does not go back."""

    def __init__(
        self,
        jwks_url: str,
        *,
        tls: ssl.SSLContext | None = None,
        max_age: float = MAX_AGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_age`: seconds after the last good answer until no key is trusted. Raises UnguardedAddress."""
        if not is_guarded(jwks_url):
            raise UnguardedAddress("the issuer's keys are fetched from an https:// address, or from this machine")
        self._url, self._tls, self._max_age, self._clock = jwks_url, tls, max_age, clock
        self._keys = KeySet([])
        self._good_at, self._asked_at = -math.inf, -math.inf
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def keys(self) -> KeySet:
        """The same object until the issuer's keys change. KeysUnknown."""
        if not self._keys or self.age() > self._max_age:
            raise KeysUnknown("the issuer's keys are not known, or too old to be trusted: try again in a moment")
        return self._keys

    def age(self) -> float:
        """Seconds since the last good answer; infinite before the first."""
        return self._clock() - self._good_at

    def doubt(self) -> None:
        """A token came that no known key signed: the issuer may have changed its keys."""
        if self._clock() - self._asked_at >= DOUBT_SECONDS:
            self._wanted.set()

    async def start(self) -> None:
        await self._refresh()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS if self._keys else RETRY_SECONDS):
                    await self._wanted.wait()
            self._wanted.clear()
            await self._refresh()

    async def _refresh(self) -> None:
        self._asked_at = self._clock()
        try:
            found = key_set(await self._fetch())
        except Exception as error:
            # whatever it is, it must not end the fetching
            _log.warning("the issuer's keys could not be fetched: %s", type(error).__name__)
            return
        self._good_at = self._clock()
        if found.as_dict() != self._keys.as_dict():
            self._keys = found

    async def _fetch(self) -> bytes:
        """Follows no redirect: it could lead away from TLS."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(self._url, ssl=self._tls if self._tls is not None else True, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise ValueError("no JWKS")
            body = b""
            async for chunk in answer.content.iter_chunked(8_192):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError("too long")
            return body


def key_set(document: bytes) -> KeySet:
    """The signing keys of a JWKS. ValueError where it is none; a key that is not understood is left out (RFC 7517, 5)."""
    parsed: Any = orjson.loads(document)
    listed = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no JWKS")
    found = []
    for each in listed:
        if not isinstance(each, dict) or each.get("kty") not in _KEY_TYPES or each.get("use", "sig") != "sig":
            continue
        try:
            found.append(JWKRegistry.import_key(each))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return KeySet(found)
