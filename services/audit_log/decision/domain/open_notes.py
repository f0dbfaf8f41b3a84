"""How a progress note stands towards its client: signed or not, and held back by an exception or not (45 CFR 171.201, 171.202).

A hold is for one note, by one of two exceptions, with a reason and an end. The client learns that something is held and until
when: never what, by which exception or why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

LONGEST: Final = timedelta(days=365)
"""of one hold; to hold longer, somebody places another one, with its reason"""
HELD: Final = "held"
"""reason of a denial; it tells nothing of the exception, since the client may read it"""


class HoldException(StrEnum):
    PREVENTING_HARM = "preventing_harm"
    """45 CFR 171.201"""
    PRIVACY = "privacy"
    """45 CFR 171.202"""


@dataclass(frozen=True, slots=True)
class NoteHold:
    id: str
    note_id: str
    client_id: str
    exception: HoldException
    until: datetime
    placed_by: str
    placed_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.until


@dataclass(frozen=True, slots=True)
class NoteStanding:
    signed: bool
    held_until: datetime | None = None
    """until when it is held back now"""

    def written(self) -> str:
        """For the ledger's entry; `draft` where it is not signed."""
        return self.held_until.isoformat() if self.signed and self.held_until else "" if self.signed else "draft"


OPEN: Final = NoteStanding(signed=True)


def standing_of(written: str | None) -> NoteStanding:
    """What an entry says; of an entry that says nothing, an open note."""
    if not written:
        return OPEN
    return NoteStanding(False) if written == "draft" else NoteStanding(True, datetime.fromisoformat(written))


Standings = Mapping[str, NoteStanding]
"""record id → how the note stands"""
