"""A practitioner finds their own notes by word (ADR 0053): opened in memory, a few at a time, then forgotten; no index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from services.session_notes.desk.application.ports import Desk, NoteRow, Position
from services.session_notes.notes.application.notes import load_notes
from services.session_notes.notes.domain.notes import Note
from services.session_notes.notes.domain.words import sections_with
from shared.contracts.disclosure import MAX_RECORDS, Action
from shared.gate.ask import Opened, ask, opened
from shared.http.call import Call
from shared.http.showing import load_each

MOST_SEARCHED: Final = 2_000
"""notes in one request; older ones are behind `next`"""
AT_ONCE: Final = 20
"""notes whose text is in memory at the same time"""


@dataclass(frozen=True, slots=True)
class Found:
    note: Note
    sections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Searched:
    found: list[Found]
    """newest first"""
    count: int
    """notes that were opened for it"""
    entries: tuple[int, ...]
    next: Position | None


async def search_own(desk: Desk, call: Call, client_id: UUID | None, words: Sequence[str], *, start: Position | None) -> Searched:
    """The caller's own notes, of one client or of all, that hold every word. One ledger entry a client whose notes are opened.

    Only what the gate permits the caller now is opened: what is erased, or held back by a consent, is not found.
    """
    rows = await desk.index.notes_by(call.tenant, call.principal.sub, client_id, start, MOST_SEARCHED + 1)
    more, rows = len(rows) > MOST_SEARCHED, rows[:MOST_SEARCHED]
    found: list[Found] = []
    entries: list[int] = []
    count = 0
    for question in _questions(rows):
        answer = await ask(desk.gate, call, Action.SEARCH, [row.ref for row in question])
        entries += answer.entries
        released = opened(answer)
        readable = [row for row in question if _opens(released, row)]
        count += len(readable)
        for begin in range(0, len(readable), AT_ONCE):
            found += await _within(desk, call.tenant, readable[begin : begin + AT_ONCE], released, words)
    found.sort(key=lambda f: (f.note.created_at, f.note.note_id), reverse=True)
    last = Position(rows[-1].created_at, rows[-1].id) if more else None
    return Searched(found, count, tuple(entries), last)


async def _within(desk: Desk, tenant: str, rows: Sequence[NoteRow], released: Opened, words: Sequence[str]) -> list[Found]:
    notes = await load_each(rows, partial(load_notes, desk, tenant), lambda row: row.id)
    found = []
    for row in rows:
        if row.stream not in notes:
            continue
        note, key = notes[row.stream].state, released.key(row.id)
        where = sections_with(words, note.content.open(key), [a.text.open(key) for a in note.addenda])
        if where:
            found.append(Found(note, tuple(where)))
    return found


def _opens(released: Opened, row: NoteRow) -> bool:
    return released.permitted(row.id) and not released.erased(row.id) and not released.redactions(row.id)


def _questions(rows: Sequence[NoteRow]) -> Iterator[list[NoteRow]]:
    """Whole clients together, as many as one question to the gate takes: so that a client's ledger has one entry."""
    by_client: dict[UUID, list[NoteRow]] = {}
    for row in rows:
        by_client.setdefault(row.client_id, []).append(row)
    question: list[NoteRow] = []
    for own in by_client.values():
        if question and len(question) + len(own) > MAX_RECORDS:
            yield question
            question = []
        question += own
        while len(question) > MAX_RECORDS:
            yield question[:MAX_RECORDS]
            question = question[MAX_RECORDS:]
    if question:
        yield question
