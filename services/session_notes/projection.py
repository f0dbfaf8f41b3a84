"""From an event to the rows of the index: one pure function, for the live index and for one that is built anew."""

from typing import Final

from services.session_notes.clients.domain.clients import ClientRegistered
from services.session_notes.course.adapters.table import course_rows
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.events import EVENT_TYPES
from services.session_notes.notes.domain.notes import (
    NoteStatus,
    ProgressNoteAddendum,
    ProgressNoteCosigned,
    ProgressNoteDrafted,
    ProgressNoteEnteredInError,
    ProgressNoteReturned,
    ProgressNoteSigned,
    PsychotherapyNoteCosigned,
    PsychotherapyNoteDrafted,
    PsychotherapyNoteEnteredInError,
    PsychotherapyNoteSigned,
)
from services.session_notes.sessions.domain.sessions import (
    SessionCorrected,
    SessionEnteredInError,
    SessionWasHeld,
    SessionWasMissed,
)
from shared.contracts.course import CourseEvent
from shared.eventstore.model import Statement
from shared.eventstore.projection import ReadModel
from shared.sealing.event import Event

_NEW_CLIENT: Final = "INSERT INTO client (tenant_id, client_id, created_at) VALUES ($1, $2, $3)"
_NEW_SESSION: Final = (
    "INSERT INTO session (tenant_id, session_id, client_id, held, created_at, therapist_id, changed_at, in_error) "
    "VALUES ($1, $2, $3, $4, $5, $6, $5, false)"
)
_SESSION_CORRECTED: Final = (
    "UPDATE session SET held = $3, therapist_id = $4, changed_at = $5 WHERE tenant_id = $1 AND session_id = $2"
)
_SESSION_IN_ERROR: Final = (
    "UPDATE session SET held = false, in_error = true, changed_at = $3 WHERE tenant_id = $1 AND session_id = $2"
)
_NEW_NOTE: Final = (
    "INSERT INTO note (tenant_id, note_id, session_id, client_id, kind, author, created_at, status, cosignature_due) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false)"
)
_NOTE_STATUS: Final = "UPDATE note SET status = $3 WHERE tenant_id = $1 AND note_id = $2"
_NOTE_SIGNED: Final = "UPDATE note SET status = $3, cosignature_due = $4 WHERE tenant_id = $1 AND note_id = $2"
_NOTE_ADDED_TO: Final = "UPDATE note SET status = $3 WHERE tenant_id = $1 AND note_id = $2 AND status = $4"


def project(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in the index; nothing for most."""
    match event:
        case ClientRegistered():
            return (Statement(_NEW_CLIENT, (tenant, event.client_id, event.at)),)
        case SessionWasHeld() | SessionWasMissed():
            held = isinstance(event, SessionWasHeld)
            about = (tenant, event.session_id, event.client_id, held, event.at, event.therapist_id)
            return (Statement(_NEW_SESSION, about),)
        case SessionCorrected():
            return (Statement(_SESSION_CORRECTED, (tenant, event.session_id, event.held, event.therapist_id, event.at)),)
        case SessionEnteredInError():
            return (Statement(_SESSION_IN_ERROR, (tenant, event.session_id, event.at)),)
        case ProgressNoteDrafted() | PsychotherapyNoteDrafted():
            kind = NoteKind.PROGRESS if isinstance(event, ProgressNoteDrafted) else NoteKind.PSYCHOTHERAPY
            args = (tenant, event.note_id, event.session_id, event.client_id, str(kind), event.by, event.at)
            return (Statement(_NEW_NOTE, (*args, str(NoteStatus.DRAFT))),)
        case ProgressNoteSigned() | PsychotherapyNoteSigned():
            due = isinstance(event, ProgressNoteSigned) and event.cosignature_due
            return (Statement(_NOTE_SIGNED, (tenant, event.note_id, str(NoteStatus.SIGNED), due)),)
        case ProgressNoteCosigned() | PsychotherapyNoteCosigned():
            return (Statement(_NOTE_STATUS, (tenant, event.note_id, str(NoteStatus.COSIGNED))),)
        case ProgressNoteReturned():
            return (Statement(_NOTE_STATUS, (tenant, event.note_id, str(NoteStatus.RETURNED))),)
        case ProgressNoteAddendum():
            states = (str(NoteStatus.SIGNED), str(NoteStatus.RETURNED))
            return (Statement(_NOTE_ADDED_TO, (tenant, event.note_id, *states)),)
        case ProgressNoteEnteredInError() | PsychotherapyNoteEnteredInError():
            return (Statement(_NOTE_STATUS, (tenant, event.note_id, str(NoteStatus.ENTERED_IN_ERROR))),)
        case CourseEvent():
            return course_rows(tenant, event)
        case _:
            return ()


READ_MODEL: Final = ReadModel(("client", "session", "note", "course_record", "course_part"), EVENT_TYPES, project)
"""Not among them: `prompt`, a copy of another service's messages, and what is no read model (idempotency, parked,
notes that wait for the gate)."""
