"""One section of a draft is saved by itself: so that a section that fails stops no other, and a repeat is safe.

`If-Match` names the version that the author saw. It is compared for this section alone: sections that others saved meanwhile do
not stand in the way. The same text again changes nothing, so whoever lost the answer, or sends it with a new token, goes on.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.session_notes.desk.application.errors import answered, erased
from services.session_notes.desk.application.ports import Desk, NoteRow
from services.session_notes.notes.application.notes import append_to_note, load_notes, note_row
from services.session_notes.notes.application.versions import content_at
from services.session_notes.notes.domain import note_decisions as decide
from services.session_notes.notes.domain.notes import Note, NoteContent
from shared.contracts.disclosure import Action, RecordKey
from shared.gate.ask import Opened, open_one
from shared.http.call import Call
from shared.http.conditional import Expected
from shared.http.idempotency import Answer
from shared.http.problems import stale_version


async def save_section(
    desk: Desk, call: Call, note_id: UUID, key: str, text: str, *, expected: Expected
) -> tuple[Answer, Opened]:
    """200 `{id, version, status, section, saved: true}`. 409 once it is signed; 412 where this section was changed meanwhile; 422
    for a section that the note does not have."""
    row = await note_row(desk, call, note_id, Action.UPDATE)
    opened = await open_one(desk.gate, call, Action.UPDATE, row.ref)
    if opened.erased(note_id):
        raise erased()
    loaded = (await load_notes(desk, call.tenant, [row]))[row.stream]
    note, record_key = loaded.state, opened.key(note_id)
    before = note.content.open(record_key)
    with answered(kind=row.kind):
        content = decide.revised_section(note, before, key, text)
        event = decide.revise(note, content, by=call.principal.sub, at=desk.parts.now())
    if content == before:
        saved: dict[str, Any] = {"id": str(note_id), "version": note.version, "status": str(note.status)}
        return Answer(200, _said(saved, key)), opened
    if not expected.holds(note.version):
        await _unchanged(desk, call, row, note, key, before, record_key, expected)
    answer = await append_to_note(desk, call, row, loaded, event, opened, None, 200)
    return Answer(200, _said(answer.body, key)), opened


async def _unchanged(
    desk: Desk,
    call: Call,
    row: NoteRow,
    note: Note,
    section: str,
    now: NoteContent,
    key: RecordKey,
    expected: Expected,
) -> None:
    """412 unless the section says what it said in a version that the author saw."""
    seen: Sequence[int] = [v for v in expected.versions if v <= note.version]
    stored = await desk.store.read_stream(call.tenant, row.stream) if seen else []
    for version in seen:
        then = content_at(stored, version)
        if then is not None and then.open(key).sections.get(section, "") == now.sections.get(section, ""):
            return
    raise stale_version()


def _said(body: dict[str, Any], key: str) -> dict[str, Any]:
    return {**body, "section": key, "saved": True}
