"""An OIDC issuer's public keys over HTTPS (RFC 7517), fetched at start and every minute: a rotated key is known within that."""

import asyncio
import logging
import ssl
from contextlib import suppress
from typing import Final

import aiohttp
from joserfc.jwk import KeySet

from shared.identity.tokens import KeysUnknown

REFRESH_SECONDS: Final = 60
_log = logging.getLogger("identity")


class RemoteKeys:
    """Keys of `jwks_url`. Until the first answer no token is accepted."""

    def __init__(self, jwks_url: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._url, self._tls = jwks_url, tls
        self._keys: KeySet | None = None
        self._task: asyncio.Task[None] | None = None

    def keys(self) -> KeySet:
        if self._keys is None:
            raise KeysUnknown("the issuer's keys are not known yet: try again in a moment")
        return self._keys

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
            await asyncio.sleep(REFRESH_SECONDS if self._keys is not None else 1)
            await self._refresh()

    async def _refresh(self) -> None:
        try:
            timeout = aiohttp.ClientTimeout(total=5)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._url, ssl=self._tls if self._tls is not None else True) as answer,
            ):
                answer.raise_for_status()
                self._keys = KeySet.import_key_set(await answer.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            _log.warning("the issuer's keys could not be fetched: %s", type(error).__name__)
