"""Records as the JSON that callers see, with the notices that go with them. An erased one has the same shape, emptied."""

from typing import Any

from services.session_notes.application.clients import ClientRead
from services.session_notes.application.reading import NoteRead
from services.session_notes.application.searching import Found
from services.session_notes.application.sessions import SessionRead
from services.session_notes.domain.notes import Signature
from shared.gate.ask import Opened
from shared.identity.roles import Role

ERASED = "erased"


def client_view(read: ClientRead, opened: Opened) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "name": "",
        "birth_date": None,
        "identifiers": [],
        "pronouns": None,
        "language": None,
        "phone": None,
        "email": None,
        "address": None,
    }
    identity = empty if read.identity is None else read.identity.model_dump(mode="json")
    return {
        "id": str(read.client_id),
        "status": ERASED if read.identity is None else "active",
        "erased": read.identity is None,
        **identity,
        "notices": opened.notices(read.client_id),
        "version": read.version,
        "created_at": read.created_at,
    }


def session_view(read: SessionRead, opened: Opened, *, to: Role) -> dict[str, Any]:
    """`members`, the other clients who came, are shown to staff alone: a client's own record does not list others."""
    empty: dict[str, Any] = {
        "participants": [],
        "started_at": None,
        "ended_at": None,
        "modality": None,
        "format": None,
        "attendance": None,
        "members": [],
    }
    details = empty if read.details is None else read.details.model_dump(mode="json")
    if to in (Role.CLIENT, Role.REPRESENTATIVE):
        del details["members"]
    return {
        "id": str(read.session_id),
        "client_id": str(read.client_id),
        "therapist_id": read.therapist_id,
        "held": read.held,
        "status": ERASED if read.details is None else "recorded",
        "erased": read.details is None,
        **details,
        "notices": opened.notices(read.session_id),
        "version": read.version,
        "created_at": read.created_at,
    }


def note_view(read: NoteRead, opened: Opened) -> dict[str, Any]:
    note, content = read.note, read.content
    # labels hold for a whole note, so what a consent holds back is all that it says, and the labels that would tell
    held_back = opened.redactions(note.note_id)
    return {
        "id": str(note.note_id),
        "kind": str(note.kind),
        "client_id": str(note.client_id),
        "session_id": str(note.session_id),
        "author": note.author,
        "format": str(content.format) if content is not None and content.format is not None else None,
        "sections": {} if content is None or held_back else content.sections,
        "labels": [] if content is None or held_back else list(content.labels),
        "redacted": bool(held_back),
        "status": ERASED if content is None else str(note.status),
        "erased": content is None,
        "version": note.version,
        "signatures": [_signature(s) for s in note.signatures],
        "cosignatures": [_signature(s) for s in note.cosignatures],
        "addenda": [] if held_back else [{"text": a.text, "by": a.by, "at": a.at} for a in read.addenda],
        "amendments": [a.view() for a in read.amendments],
        "notices": opened.notices(note.note_id),
        "created_at": note.created_at,
        "updated_at": note.updated_at,
    }


def found_view(found: Found) -> dict[str, Any]:
    """Where a note holds the words; its text is read by `GET /v1/notes/{id}`."""
    note = found.note
    return {
        "id": str(note.note_id),
        "kind": str(note.kind),
        "client_id": str(note.client_id),
        "session_id": str(note.session_id),
        "status": str(note.status),
        "sections": list(found.sections),
        "created_at": note.created_at,
    }


def _signature(signature: Signature) -> dict[str, Any]:
    return {"by": signature.by, "at": signature.at, "digest": signature.digest}
