"""Witnesses over HTTP, and the file that names them."""

import ssl as tls
from typing import Final

import aiohttp

from services.audit_log.assurance.application.witnessing import Witness, WitnessAnswer
from services.audit_log.ledger.domain.cosignature import Cosigner, parse_cosigner
from services.audit_log.ledger.domain.signed_note import NoteInvalid
from shared.http.connections import connector
from shared.values.addresses import is_guarded

SECONDS: Final = 10.0
MAX_ANSWER: Final = 65_536
"""bytes: 64 signature lines of the longer kind would be more, no witness has so many keys"""


class HttpWitnesses:
    def __init__(self, *, ssl: tls.SSLContext | None = None) -> None:
        self._ssl = ssl
        self._session: aiohttp.ClientSession | None = None

    async def add_checkpoint(self, url: str, body: bytes) -> WitnessAnswer:
        if self._session is None:
            kept = connector(self._ssl, limit=16)
            timeout = aiohttp.ClientTimeout(total=SECONDS)
            self._session = aiohttp.ClientSession(connector=kept, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout)
        try:
            async with self._session.post(f"{url}/add-checkpoint", data=body, allow_redirects=False) as answer:
                content = b""
                async for chunk in answer.content.iter_any():
                    content += chunk
                    if len(content) > MAX_ANSWER:
                        raise OSError("the witness's answer is too long")
                return WitnessAnswer(answer.status, answer.content_type, content)
        except aiohttp.ClientError as error:
            raise OSError(type(error).__name__) from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def parse_witnesses(text: str) -> tuple[Witness, ...]:
    """Lines `witness <name> <vkey> <url>` as in a Tessera or Sigsum policy; `#` begins a comment. A witness with two keys has
    two lines of one name. ValueError says which line cannot be used, and why."""
    keys: dict[str, list[Cosigner]] = {}
    urls: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        if len(fields) != 4 or fields[0] != "witness":
            raise ValueError(f"line {number}: a line is `witness <name> <vkey> <url>`")
        _, name, vkey, url = fields
        try:
            cosigner = parse_cosigner(vkey)
        except NoteInvalid as error:
            raise ValueError(f"line {number}: {error}") from None
        if not is_guarded(url):
            raise ValueError(f"line {number}: a witness is reached over https")
        if urls.setdefault(name, url.rstrip("/")) != url.rstrip("/"):
            raise ValueError(f"line {number}: this witness has another address above")
        keys.setdefault(name, []).append(cosigner)
    return tuple(Witness(name, urls[name], tuple(found)) for name, found in keys.items())
