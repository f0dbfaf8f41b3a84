"""Records as the JSON that callers see, with the notices that go with them. An erased one has the same shape, emptied."""

from dataclasses import asdict
from typing import Any, Final

from services.session_notes.application.clients import ClientRead
from services.session_notes.application.reading import NoteRead
from services.session_notes.application.searching import Found
from services.session_notes.application.sessions import SessionRead
from services.session_notes.domain.facts import at_the_place, is_late
from services.session_notes.domain.notes import Signature
from services.session_notes.domain.sessions import SessionDetails
from services.session_notes.session_facts.domain.service_codes import suggested
from shared.gate.ask import Opened
from shared.identity.roles import Role

ERASED: Final = "erased"
ENTERED_IN_ERROR: Final = "entered_in_error"
_NO_DETAILS: Final[dict[str, Any]] = {
    name: [] if info.default == () else None for name, info in SessionDetails.model_fields.items()
}
"""of an erased session: the same shape, emptied"""


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
    """`members`, the other clients who came, are shown to staff alone: a client's own record does not list others. So are the
    service codes that nobody has chosen yet."""
    state, facts = read.state, read.details
    details = dict(_NO_DETAILS) if facts is None else facts.model_dump(mode="json")
    details |= {"late_entry": facts is not None and is_late(facts.ended_at, state.created_at, facts.zone)}
    details |= {"at_the_place": None if facts is None or facts.zone is None else _local(facts, facts.zone)}
    if to in (Role.CLIENT, Role.REPRESENTATIVE):
        del details["members"]
    else:
        details["suggested_services"] = [] if facts is None else [asdict(one) for one in suggested(facts)]
    return {
        "id": str(state.session_id),
        "client_id": str(state.client_id),
        "therapist_id": state.therapist_id,
        "held": state.held,
        "status": _status(read),
        "in_error": _in_error(read),
        "erased": read.details is None,
        **details,
        "notices": opened.notices(state.session_id),
        "version": state.version,
        "created_at": state.created_at,
        "changed_at": state.changed_at,
    }


def _local(facts: SessionDetails, zone: str) -> dict[str, str | None]:
    return at_the_place(facts.started_at, facts.ended_at, zone)


def _status(read: SessionRead) -> str:
    if read.details is None:
        return ERASED
    return "recorded" if read.state.in_error is None else ENTERED_IN_ERROR


def _in_error(read: SessionRead) -> dict[str, Any] | None:
    mark = read.state.in_error
    return None if mark is None else {"reason": read.in_error or "", "by": mark.by, "at": mark.at}


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
        "returns": [] if held_back else [{"reason": r.text, "by": r.by, "at": r.at} for r in read.returns],
        "in_error": _note_in_error(read, held_back=bool(held_back)),
        "amendments": [a.view() for a in read.amendments],
        "notices": opened.notices(note.note_id),
        "created_at": note.created_at,
        "updated_at": note.updated_at,
    }


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
        "session_id": str(note.session_id),
        "status": str(note.status),
        "sections": list(found.sections),
        "created_at": note.created_at,
    }


def _signature(signature: Signature) -> dict[str, Any]:
    return {"by": signature.by, "at": signature.at, "digest": signature.digest}
