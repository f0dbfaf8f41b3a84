"""Kept connections to another server, as every client of ours makes them."""

import ssl as tls
from typing import Final

import aiohttp

DNS_SECONDS: Final = 1
"""a container that is made anew has another address: a name is looked up again that soon (aiohttp's own default is 10)"""


def connector(ssl: tls.SSLContext | None, *, limit: int = 100) -> aiohttp.TCPConnector:
    """`ssl` checks the server's certificate; None: by the system's authorities. `limit`: connections at once."""
    return aiohttp.TCPConnector(limit=limit, ttl_dns_cache=DNS_SECONDS, ssl=ssl if ssl is not None else True)
