"""C2SP tlog-proof v1: index, inclusion proof and signed checkpoint in one text that verifies offline.

The `extra` line carries the leaf's bytes, so that the text alone leads from leaf to signed root; that the leaf stands for an
entry is shown by the entry's payload and salt (see `leaf.py`).
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final

from services.audit_log.ledger.domain.checkpoint import Checkpoint, open_checkpoint
from services.audit_log.ledger.domain.merkle import HASH_SIZE, ProofInvalid, leaf_hash, verify_inclusion
from services.audit_log.ledger.domain.signed_note import NoteInvalid, Verifier

HEADER: Final = "c2sp.org/tlog-proof@v1"
MEDIA_TYPE: Final = "text/plain; charset=utf-8"
_INDEX = re.compile(r"index (0|[1-9]\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TlogProof:
    index: int
    path: tuple[bytes, ...]
    """hashes from the leaf's sibling up"""
    checkpoint: bytes
    """the signed note, as served"""
    extra: bytes | None = None

    def text(self) -> bytes:
        lines = [HEADER]
        if self.extra is not None:
            lines.append("extra " + b64encode(self.extra).decode())
        lines.append(f"index {self.index}")
        lines += [b64encode(h).decode() for h in self.path]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint


def parse_proof(text: bytes) -> TlogProof:
    """The parts of a proof, nothing verified yet. Raises ProofInvalid."""
    head, gap, checkpoint = text.partition(b"\n\n")
    if not gap:
        raise ProofInvalid("the proof has no checkpoint")
    try:
        lines = head.decode("ascii").split("\n")
        if lines.pop(0) != HEADER:
            raise ProofInvalid("not a c2sp.org/tlog-proof@v1")
        extra = _base64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
        match = _INDEX.fullmatch(lines.pop(0)) if lines else None
        path = tuple(_base64(line) for line in lines)
    except (UnicodeDecodeError, Base64Error, ValueError):
        raise ProofInvalid("the proof is malformed") from None
    if match is None or any(len(h) != HASH_SIZE for h in path):
        raise ProofInvalid("the proof is malformed")
    return TlogProof(int(match[1]), path, checkpoint, extra)


def verify_proof(text: bytes, leaf: bytes, verifier: Verifier) -> Checkpoint:
    """The signed checkpoint under which `leaf` stands at the proof's index. Raises ProofInvalid."""
    proof = parse_proof(text)
    try:
        checkpoint = open_checkpoint(proof.checkpoint, verifier)
    except NoteInvalid as error:
        raise ProofInvalid(str(error)) from None
    verify_inclusion(proof.index, checkpoint.size, leaf_hash(leaf), proof.path, checkpoint.root)
    return checkpoint


def _base64(text: str) -> bytes:
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data
