"""Two kinds of notes, two streams, two key classes (ADR 0050): draft → signed → co-signed, then addenda, never overwritten."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.notes.domain.sections import NoteFormat
from shared.contracts.records import KeyClass
from shared.contracts.session_notes import PROGRESS_NOTE_SIGNED
from shared.sealing.event import Event
from shared.sealing.field import Sealed


class NoteStatus(StrEnum):
    DRAFT = "draft"
    SIGNED = "signed"
    COSIGNED = "cosigned"
    RETURNED = "returned"
    """by a supervisor: what was signed stays, and the author answers with an addendum"""
    ENTERED_IN_ERROR = "entered_in_error"


class NoteType(StrEnum):
    """What a progress note is for."""

    INTAKE = "intake"
    PROGRESS = "progress"
    TREATMENT_SUMMARY = "treatment_summary"
    DISCHARGE = "discharge"
    CONTACT = "contact"
    """by telephone or mail"""
    COLLATERAL = "collateral"
    """with somebody else about the client"""
    NO_SHOW = "no_show"
    CRISIS = "crisis"
    CONSULTATION = "consultation"


class NoteContent(BaseModel):
    """What a note says: sealed as one field. A psychotherapy note has no format and no type."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    format: NoteFormat | None = None
    type: NoteType | None = None
    """of a progress note; sealed, because `crisis` tells as much as a word. None where it was written before there were types"""
    sections: dict[str, str]
    labels: tuple[str, ...] = ()
    """security labels as the gate's registry has them: a label tells as much as a word, so it is sealed here"""


class _Note(Event):
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    by: str
    """`sub` of who wrote this event"""
    at: datetime


class _Signature(_Note):
    of_version: int
    """version of the note's stream whose content is signed"""
    digest: str
    """SHA-256 (hex) of that event's data as stored: of ciphertext, so that it outlives an erasure"""


class ProgressNoteDrafted(_Note):
    TYPE: ClassVar[str] = "session-notes.progress-note-drafted"
    SCHEMA_VERSION: ClassVar[int] = 2
    """2: `session_id` may be null, the content has a type"""
    session_id: UUID | None = None
    """None: it documents a contact outside a session"""
    content: Annotated[Sealed[NoteContent], KeyClass.PROGRESS_NOTE]


class ProgressNoteRevised(_Note):
    TYPE: ClassVar[str] = "session-notes.progress-note-revised"
    SCHEMA_VERSION: ClassVar[int] = 2
    """2: the content has a type"""
    content: Annotated[Sealed[NoteContent], KeyClass.PROGRESS_NOTE]


class ProgressNoteSigned(_Signature):
    TYPE: ClassVar[str] = PROGRESS_NOTE_SIGNED
    SCHEMA_VERSION: ClassVar[int] = 2
    """2: `cosignature_due`"""
    cosignature_due: bool = False
    """signed in training: a supervisor has to co-sign it"""


class ProgressNoteCosigned(_Signature):
    TYPE: ClassVar[str] = "session-notes.progress-note-cosigned"


class ProgressNoteAddendum(_Note):
    TYPE: ClassVar[str] = "session-notes.progress-note-addendum"
    text: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class ProgressNoteReturned(_Note):
    """A supervisor asks the author to add to what was signed."""

    TYPE: ClassVar[str] = "session-notes.progress-note-returned"
    reason: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class ProgressNoteEnteredInError(_Note):
    TYPE: ClassVar[str] = "session-notes.progress-note-entered-in-error"
    reason: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


class PsychotherapyNoteEnteredInError(_Note):
    TYPE: ClassVar[str] = "session-notes.psychotherapy-note-entered-in-error"
    reason: Annotated[Sealed[str], KeyClass.PSYCHOTHERAPY_NOTE]


class PsychotherapyNoteDrafted(_Note):
    TYPE: ClassVar[str] = "session-notes.psychotherapy-note-drafted"
    SCHEMA_VERSION: ClassVar[int] = 2
    """2: the content of all notes has a type, which is null here"""
    session_id: UUID
    content: Annotated[Sealed[NoteContent], KeyClass.PSYCHOTHERAPY_NOTE]


class PsychotherapyNoteRevised(_Note):
    TYPE: ClassVar[str] = "session-notes.psychotherapy-note-revised"
    SCHEMA_VERSION: ClassVar[int] = 2
    """2: the content of all notes has a type, which is null here"""
    content: Annotated[Sealed[NoteContent], KeyClass.PSYCHOTHERAPY_NOTE]


class PsychotherapyNoteSigned(_Signature):
    TYPE: ClassVar[str] = "session-notes.psychotherapy-note-signed"


class PsychotherapyNoteCosigned(_Signature):
    """In training under supervision (45 CFR 164.508(a)(2)(i)(B)): whether that is so, the gate decides."""

    TYPE: ClassVar[str] = "session-notes.psychotherapy-note-cosigned"


class PsychotherapyNoteAddendum(_Note):
    TYPE: ClassVar[str] = "session-notes.psychotherapy-note-addendum"
    text: Annotated[Sealed[str], KeyClass.PSYCHOTHERAPY_NOTE]


Drafted = ProgressNoteDrafted | PsychotherapyNoteDrafted
Revised = ProgressNoteRevised | PsychotherapyNoteRevised
Signed = ProgressNoteSigned | PsychotherapyNoteSigned
Addendum = ProgressNoteAddendum | PsychotherapyNoteAddendum
Cosigned = ProgressNoteCosigned | PsychotherapyNoteCosigned
InError = ProgressNoteEnteredInError | PsychotherapyNoteEnteredInError
NoteEvent = Drafted | Revised | Signed | Cosigned | Addendum | ProgressNoteReturned | InError


@dataclass(frozen=True, slots=True)
class Recorded:
    """A note's event as it stands in its stream."""

    event: NoteEvent
    version: int
    digest: str
    """SHA-256 (hex) of its data as stored"""


@dataclass(frozen=True, slots=True)
class Signature:
    by: str
    at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class AddendumText:
    text: Sealed[str]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a note was returned, or was entered in error."""

    text: Sealed[str]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A note folded from its stream; content and addenda stay closed until the record's key opens them."""

    kind: NoteKind
    note_id: UUID
    client_id: UUID
    session_id: UUID | None
    author: str
    status: NoteStatus
    version: int
    content: Sealed[NoteContent]
    content_version: int
    content_digest: str
    created_at: datetime
    updated_at: datetime
    signatures: tuple[Signature, ...] = ()
    cosignatures: tuple[Signature, ...] = ()
    addenda: tuple[AddendumText, ...] = ()
    returns: tuple[Reason, ...] = ()
    in_error: Reason | None = None


def evolve(note: Note | None, recorded: Recorded) -> Note:
    """The note after one more event of its stream."""
    event, version = recorded.event, recorded.version
    if isinstance(event, Drafted):
        return Note(
            kind=NoteKind.PROGRESS if isinstance(event, ProgressNoteDrafted) else NoteKind.PSYCHOTHERAPY,
            note_id=event.note_id,
            client_id=event.client_id,
            session_id=event.session_id,
            author=event.by,
            status=NoteStatus.DRAFT,
            version=version,
            content=event.content,
            content_version=version,
            content_digest=recorded.digest,
            created_at=event.at,
            updated_at=event.at,
        )
    if note is None:
        raise ValueError("a note's stream begins with its draft")
    note = replace(note, version=version, updated_at=event.at)
    match event:
        case ProgressNoteRevised() | PsychotherapyNoteRevised():
            return replace(note, content=event.content, content_version=version, content_digest=recorded.digest)
        case ProgressNoteCosigned() | PsychotherapyNoteCosigned():
            signature = Signature(event.by, event.at, event.digest)
            return replace(note, status=NoteStatus.COSIGNED, cosignatures=(*note.cosignatures, signature))
        case ProgressNoteSigned() | PsychotherapyNoteSigned():
            signature = Signature(event.by, event.at, event.digest)
            return replace(note, status=NoteStatus.SIGNED, signatures=(*note.signatures, signature))
        case ProgressNoteAddendum() | PsychotherapyNoteAddendum():
            added = AddendumText(event.text, event.by, event.at)
            answered = NoteStatus.SIGNED if note.status is NoteStatus.RETURNED else note.status
            return replace(note, status=answered, addenda=(*note.addenda, added))
        case ProgressNoteReturned():
            returned = Reason(event.reason, event.by, event.at)
            return replace(note, status=NoteStatus.RETURNED, returns=(*note.returns, returned))
        case ProgressNoteEnteredInError() | PsychotherapyNoteEnteredInError():
            return replace(note, status=NoteStatus.ENTERED_IN_ERROR, in_error=Reason(event.reason, event.by, event.at))
