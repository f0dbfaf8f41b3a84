"""The ledger's state in plain words: how long it is, what was signed last, who co-signed it, and when it was last recomputed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.audit_log.ledger.domain.checkpoint import Checkpoint
from services.audit_log.ledger.domain.cosignature import Standing

VERIFY_EVERY: Final = timedelta(days=7)
WITNESS_LATE: Final = timedelta(minutes=10)
"""how old a witness's last signature may be while newer entries wait for it"""


class Mood(StrEnum):
    GOOD = "good"
    LOOK = "look"
    BAD = "bad"


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
    witnesses: Sequence[Standing]
    """those that the deployment names"""
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
        newer = counted(self.waiting, "newer one follows", "newer ones follow")
        text = f"The last checkpoint signs {size} entries; {newer} within about a second."
        return "Signature", text, Mood.GOOD if self.waiting < 10_000 else Mood.LOOK

    def _witnessed(self) -> tuple[str, str, Mood]:
        if not any(w.size is not None for w in self.witnesses):
            why = "".join(f" {w.witness}: {w.fault}." for w in self.witnesses if w.fault)
            return "Witnesses", f"No witness has co-signed: only this deployment itself vouches for the log.{why}", Mood.LOOK
        mood = Mood.LOOK if any(self._late(w) for w in self.witnesses) else Mood.GOOD
        return "Witnesses", "; ".join(map(self._followed, self.witnesses)) + ".", mood

    def _late(self, w: Standing) -> bool:
        return bool(w.behind) and (w.cosigned_at is None or self.now - w.cosigned_at >= WITNESS_LATE)

    def _followed(self, w: Standing) -> str:
        if w.size is None or w.cosigned_at is None:
            text = f"{w.witness} has not co-signed yet"
        elif not w.behind:
            text = f"{w.witness} co-signed all of them, {ago(self.now - w.cosigned_at)} ago"
        else:
            text = f"{w.witness} co-signed {w.size:,}, {ago(self.now - w.cosigned_at)} ago, and is {w.behind:,} behind"
        return f"{text} ({w.fault})" if w.fault else text

    def _recomputed(self) -> tuple[str, str, Mood]:
        if self.verified is None:
            return "Verification", "Nobody has had the whole log recomputed yet.", Mood.LOOK
        when = f"{ago(self.now - self.verified.at)} ago, by {self.verified.by}"
        if self.verified.finding:
            return "Verification", f"Recomputed {when}: it did not agree ({self.verified.finding}).", Mood.BAD
        mood = Mood.GOOD if self.now - self.verified.at < VERIFY_EVERY else Mood.LOOK
        return "Verification", f"Recomputed {when}: all {self.verified.entries:,} entries agree with what was signed.", mood


def ago(span: timedelta) -> str:
    """As in `3 minutes`; never negative."""
    seconds = max(0, int(span.total_seconds()))
    for size, one, many in ((86_400, "day", "days"), (3_600, "hour", "hours"), (60, "minute", "minutes")):
        if seconds >= size:
            return counted(seconds // size, one, many)
    return counted(seconds, "second", "seconds")


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
