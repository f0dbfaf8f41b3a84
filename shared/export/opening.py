"""An archive opened by whoever holds its key: no server, nothing but the file and the key or passphrase (ADR 0054).

The archive is a ZIP: `README.txt`, `key.jwe` where a passphrase guards the key, and the pages `0001.jwe`, `0002.jwe`, …
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, Any, Final

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from shared.contracts.records import ServiceName
from shared.export.pages import FORMAT
from shared.export.passphrase import open_key
from shared.export.recipient import MOST_SEALED, Jwes, Key

KEY_FILE: Final = "key.jwe"
README_FILE: Final = "README.txt"
PARTS: Final = (ServiceName.SESSION_NOTES, ServiceName.CONSENT, ServiceName.ALLIANCE, ServiceName.AUDIT_LOG)
"""who adds to an archive, in this order"""
MOST_OPENED: Final = 256 * 1_048_576
"""bytes of one page in the clear: what says that it is longer is not opened"""
_PAGE: Final = re.compile(r"\d{4,9}\.jwe")
_NAME: Final = re.compile(r"[a-z_]{1,40}(-[a-z_]{1,40}){0,2}(-\d{4,9})?\.(json|html)")


class ArchiveBroken(Exception):
    """Not an archive of this kind, cut off, changed, sealed for another key, or not whole; the message says which."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    name: str
    """`progress_note-session_notes-0001.json`: nothing but letters, digits, `_` and `-`"""
    content: bytes
    done: int
    """pages opened so far, this one included"""
    pages: int
    """pages of the archive"""


@dataclass
class Archive:
    """`with Archive(file) as archive:` … `archive.unlock_with_passphrase(…)`, then `archive.files()` once, to its end."""

    file: IO[bytes]
    abouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """what each service says of its part, once it was opened"""
    _zip: zipfile.ZipFile | None = None
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def __enter__(self) -> "Archive":
        try:
            self._zip = zipfile.ZipFile(self.file)
        except (zipfile.BadZipFile, OSError):
            raise ArchiveBroken("this is no whole archive: the download may have been cut off, so export it again") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()

    @property
    def has_passphrase(self) -> bool:
        return KEY_FILE in self._open.namelist()

    def key(self, passphrase: str) -> Key:
        """The private key that the passphrase guards. WrongPassphrase, ArchiveBroken where there is none."""
        if not self.has_passphrase:
            raise ArchiveBroken("no passphrase opens this archive: it was sealed for a public key, whose private key is needed")
        return open_key(self._read(KEY_FILE, 16_384), passphrase)

    def files(self, key: Key) -> Iterator[OpenedFile]:
        """Every file, page after page. ArchiveBroken where a page does not open, and at the end where some are missing."""
        names = sorted((n for n in self._open.namelist() if _PAGE.fullmatch(n)), key=lambda n: int(n.partition(".")[0]))
        for done, name in enumerate(names, start=1):
            for member, content in _unpacked(_unsealed(self._read(name, MOST_SEALED + 4_096), key), name):
                if member.endswith(".json"):
                    self._count(content, name)
                yield OpenedFile(member, content, done, len(names))
        self._whole()

    def _count(self, content: bytes, name: str) -> None:
        try:
            document = orjson.loads(content)
            if document["format"] != FORMAT:
                raise ArchiveBroken(f"{name} is of another format than {FORMAT}: use the version that made it")
            if "classes" in document:
                self.abouts[document["service"]] = document
            else:
                place = document["service"], document["class"]
                self._seen[place] = self._seen.get(place, 0) + 1
                if self._seen[place] != document["page"]:
                    raise ArchiveBroken(f"{name} is out of order: a page is missing, or stands there twice")
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ArchiveBroken(f"{name} holds no page") from None

    def _whole(self) -> None:
        missing = [s for s in PARTS if s not in self.abouts]
        if missing:
            raise ArchiveBroken(f"the archive is not whole: the part of {', '.join(missing)} is missing")
        said = {(s, c): n["pages"] for s, about in self.abouts.items() for c, n in about["classes"].items()}
        if said != self._seen:
            raise ArchiveBroken("the archive is not whole: pages are missing that its parts speak of")

    @property
    def _open(self) -> zipfile.ZipFile:
        assert self._zip is not None, "with Archive(…) as archive:"
        return self._zip

    def _read(self, name: str, most: int) -> bytes:
        try:
            if self._open.getinfo(name).file_size > most:
                raise ArchiveBroken(f"{name} is longer than any page")
            return self._open.read(name)
        except (zipfile.BadZipFile, OSError, EOFError, KeyError):
            raise ArchiveBroken(f"{name} cannot be read: the file was changed or damaged") from None


def _unsealed(sealed: bytes, key: Key) -> bytes:
    algorithm = "RSA-OAEP-256" if isinstance(key, RSAKey) else "ECDH-ES"
    try:
        plain = jwe.decrypt_compact(sealed, key, registry=Jwes(algorithm)).plaintext
    except (JoseError, ValueError, TypeError, KeyError):
        raise ArchiveBroken("a page does not open with this key: it was sealed for another one, or was changed") from None
    return plain or b""


def _unpacked(plain: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(BytesIO(plain)) as packed:
            for member in packed.infolist():
                if not _NAME.fullmatch(member.filename) or member.file_size > MOST_OPENED:
                    raise ArchiveBroken(f"{name} holds what no page holds")
                yield member.filename, packed.read(member)
    except (zipfile.BadZipFile, EOFError):
        raise ArchiveBroken(f"{name} holds no page") from None
