"""A note that was written while the gate was away: that it waits, and what became of it, by ids and times alone (ADR 0015).

What it says waits beside the events, in a table from which it can be taken away; only once it is reconciled does it become an
event of the note's own stream, sealed as every other.
"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from services.session_notes.desk.domain.kinds import NoteKind
from shared.sealing.event import Event


class NoteBeganToWait(Event):
    TYPE: ClassVar[str] = "session-notes.note-began-to-wait"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    session_id: UUID
    kind: NoteKind
    by: str
    key_id: str
    """of the gate's key that it is sealed to"""
    at: datetime


class WaitingEnded(StrEnum):
    RECONCILED = "reconciled"
    DROPPED = "dropped"
    """its client's data was erased, or nobody can open it any more"""


class NoteStoppedWaiting(Event):
    TYPE: ClassVar[str] = "session-notes.note-stopped-waiting"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    ended: WaitingEnded
    at: datetime


def waiting_stream(note_id: UUID) -> str:
    return f"waiting/{note_id}"
