"""A report as a bundle: NDJSON, CSV and PDF, a proof for each row, and a manifest that binds them (ADR 0024).

Written to a file page by page, so that memory stays flat whatever its length; only then its own entry is made, which carries its
hash, and only then anything is handed out.
"""

import hashlib
import os
import tempfile
import zipfile
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from os import SEEK_END
from pathlib import Path
from typing import IO, Any, Final, Protocol

import orjson

from services.audit_log.ledger.application.ledger_view import EntryProof, Filters, StoredEntry
from services.audit_log.ledger.application.recipients import recipients_of
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.ledger.domain.sentences import Audience, sentence
from services.audit_log.reports.domain.export_check import CHUNK, CSV, MANIFEST, NDJSON, PDF, VERSION, proof_name
from services.audit_log.reports.domain.rows import COLUMNS, cells
from shared.values.csv_text import csv_bytes

PAGE: Final = 200
PDF_ROWS: Final = 1_000
"""rows that a PDF holds at most: it is for reading, the others are for keeping; laying out a thousand takes some seconds"""
MAX_ROWS: Final = 1_000_000


class TooMany(Exception):
    """More rows than one bundle holds: narrow the dates."""


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    title: str
    query: dict[str, Any]
    filters: Filters
    see: Callable[[StoredEntry], StoredEntry]
    """what of an entry the reader may see; the same object where it is all of it"""
    whole: Callable[[StoredEntry], bool]
    """whether the reader may have the payload itself"""
    audience: Audience
    recipients: bool
    """whether its sentences say to whom something was disclosed"""
    nothing: str
    """what it says where it has no row"""


class TooLarge(Exception):
    """The bundle does not fit the bytes that it may take."""


@dataclass(frozen=True, slots=True)
class Made:
    size: int
    sha256: str
    rows: int


class Log(Protocol):
    """What is read of the ledger; see `LedgerView`."""

    async def search(self, tenant: str, filters: Filters, *, before: int | None, limit: int) -> list[StoredEntry]: ...

    async def proofs(self, tenant: str, indexes: Sequence[int]) -> dict[int, EntryProof]: ...

    def vkey(self, tenant: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Told:
    """An entry as the PDF tells it."""

    index: int
    at: datetime
    sentence: str


class PdfWriter(Protocol):
    def __call__(self, title: str, about: Sequence[tuple[str, str]], rows: Sequence[Told], note: str) -> bytes: ...


class Exporter:
    """Runs in a worker process (`services/audit_log/worker.py`). `folder` takes the temporary files, `most_bytes` all of them."""

    def __init__(self, log: Log, pdf: PdfWriter, *, made_at: datetime, folder: Path, most_bytes: int) -> None:
        self._ledger, self._pdf, self._made_at = log, pdf, made_at
        self._folder, self._most = folder, most_bytes

    async def bundle(self, file: IO[bytes], tenant: str, by: str, report: Report) -> Made:
        """Writes the archive to `file`. Raises LedgerUnavailable, NotYetSigned, TooMany, TooLarge."""
        rows = await self._write(file, tenant, by, report)
        size = file.seek(0, SEEK_END)
        file.seek(0)
        return Made(size, hashlib.file_digest(file, "sha256").hexdigest(), rows)  # type: ignore[arg-type]

    async def _write(self, file: IO[bytes], tenant: str, by: str, report: Report) -> int:
        files: dict[str, str] = {}
        rows, note = 0, b""
        before: int | None = None
        told: list[Told] = []
        # CSV and NDJSON grow beside the archive, which takes one member at a time
        with tempfile.TemporaryFile(dir=self._folder) as ndjson, tempfile.TemporaryFile(dir=self._folder) as table:
            table.write(csv_bytes([COLUMNS], quoted=True))
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
                while found := await self._ledger.search(tenant, report.filters, before=before, limit=PAGE):
                    before = found[-1].index
                    rows += len(found)
                    if rows > MAX_ROWS:
                        raise TooMany
                    proofs = await self._ledger.proofs(tenant, [s.index for s in found])
                    named = await recipients_of(self._ledger, tenant, found) if report.recipients else {}
                    for stored in found:
                        proof = proofs[stored.index]
                        seen = report.see(stored)
                        row = cells(stored.index, seen.entry, erased=seen.erased)
                        ndjson.write(_line(proof, row, whole=seen is stored and report.whole(stored)))
                        table.write(csv_bytes([row], quoted=True))
                        name = proof_name(stored.index)
                        archive.writestr(name, proof.text)
                        files[name] = hashlib.sha256(proof.text).hexdigest()
                        if len(told) < PDF_ROWS:
                            recipient = named.get(stored.index)
                            said = sentence(seen.entry, report.audience, str(recipient) if recipient else None)
                            told.append(Told(stored.index, seen.entry.at, str(said)))
                        note = proof.text.partition(b"\n\n")[2]
                    self._bound(file, ndjson, table)
                for name, content in ((NDJSON, ndjson), (CSV, table)):
                    files[name] = _add(archive, name, content)
                    content.truncate(0)
                    self._bound(file, ndjson, table)
                pdf = self._pdf(
                    report.title, self._about(tenant, by, report, rows), told, _more(rows) if rows else report.nothing
                )
                archive.writestr(PDF, pdf)
                files[PDF] = hashlib.sha256(pdf).hexdigest()
                manifest = self._manifest(tenant, by, report, rows, note, files)
                archive.writestr(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
        return rows

    def _bound(self, *files: IO[bytes]) -> None:
        if sum(os.fstat(file.fileno()).st_size for file in files) > self._most:
            raise TooLarge

    def _manifest(self, tenant: str, by: str, report: Report, rows: int, note: bytes, files: dict[str, str]) -> dict[str, Any]:
        vkey = self._ledger.vkey(tenant)
        return {
            "version": VERSION,
            "report": report.name,
            "query": report.query,
            "made_at": instant(self._made_at),
            "made_by": by,
            "origin": vkey.partition("+")[0],
            "vkey": vkey,
            "rows": rows,
            "columns": list(COLUMNS),
            "checkpoint": note.decode() or None,
            "files": files,
        }

    def _about(self, tenant: str, by: str, report: Report, rows: int) -> list[tuple[str, str]]:
        asked = ", ".join(f"{k} {v}" for k, v in sorted(report.query.items())) or "everything"
        return [
            ("Log", self._ledger.vkey(tenant).partition("+")[0]),
            ("Made", f"{instant(self._made_at)} by {by}"),
            ("Asked for", asked),
            ("Rows", str(rows)),
        ]


def _line(proof: EntryProof, row: tuple[str, ...], *, whole: bool) -> bytes:
    given = whole and proof.payload is not None and proof.salt is not None
    line = {
        "index": proof.index,
        "cells": row,
        "leaf": b64encode(proof.leaf).decode(),
        "payload": proof.payload.decode() if given and proof.payload is not None else None,
        "salt": b64encode(proof.salt).decode() if given and proof.salt is not None else None,
    }
    return orjson.dumps(line) + b"\n"


def _add(archive: zipfile.ZipFile, name: str, content: IO[bytes]) -> str:
    content.seek(0)
    digest = hashlib.sha256()
    with archive.open(name, "w", force_zip64=True) as member:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
            member.write(chunk)
    return digest.hexdigest()


def _more(rows: int) -> str:
    return f"The first {PDF_ROWS:,} of {rows:,} rows; all of them are in {CSV} and {NDJSON}." if rows > PDF_ROWS else ""
