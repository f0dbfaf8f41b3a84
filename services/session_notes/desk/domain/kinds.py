"""The two kinds of notes (ADR 0050)."""

from enum import StrEnum
from uuid import UUID

from shared.contracts.records import RecordType


class NoteKind(StrEnum):
    PROGRESS = "progress"
    PSYCHOTHERAPY = "psychotherapy"

    @property
    def record_type(self) -> RecordType:
        return RecordType.PROGRESS_NOTE if self is NoteKind.PROGRESS else RecordType.PSYCHOTHERAPY_NOTE

    def stream(self, note_id: UUID) -> str:
        return f"{self}-note/{note_id}"
