"""What may be done to a note, and what happens then: pure deciders, one a command."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.desk.domain.refusals import Flaw, NotTheAuthor, WrongState, refuse_any
from services.session_notes.notes.domain.notes import (
    Addendum,
    Cosigned,
    Drafted,
    InError,
    Note,
    NoteContent,
    NoteStatus,
    NoteType,
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
    Revised,
    Signed,
)
from services.session_notes.notes.domain.sections import (
    PSYCHOTHERAPY_NOTE_LABEL,
    NoteFormat,
    label_flaws,
    progress_flaws,
    psychotherapy_flaws,
    section_names,
)
from shared.sealing.field import Sealed

MAX_ADDENDUM: Final = 20_000
"""characters of an addendum"""


def progress_content(
    format: NoteFormat, sections: dict[str, str], labels: tuple[str, ...], type: NoteType = NoteType.PROGRESS
) -> NoteContent:
    """Content of a progress note, its missing sections empty. Raises Unfit."""
    refuse_any([*progress_flaws(format, sections), *label_flaws(labels)])
    names = section_names(format, sections)
    filled = {name: sections.get(name, "") for name in names}
    return NoteContent(format=format, type=type, sections=filled, labels=labels)


def psychotherapy_content(sections: dict[str, str]) -> NoteContent:
    """Content of a psychotherapy note. Raises Unfit where it holds what 45 CFR 164.501 keeps out of it."""
    refuse_any(psychotherapy_flaws(sections))
    return NoteContent(sections=sections, labels=(PSYCHOTHERAPY_NOTE_LABEL,))


def draft(
    kind: NoteKind,
    content: NoteContent,
    *,
    note_id: UUID,
    client_id: UUID,
    session_id: UUID | None,
    held: bool,
    by: str,
    at: datetime,
) -> Drafted:
    """WrongState for a psychotherapy note without a session that took place: it analyses a conversation."""
    sealed = Sealed(content)
    if kind is NoteKind.PROGRESS:
        return ProgressNoteDrafted(client_id=client_id, note_id=note_id, session_id=session_id, content=sealed, by=by, at=at)
    if session_id is None or not held:
        raise WrongState("A psychotherapy note analyses a session that took place: use a progress note for a missed one.")
    return PsychotherapyNoteDrafted(client_id=client_id, note_id=note_id, session_id=session_id, content=sealed, by=by, at=at)


def revised_content(
    note: Note,
    before: NoteContent,
    *,
    format: NoteFormat | None,
    sections: dict[str, str],
    labels: tuple[str, ...] | None,
    type: NoteType | None = None,
) -> NoteContent:
    """Content after a change of the draft. Labels stay: relabelling is an action of its own. Raises Unfit."""
    if labels is not None and set(labels) != set(before.labels):
        refuse_any([Flaw("/labels", "labels are not changed with the text: leave them out or send them as they are")])
    if note.kind is NoteKind.PROGRESS:
        return progress_content(
            format or before.format or NoteFormat.NARRATIVE, sections, before.labels, type or before.type or NoteType.PROGRESS
        )
    told = {"format": format, "type": type}
    refuse_any([Flaw(f"/{name}", f"a psychotherapy note has no {name}") for name, value in told.items() if value is not None])
    return psychotherapy_content(sections)


def revise(note: Note, content: NoteContent, *, by: str, at: datetime) -> Revised:
    """NotTheAuthor; WrongState once it is signed."""
    _only_author(note, by)
    _still_draft(note)
    model = ProgressNoteRevised if note.kind is NoteKind.PROGRESS else PsychotherapyNoteRevised
    return model(client_id=note.client_id, note_id=note.note_id, content=Sealed(content), by=by, at=at)


def revised_section(note: Note, before: NoteContent, key: str, text: str) -> NoteContent:
    """Content of the draft with one section written anew; an empty one leaves a psychotherapy note. Raises Unfit."""
    sections = {**before.sections, key: text}
    if note.kind is NoteKind.PSYCHOTHERAPY and not text.strip():
        del sections[key]
    return revised_content(note, before, format=None, sections=sections, labels=None)


def return_to_author(note: Note, reason: str, *, by: str, at: datetime) -> ProgressNoteReturned:
    """WrongState for what is not signed, and for a psychotherapy note. Who may, the gate has decided."""
    if note.kind is NoteKind.PSYCHOTHERAPY:
        raise WrongState("A psychotherapy note is its author's own: it is not returned.")
    _not_in_error(note)
    if note.status is NoteStatus.DRAFT:
        raise WrongState("The author signs first.")
    if by == note.author:
        raise WrongState("Somebody else than the author returns a note.")
    return ProgressNoteReturned(client_id=note.client_id, note_id=note.note_id, reason=Sealed(reason), by=by, at=at)


def enter_in_error(note: Note, reason: str, *, by: str, at: datetime) -> InError:
    """NotTheAuthor; WrongState where it was marked before. The text stays readable, with the mark."""
    _only_author(note, by)
    _not_in_error(note)
    model = ProgressNoteEnteredInError if note.kind is NoteKind.PROGRESS else PsychotherapyNoteEnteredInError
    return model(client_id=note.client_id, note_id=note.note_id, reason=Sealed(reason), by=by, at=at)


def sign(note: Note, *, by: str, at: datetime, in_training: bool = False) -> Signed:
    """NotTheAuthor; WrongState where it was signed before. A section may stay empty: what was not observed is not invented.
    What is signed in training waits for a co-signature."""
    _only_author(note, by)
    _not_in_error(note)
    if note.status is not NoteStatus.DRAFT:
        raise WrongState("The note has been signed already.")
    signed: dict[str, Any] = {
        "client_id": note.client_id,
        "note_id": note.note_id,
        "of_version": note.content_version,
        "digest": note.content_digest,
        "by": by,
        "at": at,
    }
    if note.kind is NoteKind.PROGRESS:
        return ProgressNoteSigned(**signed, cosignature_due=in_training)
    return PsychotherapyNoteSigned(**signed)


def cosign(note: Note, *, by: str, at: datetime) -> Cosigned:
    """WrongState for a draft, the author, and who has co-signed it already. Who may, the gate has decided."""
    _not_in_error(note)
    if note.status is NoteStatus.DRAFT:
        raise WrongState("The author signs first.")
    if by == note.author:
        raise WrongState("A co-signature is somebody else's than the author's.")
    if any(s.by == by for s in note.cosignatures):
        raise WrongState("You have co-signed this note already.")
    model = ProgressNoteCosigned if note.kind is NoteKind.PROGRESS else PsychotherapyNoteCosigned
    return model(
        client_id=note.client_id,
        note_id=note.note_id,
        of_version=note.content_version,
        digest=note.content_digest,
        by=by,
        at=at,
    )


def add_addendum(note: Note, text: str, *, by: str, at: datetime) -> Addendum:
    """NotTheAuthor; WrongState for a draft; Unfit for a text that is empty or too long."""
    _only_author(note, by)
    _not_in_error(note)
    if note.status is NoteStatus.DRAFT:
        raise WrongState("The note is still a draft: change it by PUT; addenda come after the signature.")
    if not text.strip() or len(text) > MAX_ADDENDUM:
        refuse_any([Flaw("/text", f"1 to {MAX_ADDENDUM} characters")])
    model = ProgressNoteAddendum if note.kind is NoteKind.PROGRESS else PsychotherapyNoteAddendum
    return model(client_id=note.client_id, note_id=note.note_id, text=Sealed(text), by=by, at=at)


def _only_author(note: Note, by: str) -> None:
    if by != note.author:
        raise NotTheAuthor("Only the note's author may do this.")


def _not_in_error(note: Note) -> None:
    if note.status is NoteStatus.ENTERED_IN_ERROR:
        raise WrongState("This note was entered in error: it takes nothing more. Write a new one where it belongs.")


def _still_draft(note: Note) -> None:
    _not_in_error(note)
    if note.status is not NoteStatus.DRAFT:
        raise WrongState("The note is signed and stays as it is: write an addendum.")
