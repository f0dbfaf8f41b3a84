"""Checking a whole log: leaves from payloads and salts, the tree from the leaves, the root against a signed checkpoint.

Pure: rows are fed in order of index, so that it works for a database, an export, or a list in a test. The report names the
first difference and what it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.audit_log.ledger.domain.checkpoint import Checkpoint
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.leaf import commit
from services.audit_log.ledger.domain.merkle import HASH_SIZE, leaf_hash
from services.audit_log.ledger.domain.payload import Columns, RecordRows, columns_of, entry_of, records_of
from services.audit_log.ledger.domain.tiles import WIDTH, GrowingTree

ERASED: Final = "erased"
"""key in the `detail` of an erasure's entry: the indexes whose payload it deleted"""


class Finding(StrEnum):
    EDITED = "edited"
    """an entry, or what it is found by, does not say any more what was committed to"""
    REMOVED = "removed"
    """an entry is missing from the middle, or its payload without an erasure that says so"""
    REORDERED = "reordered"
    """entries stand at one another's index"""
    TRUNCATED = "truncated"
    """the signed log is longer than the stored one"""
    TREE = "tree"
    """entries are as signed, but the stored tree hashes are not: proofs made from them will not verify"""
    UNSIGNED = "unsigned"
    """there are entries, but no checkpoint signed by the log's key"""


@dataclass(frozen=True, slots=True)
class Row:
    """One stored entry; `payload` and `salt` are None where they are not there any more."""

    index: int
    leaf: bytes
    payload: bytes | None
    salt: bytes | None
    columns: Columns
    records: RecordRows


@dataclass(frozen=True, slots=True)
class Report:
    tenant: str
    ok: bool
    entries: int
    """rows read"""
    signed: int
    """size of the checkpoint that they were compared with"""
    erased: int
    """payloads deleted by an erasure that is itself in the log"""
    finding: Finding | None
    index: int | None
    """of the first difference; None where there is none, or it cannot be told"""
    what: str
    """the finding in words"""


class LogCheck:
    """Feed every row in order of index, then ask for the report."""

    def __init__(self, tenant: str, checkpoint: Checkpoint | None, stored_tiles: Mapping[tuple[int, int], bytes]) -> None:
        """`stored_tiles` by (level, index): they tell where a difference is, as long as they hash to the signed root."""
        self._tenant, self._checkpoint, self._stored = tenant, checkpoint, stored_tiles
        self._signed = checkpoint.size if checkpoint else 0
        self._expected = _leaves(stored_tiles, self._signed)
        self._tiles_hold = checkpoint is None or _tree(self._expected)[0] == checkpoint.root
        self._place = {h: i for i, h in enumerate(self._expected)} if self._tiles_hold else {}
        self._leaves: list[bytes] = []
        self._rows = self._next = 0
        self._missing: list[int] = []
        self._erasures: set[int] = set()
        self._moved: dict[int, int | None] = {}
        """index → where that was signed which stands there now; None where it was signed nowhere"""
        self._findings: list[tuple[int, Finding, str]] = []

    def feed(self, row: Row) -> None:
        self._rows += 1
        if row.index != self._next:
            self._found(self._next, Finding.REMOVED, f"entry {self._next} is missing, the next one there is {row.index}")
        self._next = row.index + 1
        found = leaf_hash(row.leaf)
        if row.index < self._signed:
            self._leaves.append(found)
            if self._tiles_hold and self._expected[row.index] != found:
                self._moved.setdefault(row.index, self._place.get(found))
        if row.payload is None or row.salt is None:
            self._missing.append(row.index)
        else:
            self._check_payload(row, row.payload, row.salt)

    def report(self) -> Report:
        for index in self._missing:
            if index not in self._erasures:
                self._found(index, Finding.REMOVED, f"the payload of entry {index} is missing, and no erasure says so")
        if self._moved:
            self._displaced()
        if self._next < self._signed:
            what = f"{self._signed} entries were signed, but the stored log ends before entry {self._next}"
            self._found(self._next, Finding.TRUNCATED, what)
        first = min(self._findings, key=lambda f: f[0], default=None)
        place, finding, what = first or (None, *self._whole())
        return Report(
            tenant=self._tenant,
            ok=finding is None,
            entries=self._rows,
            signed=self._signed,
            erased=sum(i in self._erasures for i in self._missing),
            finding=finding,
            index=place,
            what=what,
        )

    def _whole(self) -> tuple[Finding | None, str]:
        """What remains to be said where every entry fits its own leaf and stands in a dense row."""
        if self._checkpoint is None:
            if self._rows:
                return Finding.UNSIGNED, "there are entries, but no checkpoint signed by this log's key"
        else:
            root, tiles = _tree(self._leaves)
            if root != self._checkpoint.root:
                return (
                    Finding.EDITED,
                    "the entries do not hash to the signed root; the stored tree was changed too: where is unknown",
                )
            if any(self._stored.get(place, b"")[: len(tile)] != tile for place, tile in tiles.items()):
                return Finding.TREE, "the entries are as they were signed, but the stored tree hashes are not"
        return None, "every entry is as it was signed, and in its place"

    def _check_payload(self, row: Row, payload: bytes, salt: bytes) -> None:
        leaf = commit(salt, payload)
        if leaf != row.leaf:
            self._moved.setdefault(row.index, self._place.get(leaf_hash(leaf)))
            return
        try:
            entry = entry_of(payload)
        except (ValueError, KeyError, TypeError):
            self._found(row.index, Finding.EDITED, f"the payload of entry {row.index} is not an entry")
            return
        if columns_of(entry) != row.columns or set(records_of(entry)) != set(row.records):
            what = f"what entry {row.index} is found by differs from what it says: a search would miss it"
            self._found(row.index, Finding.EDITED, what)
        erased = entry.detail.get(ERASED)
        if entry.kind is EntryKind.ERASURE and isinstance(erased, list):
            self._erasures.update(i for i in erased if isinstance(i, int) and i < row.index)

    def _displaced(self) -> None:
        """Says of the first entry that is not what was signed there whether it was changed, moved, or pulled up."""
        index = min(self._moved)
        place = self._moved[index]
        if place is None:
            self._found(index, Finding.EDITED, f"entry {index} is not what was signed there")
        elif place == index + 1 and self._moved.get(place) != index:
            self._found(index, Finding.REMOVED, f"entry {index} is missing: what was signed as {place} stands in its place")
        else:
            self._found(index, Finding.REORDERED, f"what was signed as entry {place} stands at {index}")

    def _found(self, index: int, finding: Finding, what: str) -> None:
        self._findings.append((index, finding, what))


def _leaves(tiles: Mapping[tuple[int, int], bytes], size: int) -> list[bytes]:
    blob = b"".join(tiles.get((0, index), b"") for index in range((size + WIDTH - 1) // WIDTH))
    return [blob[i : i + HASH_SIZE] for i in range(0, size * HASH_SIZE, HASH_SIZE)]


def _tree(leaves: Iterable[bytes]) -> tuple[bytes, dict[tuple[int, int], bytes]]:
    tree = GrowingTree()
    tiles = tree.extend(leaves)
    return tree.root(), tiles
