"""A note as the JSON that callers see, with the notices that go with it. An erased one has the same shape, emptied."""

from typing import Any

from services.session_notes.desk.api.surface import ERASED
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.notes.application.reading import NoteRead
from services.session_notes.notes.application.searching import Found
from services.session_notes.notes.domain.notes import NoteContent, NoteType, Signature
from shared.gate.ask import Opened


def note_view(read: NoteRead, opened: Opened) -> dict[str, Any]:
    note, content = read.note, read.content
    # labels hold for a whole note, so what a consent holds back is all that it says, and the labels that would tell
    held_back = opened.redactions(note.note_id)
    return {
        "id": str(note.note_id),
        "kind": str(note.kind),
        "client_id": str(note.client_id),
        "session_id": None if note.session_id is None else str(note.session_id),
        "author": note.author,
        "type": None if content is None or held_back else _type(note.kind, content),
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
        "returns": [] if held_back else [{"reason": r.text, "by": r.by, "at": r.at} for r in read.returns],
        "in_error": _note_in_error(read, held_back=bool(held_back)),
        "amendments": [a.view() for a in read.amendments],
        "notices": opened.notices(note.note_id),
        "created_at": note.created_at,
        "updated_at": note.updated_at,
    }


def _type(kind: NoteKind, content: NoteContent) -> str | None:
    """A progress note from before there were types is one of progress."""
    return str(content.type or NoteType.PROGRESS) if kind is NoteKind.PROGRESS else None


def _note_in_error(read: NoteRead, *, held_back: bool) -> dict[str, Any] | None:
    mark = read.note.in_error
    if mark is None:
        return None
    reason = "" if held_back or read.in_error is None else read.in_error.text
    return {"reason": reason, "by": mark.by, "at": mark.at}


def found_view(found: Found) -> dict[str, Any]:
    """Where a note holds the words; its text is read by `GET /v1/notes/{id}`."""
    note = found.note
    return {
        "id": str(note.note_id),
        "kind": str(note.kind),
        "client_id": str(note.client_id),
        "session_id": None if note.session_id is None else str(note.session_id),
        "status": str(note.status),
        "sections": list(found.sections),
        "created_at": note.created_at,
    }


def _signature(signature: Signature) -> dict[str, Any]:
    return {"by": signature.by, "at": signature.at, "digest": signature.digest}
