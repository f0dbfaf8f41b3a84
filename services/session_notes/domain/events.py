"""Every event type this service ever wrote."""

from typing import Any, Final

from services.session_notes.boundaries.domain.events import BOUNDARY_EVENTS
from services.session_notes.concerns.domain.concerns import CONCERN_EVENTS
from services.session_notes.domain.clients import ClientRegistered
from services.session_notes.domain.notes import (
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
from services.session_notes.domain.sessions import SessionCorrected, SessionEnteredInError, SessionWasHeld, SessionWasMissed
from services.session_notes.domain.waiting import NoteBeganToWait, NoteStoppedWaiting
from services.session_notes.moments.domain.moments import MOMENT_EVENTS
from services.session_notes.plans.domain.events import PLAN_EVENTS
from services.session_notes.risk.domain.records import RISK_EVENTS
from shared.sealing.event import EventTypes


def _as_it_was(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 added what may be absent."""
    return data


COURSE_EVENTS: Final = (*MOMENT_EVENTS, *PLAN_EVENTS, *BOUNDARY_EVENTS, *CONCERN_EVENTS, *RISK_EVENTS)
EVENT_TYPES: Final = EventTypes(
    ClientRegistered,
    SessionWasHeld,
    SessionWasMissed,
    SessionCorrected,
    SessionEnteredInError,
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
    *COURSE_EVENTS,
    upcasters={(form.TYPE, 1): _as_it_was for form in (SessionWasHeld, SessionWasMissed, ProgressNoteSigned)},
)
