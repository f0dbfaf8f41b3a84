"""The ledger's state in plain words: how long it is, what was signed last, who co-signed it, and when it was last recomputed."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from services.audit_log.domain.checkpoint import Checkpoint, parse_text
from services.audit_log.domain.note import NoteInvalid

VERIFY_EVERY: Final = timedelta(days=7)
_COSIGNATURE_BYTES: Final = (4 + 8 + 64,)
"""C2SP tlog-cosignature v1: key id, time, Ed25519 signature"""


class Mood(StrEnum):
    GOOD = "good"
    LOOK = "look"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Cosignature:
    witness: str
    at: datetime
    """when the witness signed, by its own clock"""


@dataclass(frozen=True, slots=True)
class Verified:
    """The last time the whole log was recomputed."""

    at: datetime
    by: str
    entries: int
    finding: str | None


@dataclass(frozen=True, slots=True)
class LedgerState:
    entries: int
    checkpoint: Checkpoint | None
    cosignatures: tuple[Cosignature, ...]
    verified: Verified | None
    refused: str | None
    now: datetime

    @property
    def waiting(self) -> int:
        """Entries that no signed checkpoint covers yet."""
        return max(0, self.entries - (self.checkpoint.size if self.checkpoint else 0))

    def lines(self) -> list[tuple[str, str, Mood]]:
        """Title, sentence and mood of each thing there is to know."""
        return [self._kept(), self._signed(), self._witnessed(), self._recomputed()]

    def _kept(self) -> tuple[str, str, Mood]:
        if self.refused:
            return "Entries", f"The log is not written any more: {self.refused}. An operator has to look at once.", Mood.BAD
        return "Entries", f"{counted(self.entries, 'entry', 'entries')} stand in the log, none of them removable.", Mood.GOOD

    def _signed(self) -> tuple[str, str, Mood]:
        if self.checkpoint is None:
            return "Signature", "Nothing is signed yet.", Mood.LOOK
        size = f"{self.checkpoint.size:,}"
        if self.waiting == 0:
            return "Signature", f"The last checkpoint signs all {size} entries.", Mood.GOOD
        text = f"The last checkpoint signs {size} entries; {self.waiting:,} newer ones follow within about a second."
        return "Signature", text, Mood.GOOD if self.waiting < 10_000 else Mood.LOOK

    def _witnessed(self) -> tuple[str, str, Mood]:
        if not self.cosignatures:
            return "Witnesses", "No witness has co-signed: only this deployment itself vouches for the log.", Mood.LOOK
        slowest = max(self.now - c.at for c in self.cosignatures)
        names = ", ".join(c.witness for c in self.cosignatures)
        mood = Mood.GOOD if slowest < timedelta(minutes=10) else Mood.LOOK
        return "Witnesses", f"Co-signed by {names}; the oldest of these signatures is {ago(slowest)} old.", mood

    def _recomputed(self) -> tuple[str, str, Mood]:
        if self.verified is None:
            return "Verification", "Nobody has had the whole log recomputed yet.", Mood.LOOK
        when = f"{ago(self.now - self.verified.at)} ago, by {self.verified.by}"
        if self.verified.finding:
            return "Verification", f"Recomputed {when}: it did not agree ({self.verified.finding}).", Mood.BAD
        mood = Mood.GOOD if self.now - self.verified.at < VERIFY_EVERY else Mood.LOOK
        return "Verification", f"Recomputed {when}: all {self.verified.entries:,} entries agree with what was signed.", mood


def read_note(note: bytes | None) -> tuple[Checkpoint | None, tuple[Cosignature, ...]]:
    """What a published checkpoint says, and the witnesses' signatures below it (form only: a verifier checks them)."""
    if note is None:
        return None, ()
    text, _, tail = note.decode("utf-8", "replace").rpartition("\n\n")
    try:
        checkpoint = parse_text(text + "\n")
    except NoteInvalid:
        return None, ()
    return checkpoint, tuple(_cosignatures(tail.splitlines(), checkpoint.origin))


def _cosignatures(lines: Sequence[str], origin: str) -> list[Cosignature]:
    found = []
    for line in lines:
        name, _, encoded = line.removeprefix("\u2014 ").partition(" ")
        try:
            blob = b64decode(encoded, validate=True)
        except (Base64Error, ValueError):
            continue
        if name == origin or len(blob) not in _COSIGNATURE_BYTES:
            continue
        seconds = int.from_bytes(blob[4:12], "big")
        if seconds < 2**40:
            found.append(Cosignature(name, datetime.fromtimestamp(seconds, UTC)))
    return found


def ago(span: timedelta) -> str:
    """As in `3 minutes`; never negative."""
    seconds = max(0, int(span.total_seconds()))
    for size, one, many in ((86_400, "day", "days"), (3_600, "hour", "hours"), (60, "minute", "minutes")):
        if seconds >= size:
            return counted(seconds // size, one, many)
    return counted(seconds, "second", "seconds")


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
