"""From an event to the rows of the index: one pure function, for the live index and for one that is built anew."""

from typing import Final

from services.session_notes.domain.clients import ClientRegistered
from services.session_notes.domain.events import EVENT_TYPES
from services.session_notes.domain.notes import NoteKind, ProgressNoteDrafted, PsychotherapyNoteDrafted
from services.session_notes.domain.sessions import SessionWasHeld, SessionWasMissed
from shared.eventstore.model import Statement
from shared.eventstore.projection import ReadModel
from shared.sealing.event import Event

_NEW_CLIENT: Final = "INSERT INTO client (tenant_id, client_id, created_at) VALUES ($1, $2, $3)"
_NEW_SESSION: Final = "INSERT INTO session (tenant_id, session_id, client_id, held, created_at) VALUES ($1, $2, $3, $4, $5)"
_NEW_NOTE: Final = (
    "INSERT INTO note (tenant_id, note_id, session_id, client_id, kind, author, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
)


def project(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in the index; nothing for most."""
    match event:
        case ClientRegistered():
            return (Statement(_NEW_CLIENT, (tenant, event.client_id, event.at)),)
        case SessionWasHeld() | SessionWasMissed():
            held = isinstance(event, SessionWasHeld)
            return (Statement(_NEW_SESSION, (tenant, event.session_id, event.client_id, held, event.at)),)
        case ProgressNoteDrafted() | PsychotherapyNoteDrafted():
            kind = NoteKind.PROGRESS if isinstance(event, ProgressNoteDrafted) else NoteKind.PSYCHOTHERAPY
            args = (tenant, event.note_id, event.session_id, event.client_id, str(kind), event.by, event.at)
            return (Statement(_NEW_NOTE, args),)
        case _:
            return ()


READ_MODEL: Final = ReadModel(("client", "session", "note"), EVENT_TYPES, project)
"""Not among them: `prompt`, a copy of another service's messages, and what is no read model (idempotency, parked,
notes that wait for the gate)."""
