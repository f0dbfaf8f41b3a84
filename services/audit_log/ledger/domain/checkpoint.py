"""C2SP tlog-checkpoint v1.0.0: origin, size and root of a tree, as the text of a signed note. No extension lines."""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from services.audit_log.ledger.domain.merkle import HASH_SIZE
from services.audit_log.ledger.domain.signed_note import Ed25519Signer, NoteInvalid, Verifier, open_note

_TEXT = re.compile(r"([^\n]+)\n(0|[1-9]\d{0,18})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    """leaves in the tree"""
    root: bytes
    """32 bytes, RFC 6962"""

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def sign(self, signer: Ed25519Signer) -> bytes:
        return signer.sign(self.text())


def parse_text(text: str) -> Checkpoint:
    """The checkpoint that a note's text says. Raises NoteInvalid."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise NoteInvalid("the note is not a checkpoint")
    root = b64decode(match[3])
    if len(root) != HASH_SIZE or b64encode(root).decode() != match[3]:
        raise NoteInvalid("the root is not a SHA-256 hash")
    return Checkpoint(match[1], int(match[2]), root)


def open_checkpoint(note: bytes, *verifiers: Verifier) -> Checkpoint:
    """The checkpoint of a note signed by a key of the log, whose name is the origin. Raises NoteInvalid."""
    checkpoint = parse_text(open_note(note, *verifiers))
    if any(checkpoint.origin != verifier.name for verifier in verifiers):
        raise NoteInvalid("the checkpoint is of another log")
    return checkpoint
