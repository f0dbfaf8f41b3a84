"""Reading notes: closed from the store, opened with what the gate released, forgotten with the request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from services.session_notes.desk.application.ports import Desk, NoteRow, Position, place_of
from services.session_notes.notes.application.notes import load_notes, note_row
from services.session_notes.notes.domain.notes import Note, NoteContent
from shared.contracts.disclosure import Action
from shared.gate.ask import Opened, open_one
from shared.gate.listing import Listed, Rows, listed
from shared.http.call import Call
from shared.http.showing import load_each
from shared.service.amendments import Along, Amendment


@dataclass(frozen=True, slots=True)
class AddendumRead:
    """A text that was added to a note."""

    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NoteRead:
    note: Note
    content: NoteContent | None
    """None where it was erased"""
    addenda: tuple[AddendumRead, ...]
    amendments: tuple[Amendment, ...]
    returns: tuple[AddendumRead, ...] = ()
    """why a supervisor returned it"""
    in_error: AddendumRead | None = None
    """why it was entered in error"""


async def read_note(desk: Desk, call: Call, note_id: UUID) -> tuple[NoteRead, Opened]:
    row = await note_row(desk, call, note_id, Action.READ)
    opened = await open_one(desk.gate, call, Action.READ, row.ref)
    note = (await load_notes(desk, call.tenant, [row]))[row.stream].state
    return read_of(note, opened, await desk.amendments.along(call.tenant, [row.ref])), opened


async def list_notes(
    desk: Desk, call: Call, client_id: UUID, *, start: Position | None, limit: int
) -> tuple[list[tuple[UUID, Callable[[], NoteRead]]], Listed[NoteRow]]:
    """Each note with how to open it: one that cannot be opened is no reason to show none."""

    async def fetch(after: Position | None, most: int) -> list[NoteRow]:
        return await desk.index.notes_of(call.tenant, client_id, after, most)

    rows = Rows(fetch, lambda row: row.ref, place_of)
    page = await listed(desk.gate, call, client_id, rows, start=start, limit=limit)
    notes = await load_each(page.rows, partial(load_notes, desk, call.tenant), lambda row: row.id)
    amended = await desk.amendments.along(call.tenant, [row.ref for row in page.rows])

    def read(row: NoteRow) -> NoteRead:
        return read_of(notes[row.stream].state, page.opened, amended)

    return [(row.id, partial(read, row)) for row in page.rows], page


def read_of(note: Note, opened: Opened, amended: Along) -> NoteRead:
    """The note as it was released; emptied where it was erased."""
    along = tuple(amended.get(note.note_id, ()))
    if opened.erased(note.note_id):
        return NoteRead(note, None, (), along)
    key = opened.key(note.note_id)
    return NoteRead(
        note,
        note.content.open(key),
        tuple(AddendumRead(a.text.open(key), a.by, a.at) for a in note.addenda),
        along,
        tuple(AddendumRead(r.text.open(key), r.by, r.at) for r in note.returns),
        None if note.in_error is None else AddendumRead(note.in_error.text.open(key), note.in_error.by, note.in_error.at),
    )
