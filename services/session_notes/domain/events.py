"""Every event type this service ever wrote."""

from typing import Final

from services.session_notes.domain.clients import ClientRegistered
from services.session_notes.domain.notes import (
    ProgressNoteAddendum,
    ProgressNoteCosigned,
    ProgressNoteDrafted,
    ProgressNoteRevised,
    ProgressNoteSigned,
    PsychotherapyNoteAddendum,
    PsychotherapyNoteCosigned,
    PsychotherapyNoteDrafted,
    PsychotherapyNoteRevised,
    PsychotherapyNoteSigned,
)
from services.session_notes.domain.sessions import SessionWasHeld, SessionWasMissed
from services.session_notes.domain.waiting import NoteBeganToWait, NoteStoppedWaiting
from shared.sealing.event import EventTypes

EVENT_TYPES: Final = EventTypes(
    ClientRegistered,
    SessionWasHeld,
    SessionWasMissed,
    ProgressNoteDrafted,
    ProgressNoteRevised,
    ProgressNoteSigned,
    ProgressNoteCosigned,
    ProgressNoteAddendum,
    PsychotherapyNoteDrafted,
    PsychotherapyNoteRevised,
    PsychotherapyNoteSigned,
    PsychotherapyNoteCosigned,
    PsychotherapyNoteAddendum,
    NoteBeganToWait,
    NoteStoppedWaiting,
)
