"""An exported bundle checked without the server: a ZIP, a verifier key, and nothing else (ADR 0024).

Shown are: that every file is the one that the manifest names; that each row's payload is what was committed to, at its index, in
a tree that the log signed, and the witnesses that are asked for cosigned; that CSV and NDJSON say what the payloads say.
Not shown: the PDF's words (its hash alone), and that no row was left out, which the log itself shows to who reads it whole.
"""

import hashlib
import json
import zipfile
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from services.audit_log.ledger.domain.checkpoint import Checkpoint, parse_text
from services.audit_log.ledger.domain.cosignature import Cosigner, open_cosigned
from services.audit_log.ledger.domain.leaf import commit
from services.audit_log.ledger.domain.merkle import ProofInvalid, leaf_hash, verify_inclusion
from services.audit_log.ledger.domain.payload import entry_of
from services.audit_log.ledger.domain.signed_note import Ed25519Verifier, NoteInvalid
from services.audit_log.ledger.domain.tlog_proof import parse_proof
from services.audit_log.reports.domain.rows import COLUMNS, cells
from shared.values.csv_text import csv_bytes

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
NDJSON: Final = "rows.ndjson"
CSV: Final = "rows.csv"
PDF: Final = "report.pdf"
CHUNK: Final = 1 << 20
_MAX_LINE: Final = 4 << 20


class BundleInvalid(Exception):
    """The bundle does not hold what it says; the message names the first thing that is wrong."""


@dataclass(slots=True)
class Checked:
    rows: int = 0
    proved: int = 0
    """rows whose payload is what was committed to"""
    place_only: list[int] = field(default_factory=list)
    """indexes of rows without their payload (erased, or not for this reader): their place in the log is proved, their words are
    the word of whoever handed the bundle over"""
    checkpoints: dict[int, int] = field(default_factory=dict)
    """size of a checkpoint → how many witnesses cosigned it"""
    manifest: dict[str, Any] = field(default_factory=dict)


def proof_name(index: int) -> str:
    return f"proofs/{index:012d}.tlog-proof"


def check_bundle(file: Path, log: Ed25519Verifier, cosigners: Sequence[Cosigner] = (), quorum: int = 0) -> Checked:
    """Raises BundleInvalid."""
    try:
        with zipfile.ZipFile(file) as bundle:
            return _Check(bundle, log, cosigners, quorum).run()
    except (zipfile.BadZipFile, KeyError, OSError, UnicodeDecodeError, json.JSONDecodeError, NotImplementedError) as error:
        raise BundleInvalid(f"it cannot be read: {type(error).__name__}") from None


class _Check:
    def __init__(self, bundle: zipfile.ZipFile, log: Ed25519Verifier, cosigners: Sequence[Cosigner], quorum: int) -> None:
        self._bundle, self._log, self._cosigners, self._quorum = bundle, log, cosigners, quorum
        self._opened: dict[bytes, Checkpoint] = {}
        self._checked = Checked()

    def run(self) -> Checked:
        manifest = json.loads(self._bundle.read(MANIFEST))
        if not isinstance(manifest, dict) or manifest.get("version") != VERSION or not isinstance(manifest.get("files"), dict):
            raise BundleInvalid(f"the manifest is not one of version {VERSION}")
        if manifest.get("origin") != self._log.name:
            raise BundleInvalid("it is of another log than the key that was given")
        self._checked.manifest = manifest
        self._files(manifest["files"])
        table, indexes = hashlib.sha256(csv_bytes([COLUMNS], quoted=True)), []
        for row in self._rows():
            indexes.append(self._row(row, table))
        if len(set(indexes)) != len(indexes):
            raise BundleInvalid("a row stands in it twice")
        if len(indexes) != manifest.get("rows"):
            raise BundleInvalid(f"the manifest says {manifest.get('rows')} rows, there are {len(indexes)}")
        if {proof_name(i) for i in indexes} != {n for n in manifest["files"] if n.startswith("proofs/")}:
            raise BundleInvalid("rows and proofs do not belong together")
        if table.hexdigest() != manifest["files"][CSV]:
            raise BundleInvalid(f"{CSV} does not say what the rows say")
        return self._checked

    def _files(self, named: dict[str, Any]) -> None:
        names = self._bundle.namelist()
        if len(names) != len(set(names)) or set(names) != {*named, MANIFEST}:
            raise BundleInvalid("its files are not those that the manifest names")
        for name, wanted in named.items():
            digest = hashlib.sha256()
            with self._bundle.open(name) as content:
                while chunk := content.read(CHUNK):
                    digest.update(chunk)
            if digest.hexdigest() != wanted:
                raise BundleInvalid(f"{name} was changed")

    def _rows(self) -> Iterator[dict[str, Any]]:
        with self._bundle.open(NDJSON) as lines:
            while line := lines.readline(_MAX_LINE):
                row = json.loads(line)
                if not isinstance(row, dict) or not isinstance(row.get("index"), int):
                    raise BundleInvalid(f"{NDJSON} has a line that is no row")
                yield row

    def _row(self, row: dict[str, Any], table: "hashlib._Hash") -> int:
        index: int = row["index"]
        self._checked.rows += 1
        try:
            leaf = b64decode(row["leaf"], validate=True)
            self._prove(index, leaf)
            shown = row["cells"]
            if not isinstance(shown, list) or len(shown) != len(COLUMNS) or shown[0] != str(index):
                raise BundleInvalid(f"row {index} has not the columns of a row")
            if row.get("payload") is None:
                self._checked.place_only.append(index)
            else:
                payload, salt = row["payload"].encode(), b64decode(row["salt"], validate=True)
                if commit(salt, payload) != leaf:
                    raise BundleInvalid(f"the payload of row {index} is not what was logged")
                if list(cells(index, entry_of(payload), erased=False)) != shown:
                    raise BundleInvalid(f"row {index} does not say what was logged")
                self._checked.proved += 1
        except (KeyError, TypeError, AttributeError, ValueError, Base64Error):
            raise BundleInvalid(f"row {index} is malformed") from None
        table.update(csv_bytes([tuple(shown)], quoted=True))
        return index

    def _prove(self, index: int, leaf: bytes) -> None:
        try:
            proof = parse_proof(self._bundle.read(proof_name(index)))
            checkpoint = self._opened.get(proof.checkpoint) or self._open(proof.checkpoint)
            if proof.index != index:
                raise BundleInvalid(f"the proof of row {index} is of another entry")
            verify_inclusion(index, checkpoint.size, leaf_hash(leaf), proof.path, checkpoint.root)
        except (ProofInvalid, NoteInvalid) as error:
            raise BundleInvalid(f"the proof of row {index} does not hold: {error}") from None

    def _open(self, note: bytes) -> Checkpoint:
        text, found = open_cosigned(note, self._log, self._cosigners, self._quorum)
        checkpoint = parse_text(text)
        if checkpoint.origin != self._log.name:
            raise NoteInvalid("the checkpoint is of another log")
        self._opened[note] = checkpoint
        self._checked.checkpoints[checkpoint.size] = len({c.name for c in found})
        return checkpoint
