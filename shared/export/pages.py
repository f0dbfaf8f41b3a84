"""A service's part of an export: pages of records, each sealed by itself, then what the part is about, then its end (ADR 0054).

On the wire a part is lines of ASCII: compact JWEs, and a last line `end <number of them>`. A part without its end is not whole.
The plaintext of a JWE is a ZIP, made in memory, with one page as JSON and the same page as HTML.
"""

import asyncio
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

import orjson

from shared.contracts.records import ServiceName
from shared.export.html import page as html_page
from shared.export.html import words
from shared.export.recipient import MOST_SEALED, Recipient

FORMAT: Final = "alliance-record-export/1"
PART_TYPE: Final = "application/vnd.alliance-record.export-part"
PAGE_TYPE: Final = "application/zip"
PAGE_BYTES: Final = 1_048_576
"""of JSON, after which a page is closed: what stands in memory, besides the one record that may reach beyond"""
PAGE_RECORDS: Final = 100
LONGEST_LINE: Final = MOST_SEALED + 4_096
"""bytes: whoever hands a part on holds one line at a time"""
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""a ZIP's time of files; when a page was made stands in the part's `about`"""


@dataclass
class Counted:
    records: int = 0
    erased: int = 0
    pages: int = 0


@dataclass
class PartWriter:
    """Takes records and gives back sealed lines. One for a part, in the order of its classes."""

    service: ServiceName
    recipient: Recipient
    counts: dict[str, Counted] = field(default_factory=dict)
    lines: int = 0
    _class: str | None = None
    _held: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    _size: int = 0

    async def add(self, key_class: str, kind: str, record: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The lines of pages that are full now. `key_class`: or `access`, which has no key: it is the ledger's."""
        if self._held and key_class is not self._class:
            yield await self._page()
        counted = self.counts.setdefault(key_class, Counted())
        counted.records += 1
        counted.erased += record.get("erased") is True
        self._class = key_class
        self._held.append((kind, record))
        self._size += len(orjson.dumps(record))
        if self._size >= PAGE_BYTES or len(self._held) >= PAGE_RECORDS:
            yield await self._page()

    async def end(self, about: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The last page, what the part is about, and its end."""
        if self._held:
            yield await self._page()
        yield await self._about(about)
        yield f"end {self.lines}\n".encode()

    async def _page(self) -> bytes:
        assert self._class is not None
        counted = self.counts[self._class]
        counted.pages += 1
        name = f"{self._class}-{self.service}-{counted.pages:04}"
        title = f"{words(self._class)}, page {counted.pages}"
        held, self._held, self._size = self._held, [], 0
        document = {
            "format": FORMAT,
            "service": self.service,
            "class": self._class,
            "page": counted.pages,
            "records": [{"type": kind, **record} for kind, record in held],
        }
        about = f"Kept by {self.service}. Times are in UTC."
        records = [(words(kind), record) for kind, record in held]
        return await self._sealed(name, document, title, about, records)

    async def _about(self, about: Mapping[str, Any]) -> bytes:
        classes = {str(c): {"records": n.records, "erased": n.erased, "pages": n.pages} for c, n in self.counts.items()}
        document = {"format": FORMAT, "service": self.service, **about, "classes": classes}
        title, about_it = f"About this part: {words(self.service)}", "What it holds, and what is left out."
        return await self._sealed(f"about-{self.service}", document, title, about_it, [("Summary", document)])

    async def _sealed(
        self,
        name: str,
        document: Mapping[str, Any],
        title: str,
        about: str,
        records: Sequence[tuple[str, Mapping[str, Any]]],
    ) -> bytes:
        self.lines += 1
        return await asyncio.to_thread(_seal, self.recipient, name, document, html_page(title, about, records))


def _seal(recipient: Recipient, name: str, document: Mapping[str, Any], page: bytes) -> bytes:
    memory = BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as packed:
        for ending, content in (("json", orjson.dumps(document, option=orjson.OPT_INDENT_2)), ("html", page)):
            member = zipfile.ZipInfo(f"{name}.{ending}", _EARLIEST)
            member.external_attr = 0o600 << 16
            packed.writestr(member, content, zipfile.ZIP_DEFLATED)
    return recipient.seal(memory.getvalue(), PAGE_TYPE) + b"\n"
