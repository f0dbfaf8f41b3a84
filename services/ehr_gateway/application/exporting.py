"""An export put together: each service's part is opened first, then all are handed on as one ZIP (ADR 0054).

Nothing here can be read: the pages are sealed by the services, for a key whose private half never comes here. One page is in
memory at a time. What breaks off later ends the answer without the ZIP's directory, so that nobody takes it for whole.
"""

import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from services.ehr_gateway.application.ports import Answer, Services, ServiceUnreachable
from shared.contracts.records import ServiceName
from shared.export.opening import KEY_FILE, PARTS, README_FILE
from shared.export.pages import LONGEST_LINE
from shared.export.serving import RECORDS_HEADER
from shared.http.problems import unavailable

PATHS: Final = {
    ServiceName.SESSION_NOTES: "notes",
    ServiceName.CONSENT: "consents",
    ServiceName.ALLIANCE: "measures",
    ServiceName.AUDIT_LOG: "access",
}
HANDED_ON: Final = ("content-type", "www-authenticate", "retry-after", "audit-entry")
"""headers of a refusal that its caller sees"""
MOST_REFUSED: Final = 65_536
"""bytes of a refusal"""
README: Final = """A copy of one person's record, sealed page by page as compact JWE (RFC 7516).

With a passphrase:   python -m infra.export open this.zip --to a-new-folder
With your own key:   python -m infra.export open this.zip --to a-new-folder --key private.jwk

Without that program: `key.jwe`, where it is there, opens with the passphrase (PBES2-HS512+A256KW) and holds the private key as
a JWK. Each numbered page opens with the private key (ECDH-ES or RSA-OAEP-256, A256GCM) and is a ZIP of the same page as JSON and
as HTML. The pages called `about-…` say what is in the record, and what was left out and why.
"""


class Refused(Exception):
    """A service's refusal, handed on as it is."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers, body


@dataclass(frozen=True, slots=True)
class Export:
    """`stream()` once, and `close()` whatever became of it."""

    entries: str
    """of the ledger, as `Audit-Entry` has them"""
    records: int
    """how many there are to come"""
    _parts: Sequence[Answer]
    _stack: AsyncExitStack
    _sealed_key: str | None
    _at: datetime

    async def stream(self) -> AsyncIterator[bytes]:
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            self._add(archive, README_FILE, README.encode())
            if self._sealed_key is not None:
                self._add(archive, KEY_FILE, self._sealed_key.encode())
            number = 0
            for part in self._parts:
                async for page in pages(part.chunks()):
                    number += 1
                    self._add(archive, f"{number:04}.jwe", page)
                    yield sink.take()
        yield sink.take()

    async def close(self) -> None:
        await self._stack.aclose()

    def _add(self, archive: zipfile.ZipFile, name: str, content: bytes) -> None:
        member = zipfile.ZipInfo(name, self._at.timetuple()[:6])
        member.external_attr = 0o600 << 16
        archive.writestr(member, content)


async def begin(
    services: Services,
    client_id: str,
    headers: Mapping[str, str],
    public_key: Mapping[str, object],
    sealed_key: str | None,
    *,
    now: datetime,
) -> Export:
    """Every service has agreed when it returns. Refused; Problem 503 where one of them does not answer."""
    body = orjson.dumps({"public_key": public_key})
    async with AsyncExitStack() as stack:
        parts: list[Answer] = []
        try:
            for service in PARTS:
                path = f"/v1/clients/{client_id}/export/{PATHS[service]}"
                part = await stack.enter_async_context(services.call("POST", service, path, headers, body))
                if part.status != 200:
                    raise await _refusal(part)
                parts.append(part)
        except ServiceUnreachable:
            raise unavailable("Not every part of the record can be had just now: nothing was exported.") from None
        entries = ", ".join(part.headers.get("audit-entry", "") for part in parts)
        records = sum(int(part.headers.get(RECORDS_HEADER.lower(), "0")) for part in parts)
        return Export(entries, records, parts, stack.pop_all(), sealed_key, now)


async def _refusal(part: Answer) -> Refused:
    body = b""
    async for chunk in part.chunks():
        body += chunk
        if len(body) > MOST_REFUSED:
            raise ServiceUnreachable("no refusal is so long")
    return Refused(part.status, {k: v for k, v in part.headers.items() if k in HANDED_ON}, body)


async def pages(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pages of a part, without their line ends. ServiceUnreachable where it is not whole."""
    held: list[bytes] = []
    number = 0
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line, held = b"".join((*held, end)), []
            if line.startswith(b"end "):
                if line != f"end {number}".encode():
                    raise ServiceUnreachable("a part counts other pages than came")
                return
            number += 1
            yield line
        held.append(rest)
        if sum(map(len, held)) > LONGEST_LINE:
            raise ServiceUnreachable("no page is so long")
    raise ServiceUnreachable("a part broke off")


class _Sink:
    """Where the ZIP is written to: what has not left yet. It cannot seek, so sizes follow their files."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing stands behind it."""

    def close(self) -> None:
        """Likewise."""

    def take(self) -> bytes:
        held, self._held = b"".join(self._held), []
        return held
