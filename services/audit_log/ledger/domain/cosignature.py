"""C2SP tlog-cosignature v1.0.1: what a witness says of a checkpoint, by Ed25519 (type 0x04) or ML-DSA-44 (type 0x06).

A cosignature is a timestamp (8 bytes, big-endian POSIX seconds) and a signature. The Ed25519 one is over the timestamp and the
whole text of the checkpoint, the ML-DSA one over names, time, size and root: so it says nothing about extension lines, and a
checkpoint that has any is not accepted under it.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from services.audit_log.ledger.domain.checkpoint import parse_text
from services.audit_log.ledger.domain.signed_note import (
    NoteInvalid,
    SignatureLine,
    Verifier,
    key_id,
    open_note,
    split_note,
    split_vkey,
)

ED25519_COSIGNATURE: Final = 0x04
MLDSA44_COSIGNATURE: Final = 0x06
_KEY_SIZES: Final = {ED25519_COSIGNATURE: 32, MLDSA44_COSIGNATURE: 1312}
_SIGNATURE_SIZES: Final = {ED25519_COSIGNATURE: 64, MLDSA44_COSIGNATURE: 2420}
_MAX_TIME: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's key. Implements `Verifier`."""

    name: str
    kind: int
    """0x04 or 0x06"""
    public: bytes
    """32 bytes (RFC 8032) or 1,312 bytes (FIPS 204)"""

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.kind, self.public)

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    def holds(self, text: bytes, signature: bytes) -> bool:
        if len(signature) != 8 + _SIGNATURE_SIZES[self.kind] or not 0 < timestamp_of(signature) <= _MAX_TIME:
            return False
        try:
            message = signed_message(self.kind, self.name, timestamp_of(signature), text.decode())
            if self.kind == ED25519_COSIGNATURE:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature[8:], message)
            else:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature[8:], message)
        except (InvalidSignature, NoteInvalid, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One that was verified."""

    name: str
    line: str
    """as it stands in a note, with its newline"""
    at: int
    """POSIX seconds by the witness's clock"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one witness stands to one log."""

    witness: str
    url: str
    size: int | None
    """entries that it cosigned; None where it never did"""
    behind: int
    """entries of the newest checkpoint beyond that"""
    cosigned_at: datetime | None
    lag: timedelta | None
    """since the newest checkpoint is not cosigned by it; zero where it is"""
    fault: str | None
    """why the last attempt failed, in words"""


def parse_cosigner(vkey: str) -> Cosigner:
    """Raises NoteInvalid."""
    name, kind, public = split_vkey(vkey)
    if _KEY_SIZES.get(kind) != len(public):
        raise NoteInvalid("not a witness's key: types 0x04 (Ed25519) and 0x06 (ML-DSA-44) are known")
    return Cosigner(name, kind, public)


def timestamp_of(signature: bytes) -> int:
    return int.from_bytes(signature[:8], "big")


def signed_message(kind: int, name: str, at: int, text: str) -> bytes:
    """What a cosignature of the checkpoint `text` is made over. Raises NoteInvalid where it is no checkpoint."""
    checkpoint = parse_text(text)
    if kind == ED25519_COSIGNATURE:
        return f"cosignature/v1\ntime {at}\n{text}".encode()
    if text != checkpoint.text():
        raise NoteInvalid("an ML-DSA cosignature says nothing about extension lines")
    names = []
    for each in (name.encode(), checkpoint.origin.encode()):
        if not 0 < len(each) < 256:
            raise NoteInvalid("a name in an ML-DSA cosignature has 1 to 255 bytes")
        names.append(bytes([len(each)]) + each)
    numbers = [number.to_bytes(8, "big") for number in (at, 0, checkpoint.size)]
    return b"".join((b"subtree/v1\n\x00", names[0], numbers[0], names[1], *numbers[1:], checkpoint.root))


def verified(text: str, lines: Iterable[SignatureLine], cosigners: Sequence[Cosigner]) -> list[Cosignature]:
    """The lines by known witnesses, those of others passed over. Raises NoteInvalid where a known one's does not verify."""
    known = {(c.name, c.id): c for c in cosigners}
    found = []
    for line in lines:
        cosigner = known.get((line.name, line.key_id))
        if cosigner is None:
            continue
        if not cosigner.holds(text.encode(), line.signature):
            raise NoteInvalid("a known witness's cosignature does not verify")
        found.append(Cosignature(cosigner.name, line.text(), timestamp_of(line.signature)))
    return found


def open_cosigned(note: bytes, log: Verifier, cosigners: Sequence[Cosigner], quorum: int) -> tuple[str, list[Cosignature]]:
    """Text and cosignatures of a checkpoint signed by the log and by at least `quorum` of the witnesses, each counted once by
    name, however many keys it has. Raises NoteInvalid."""
    text = open_note(note, log)
    found = verified(text, split_note(note)[1], cosigners)
    if len({c.name for c in found}) < quorum:
        raise NoteInvalid(f"{quorum} witnesses are asked for, {len({c.name for c in found})} cosigned the checkpoint")
    return text, found
