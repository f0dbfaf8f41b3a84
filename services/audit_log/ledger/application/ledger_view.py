"""What is read from the ledger: entries, proofs, tiles, checkpoints, and where the last checkpoint is anchored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.ledger.domain.accounting import ACTIONS, NOT_ACCOUNTED, accounted_since
from services.audit_log.ledger.domain.checkpoint import Checkpoint
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.verification import Report


@dataclass(frozen=True, slots=True)
class StoredEntry:
    index: int
    entry: Entry
    """of an erased payload: what the columns still say, with empty name, reason, basis and detail"""
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """All that are set must hold; an empty list means any. Times are aware; `until` is exclusive."""

    client_id: str | None = None
    agent: str | None = None
    """`sub`, or the name under which somebody acted (any case)"""
    since: datetime | None = None
    until: datetime | None = None
    outcome: str | None = None
    purpose: str | None = None
    record_id: str | None = None
    kinds: Sequence[str] = ()
    actions: Sequence[str] = ()
    purposes_besides: Sequence[str] = ()
    """leaves out these purposes, and entries without one"""
    hiding: str | None = None
    """a record type: leaves out entries that concern records of this type and no others"""
    besides: Sequence[int] = ()
    """leaves out these indexes"""
    indexes: Sequence[int] = ()
    """of these entries alone"""

    def for_the_client(self, kinds: Sequence[str], hiding: str) -> "Filters":
        """The same, as the client may search their own record."""
        return replace(self, kinds=kinds, hiding=hiding)

    def accounted(self, today: datetime) -> "Filters":
        """Of these, what an accounting of disclosures holds (45 CFR 164.528)."""
        since = accounted_since(today)
        return replace(
            self,
            kinds=(EntryKind.DISCLOSURE.value,),
            actions=ACTIONS,
            outcome="permit",
            since=max(since, self.since) if self.since else since,
            purposes_besides=NOT_ACCOUNTED,
        )


@dataclass(frozen=True, slots=True)
class EntryProof:
    """Enough for a stranger with the log's vkey to check that the entry was logged, unchanged, at its index."""

    index: int
    leaf: bytes
    salt: bytes | None
    """None where the payload was erased: then the proof still holds for the leaf"""
    payload: bytes | None
    """canonical JSON (RFC 8785), the bytes that were committed to"""
    checkpoint: Checkpoint
    text: bytes
    """C2SP tlog-proof"""


@dataclass(frozen=True, slots=True)
class CosignedCheckpoint:
    """The newest checkpoint that a witness cosigned."""

    witness: str
    size: int
    note: bytes
    """the checkpoint as the log signed it"""
    lines: str
    """the witness's signature lines, each with its newline"""
    cosigned_at: datetime
    """by the witness's clock"""
    collected_at: datetime

    def whole(self) -> bytes:
        """The note with the witness's signatures."""
        return self.note + self.lines.encode()


def cosigned_note(note: bytes, cosigned: Sequence[CosignedCheckpoint]) -> bytes:
    """The note with every cosignature that there is of exactly this checkpoint."""
    return note + "".join(c.lines for c in cosigned if c.note == note).encode()


def best_cosigned(cosigned: Sequence[CosignedCheckpoint], index: int) -> bytes | None:
    """Of the checkpoints that cover the entry, the one that most witnesses cosigned, the newest of these."""
    covering = {c.note: c.size for c in cosigned if c.size > index}
    if not covering:
        return None
    note = max(covering, key=lambda n: (sum(c.note == n for c in cosigned), covering[n]))
    return cosigned_note(note, cosigned)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs or signed a log."""

    vkey: str
    since_size: int
    """entries of the first checkpoint that it signed"""
    since: datetime
    current: bool


class NoSuchEntry(Exception):
    """The log has no entry at this index."""


class NotYetSigned(Exception):
    """The entry is durable, but no checkpoint covers it yet: ask again in a second."""


class LedgerView(Ledger, Protocol):
    """The ledger as the API uses it. LedgerUnavailable where the database does not answer."""

    async def entry(self, tenant: str, index: int) -> StoredEntry:
        """Raises NoSuchEntry."""

    async def search(self, tenant: str, filters: Filters, *, before: int | None = None, limit: int = 50) -> list[StoredEntry]:
        """Newest first, below index `before`."""

    async def agents(self, tenant: str, who: str) -> list[str]:
        """The `sub`s that `Filters.agent` would find, sorted."""

    async def proof(self, tenant: str, index: int) -> EntryProof:
        """Against the newest cosigned checkpoint where it covers the entry, else against the newest; waits up to 1.5 s for one
        that covers it. NoSuchEntry, NotYetSigned."""

    async def proofs(self, tenant: str, indexes: Sequence[int]) -> dict[int, EntryProof]:
        """Of many entries under one checkpoint. Raises as `proof` does."""

    async def checkpoint(self, tenant: str) -> bytes | None:
        """The newest signed checkpoint (a C2SP note), with the cosignatures that there are of it; None for a log without one."""

    async def cosigned(self, tenant: str) -> list[CosignedCheckpoint]:
        """What each witness cosigned last, by name."""

    async def vkeys(self, tenant: str) -> list[SigningKey]:
        """Every key that signed this log, the oldest first."""

    async def tile(self, tenant: str, level: int, index: int, width: int) -> bytes:
        """A tile of the published tree, 1 to 256 hashes wide. Raises NoSuchTile."""

    async def entry_bundle(self, tenant: str, index: int, width: int) -> bytes:
        """Leaves of the published tree as a C2SP entry bundle. Raises NoSuchTile."""

    def refused(self) -> dict[str, str]:
        """Tenants whose log is not written or signed, and why."""

    def vkey(self, tenant: str) -> str:
        """The log's C2SP verifier key."""

    async def verify(self, tenant: str) -> Report:
        """Every leaf recomputed from payload and salt, the tree from the leaves, and compared with the signed checkpoint."""


class AnchorMoved(Exception):
    """Somebody else swapped the anchor: the expected note is not the stored one."""


class CheckpointAnchor(Protocol):
    """Keeps the last signed checkpoint of each tenant outside the ledger's database."""

    async def tenants(self) -> list[str]:
        """Tenants with an anchor."""

    async def load(self, tenant: str) -> bytes | None: ...

    async def swap(self, tenant: str, expected: bytes | None, note: bytes) -> None:
        """Replace `expected` by `note`, durable when it returns. Raises AnchorMoved, OSError."""
