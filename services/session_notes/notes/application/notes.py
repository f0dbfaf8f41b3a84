"""Writing notes: each command asks the gate, folds the note, decides, and appends one event."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from services.session_notes.desk.application.errors import answered, erased
from services.session_notes.desk.application.loading import load
from services.session_notes.desk.application.ports import Desk, NoteRow
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.notes.application.waiting import waiting_of, write_waiting
from services.session_notes.notes.domain import note_decisions as decide
from services.session_notes.notes.domain.events import EVENT_TYPES
from services.session_notes.notes.domain.notes import Drafted, Note, NoteContent, NoteEvent, NoteType, Recorded, evolve
from services.session_notes.notes.domain.sections import NoteFormat
from shared.contracts.disclosure import Action, RecordKey, RecordRef, of_session
from shared.eventstore.model import NewEvent, StoredEvent, StreamAppend
from shared.eventstore.snapshots import Loaded, Snapshots
from shared.gate.ask import Opened, missed, open_one
from shared.gate.port import GateUnavailable
from shared.http.call import Call
from shared.http.conditional import Expected
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import conflict
from shared.identity.roles import Role
from shared.service.record import record_event, write_meta


@dataclass(frozen=True, slots=True)
class Change:
    """New text of a draft, as sent; what is absent stays."""

    sections: dict[str, str]
    format: NoteFormat | None = None
    labels: tuple[str, ...] | None = None
    type: NoteType | None = None


async def draft_note(
    desk: Desk, call: Call, session_id: UUID, kind: NoteKind, content: NoteContent, repeat: Repeat
) -> tuple[Answer, Opened]:
    """404 for a session that the caller may not know of. Where the gate cannot be reached the note waits for it: 202."""
    session = await desk.index.session(call.tenant, session_id)
    if session is None:
        raise await missed(desk.gate, call, Action.CREATE)
    note_id, by = desk.parts.new_id(), call.principal.sub
    ref = RecordRef(
        record_id=str(note_id),
        client_id=str(session.client_id),
        record_type=kind.record_type,
        author=by,
        labels=content.labels,
        refers_to=of_session(session_id),
    )
    try:
        opened = await open_one(desk.gate, call, Action.CREATE, ref, refers_at="path:session_id")
    except GateUnavailable as away:
        return await write_waiting(desk, call, session, kind, content, repeat, away)
    if session.in_error:
        raise conflict("This session was entered in error: write the note of the right session.")
    with answered(kind=kind):
        event = decide.draft(
            kind,
            content,
            note_id=note_id,
            client_id=session.client_id,
            session_id=session_id,
            held=session.held,
            by=by,
            at=desk.parts.now(),
        )
    return await _begun(desk, call, kind, event, opened, repeat), opened


async def draft_note_of_client(
    desk: Desk, call: Call, client_id: UUID, content: NoteContent, repeat: Repeat
) -> tuple[Answer, Opened]:
    """A progress note of a contact outside a session. 404 for a client whom the caller may not know of. It does not wait for the
    gate: 503 while the gate is away."""
    if not await desk.index.knows_client(call.tenant, client_id):
        raise await missed(desk.gate, call, Action.CREATE)
    note_id, by, kind = desk.parts.new_id(), call.principal.sub, NoteKind.PROGRESS
    ref = RecordRef(
        record_id=str(note_id), client_id=str(client_id), record_type=kind.record_type, author=by, labels=content.labels
    )
    opened = await open_one(desk.gate, call, Action.CREATE, ref)
    event = decide.draft(
        kind, content, note_id=note_id, client_id=client_id, session_id=None, held=False, by=by, at=desk.parts.now()
    )
    return await _begun(desk, call, kind, event, opened, repeat), opened


async def _begun(desk: Desk, call: Call, kind: NoteKind, event: Drafted, opened: Opened, repeat: Repeat) -> Answer:
    """The first event of a note's stream."""
    new = record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=opened.key(event.note_id))
    answer = Answer(201, {"id": str(event.note_id), "version": 1})
    await desk.store.append(
        call.tenant,
        [StreamAppend(kind.stream(event.note_id), 0, [new])],
        statements=(*desk.index.rows_of(call.tenant, event), *repeat.statements(answer, event.client_id)),
    )
    return answer


async def revise_note(desk: Desk, call: Call, note_id: UUID, change: Change, *, expected: Expected) -> tuple[Answer, Opened]:
    def decision(note: Note, key: RecordKey) -> NoteEvent:
        before = note.content.open(key)
        content = decide.revised_content(
            note, before, format=change.format, sections=change.sections, labels=change.labels, type=change.type
        )
        return decide.revise(note, content, by=call.principal.sub, at=desk.parts.now())

    return await _change(desk, call, note_id, Action.UPDATE, decision, expected=expected, repeat=None, status=200)


async def sign_note(desk: Desk, call: Call, note_id: UUID, *, expected: Expected | None, repeat: Repeat) -> tuple[Answer, Opened]:
    def decision(note: Note, _: RecordKey) -> NoteEvent:
        return decide.sign(note, by=call.principal.sub, at=desk.parts.now(), in_training=call.principal.role is Role.TRAINEE)

    return await _change(desk, call, note_id, Action.SIGN, decision, expected=expected, repeat=repeat)


async def cosign_note(
    desk: Desk, call: Call, note_id: UUID, *, expected: Expected | None, repeat: Repeat
) -> tuple[Answer, Opened]:
    def decision(note: Note, _: RecordKey) -> NoteEvent:
        return decide.cosign(note, by=call.principal.sub, at=desk.parts.now())

    return await _change(desk, call, note_id, Action.COSIGN, decision, expected=expected, repeat=repeat)


async def add_addendum(
    desk: Desk, call: Call, note_id: UUID, text: str, *, expected: Expected | None, repeat: Repeat
) -> tuple[Answer, Opened]:
    def decision(note: Note, _: RecordKey) -> NoteEvent:
        return decide.add_addendum(note, text, by=call.principal.sub, at=desk.parts.now())

    return await _change(desk, call, note_id, Action.UPDATE, decision, expected=expected, repeat=repeat)


async def return_note(
    desk: Desk, call: Call, note_id: UUID, reason: str, *, expected: Expected | None, repeat: Repeat
) -> tuple[Answer, Opened]:
    def decision(note: Note, _: RecordKey) -> NoteEvent:
        return decide.return_to_author(note, reason, by=call.principal.sub, at=desk.parts.now())

    return await _change(desk, call, note_id, Action.RETURN, decision, expected=expected, repeat=repeat)


async def enter_note_in_error(
    desk: Desk, call: Call, note_id: UUID, reason: str, *, expected: Expected | None, repeat: Repeat
) -> tuple[Answer, Opened]:
    def decision(note: Note, _: RecordKey) -> NoteEvent:
        return decide.enter_in_error(note, reason, by=call.principal.sub, at=desk.parts.now())

    return await _change(desk, call, note_id, Action.UPDATE, decision, expected=expected, repeat=repeat)


async def _change(
    desk: Desk,
    call: Call,
    note_id: UUID,
    action: Action,
    decision: Callable[[Note, RecordKey], NoteEvent],
    *,
    expected: Expected | None,
    repeat: Repeat | None,
    status: int = 201,
) -> tuple[Answer, Opened]:
    row = await note_row(desk, call, note_id, action)
    opened = await open_one(desk.gate, call, action, row.ref)
    if opened.erased(note_id):
        raise erased()
    loaded = (await load_notes(desk, call.tenant, [row]))[row.stream]
    note = loaded.state
    with answered(kind=row.kind):
        event = decision(note, opened.key(note_id))
    # after the decision: a signed note answers 409 whatever version was sent
    if expected is not None:
        expected.check(note.version)
    return await append_to_note(desk, call, row, loaded, event, opened, repeat, status), opened


async def note_row(desk: Desk, call: Call, note_id: UUID, action: Action) -> NoteRow:
    """404 where there is none; 503 or 409 for the author of one that waits for the gate."""
    row = await desk.index.note(call.tenant, note_id)
    if row is not None:
        return row
    waits = await waiting_of(desk, call, note_id)
    if waits is not None:
        raise waits
    # reconciled between the two looks
    row = await desk.index.note(call.tenant, note_id)
    if row is None:
        raise await missed(desk.gate, call, action)
    return row


async def append_to_note(
    desk: Desk,
    call: Call,
    row: NoteRow,
    loaded: Loaded[Note],
    event: NoteEvent,
    opened: Opened,
    repeat: Repeat | None,
    status: int,
) -> Answer:
    """The event behind what was loaded, with its row of the index. 412 where somebody was faster."""
    note = loaded.state
    new: NewEvent = record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=opened.key(row.id))
    version = note.version + 1
    after = evolve(note, Recorded(event, version, sha256(new.data).hexdigest()))
    body: dict[str, Any] = {"id": str(row.id), "version": version, "status": str(after.status)}
    answer = Answer(status, body)
    await desk.store.append(
        call.tenant,
        [StreamAppend(row.stream, note.version, [new])],
        statements=(
            *desk.index.rows_of(call.tenant, event),
            *(repeat.statements(answer, row.client_id) if repeat is not None else ()),
            *SNAPSHOTS.taken(call.tenant, row.stream, row.client_id, loaded, [new]),
        ),
    )
    return answer


async def load_notes(desk: Desk, tenant: str, rows: Sequence[NoteRow]) -> dict[str, Loaded[Note]]:
    """Notes of the index, by their streams."""
    return await SNAPSHOTS.load(desk.store, tenant, {row.stream: row.client_id for row in rows})


def fold(stored: Sequence[StoredEvent], note: Note | None = None) -> Note:
    """The note of a stream's events, or of those that follow `note`. ValueError where there is none."""
    for one in stored:
        event = load(EVENT_TYPES, one)
        assert isinstance(event, NoteEvent)
        note = evolve(note, Recorded(event, one.version, sha256(one.data).hexdigest()))
    if note is None:
        raise ValueError("a note that is in the index has a stream")
    return note


SNAPSHOTS: Final[Snapshots[Note]] = Snapshots(Note, fold, fold_version=2, types=EVENT_TYPES)
"""A draft that is saved as it is typed has hundreds of versions, of which the newest alone says what the note says."""
