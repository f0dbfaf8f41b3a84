"""The services behind the gateway over HTTP."""

import ssl as tls
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from services.ehr_gateway.application.ports import Answer, ServiceUnreachable
from shared.contracts.records import ServiceName
from shared.http.connections import connector

CONNECT_SECONDS: Final = 3
BETWEEN_READS_SECONDS: Final = 60
"""a service may ask the gate many times before its first byte"""
CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class _HttpAnswer:
    _response: aiohttp.ClientResponse

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.lower(): value for name, value in self._response.headers.items()}

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_chunked(CHUNK):
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise ServiceUnreachable(f"the answer broke off ({type(error).__name__})") from None


class HttpServices:
    """`Services`. Call `close` when the gateway stops."""

    def __init__(self, urls: Mapping[ServiceName, str], *, ssl: tls.SSLContext | None = None) -> None:
        """`urls`: origins without a trailing slash; `ssl` checks their certificates."""
        self._urls, self._ssl = dict(urls), ssl
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def call(
        self, method: str, service: ServiceName, path: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[Answer]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=BETWEEN_READS_SECONDS)
        sent = {"Content-Type": "application/json", **headers}
        try:
            response = await self._open().request(
                method, self._urls[service] + path, data=body, headers=sent, timeout=timeout, allow_redirects=False
            )
        except (aiohttp.ClientError, OSError) as error:
            raise ServiceUnreachable(f"{service} cannot be reached ({type(error).__name__})") from None
        async with response:
            yield _HttpAnswer(response)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(self._ssl), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session
