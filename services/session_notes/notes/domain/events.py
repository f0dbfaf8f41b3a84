"""Every event type of notes that was ever written."""

from typing import Any, Final

from services.session_notes.notes.domain.notes import (
    ProgressNoteAddendum,
    ProgressNoteCosigned,
    ProgressNoteDrafted,
    ProgressNoteEnteredInError,
    ProgressNoteReturned,
    ProgressNoteRevised,
    ProgressNoteSigned,
    PsychotherapyNoteAddendum,
    PsychotherapyNoteCosigned,
    PsychotherapyNoteDrafted,
    PsychotherapyNoteEnteredInError,
    PsychotherapyNoteRevised,
    PsychotherapyNoteSigned,
)
from services.session_notes.notes.domain.waiting import NoteBeganToWait, NoteStoppedWaiting
from shared.sealing.event import EventTypes


def _as_it_was(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 added what may be absent."""
    return data


_SECOND: Final = (
    ProgressNoteDrafted,
    ProgressNoteRevised,
    ProgressNoteSigned,
    PsychotherapyNoteDrafted,
    PsychotherapyNoteRevised,
)
EVENT_TYPES: Final = EventTypes(
    ProgressNoteDrafted,
    ProgressNoteRevised,
    ProgressNoteSigned,
    ProgressNoteCosigned,
    ProgressNoteAddendum,
    ProgressNoteReturned,
    ProgressNoteEnteredInError,
    PsychotherapyNoteDrafted,
    PsychotherapyNoteRevised,
    PsychotherapyNoteSigned,
    PsychotherapyNoteCosigned,
    PsychotherapyNoteAddendum,
    PsychotherapyNoteEnteredInError,
    NoteBeganToWait,
    NoteStoppedWaiting,
    upcasters={(form.TYPE, 1): _as_it_was for form in _SECOND},
)
