"""Writing a note while the gate cannot be reached: sealed to its key, read by nobody, reconciled afterwards (ADR 0015).

Nothing is decided here. The caller's token is verified, their role is one that may document at all, and their own token goes
into the envelope: whether they might, the gate decides when it is back. Every other fault of the gate stays a 503.
"""

from dataclasses import replace
from typing import Final
from uuid import UUID

from services.session_notes.desk.application.downtime import Waiting, WaitingState
from services.session_notes.desk.application.ports import Desk, SessionRow
from services.session_notes.desk.domain.kinds import NoteKind
from services.session_notes.desk.domain.refusals import WrongState
from services.session_notes.notes.domain import note_decisions as decide
from services.session_notes.notes.domain.notes import NoteContent
from services.session_notes.notes.domain.waiting import NoteBeganToWait, waiting_stream
from shared.contracts.downtime import NOTE_WAITS, WRITTEN_AHEAD, Envelope, NoteWaits
from shared.contracts.topics import RECEIPTS
from shared.eventstore.model import Publication, StreamAppend
from shared.gate.ask import Opened
from shared.gate.envelope import new_secret, seal_envelope, waiting_key
from shared.gate.port import Away, GateUnavailable
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Problem, forbidden, unavailable
from shared.identity.roles import PRACTITIONERS, may_claim
from shared.sealing.event import seal
from shared.service.record import WriteMeta, client_key, record_event

NOTHING_OPENED: Final = Opened((), {}, {})


async def write_waiting(
    desk: Desk, call: Call, session: SessionRow, kind: NoteKind, content: NoteContent, repeat: Repeat, away: GateUnavailable
) -> tuple[Answer, Opened]:
    """202 for a note that waits. `away` is raised again where the gate answered, or this deployment writes nothing without it."""
    downtime, parts, by = desk.downtime, desk.parts, call.principal
    if downtime is None or away.why is not Away.GATE or by.role not in PRACTITIONERS:
        raise away
    if call.purpose is not None and not may_claim(by.role, call.purpose):
        raise forbidden("Your role may not claim this purpose of use.")
    now, key = parts.now(), await downtime.key()
    if key is None or by.issued_at > (now + WRITTEN_AHEAD).timestamp():
        raise away
    downtime.in_time()
    await downtime.check_room(call.tenant, by.sub)
    note_id, event_id = parts.new_id(), parts.new_id()
    try:
        event = decide.draft(
            kind,
            content,
            note_id=note_id,
            client_id=session.client_id,
            session_id=session.id,
            held=session.held,
            by=by.sub,
            at=now,
        )
    except WrongState:
        raise away from None  # whether the session took place is not told without a decision
    waiting = Waiting(
        note_id=note_id,
        client_id=session.client_id,
        kind=kind,
        author=by.sub,
        event_id=event_id,
        type=event.TYPE,
        schema_version=event.SCHEMA_VERSION,
        key_id=key.key_id,
        request_id=call.request_id,
        written_at=now,
        state=WaitingState.WAITING,
        data=None,
        envelope=None,
    )
    secret = new_secret(parts.random)
    by_secret = waiting_key(waiting.write(call.tenant), secret)
    waiting = replace(waiting, data=seal(event, tenant=call.tenant, event_id=event_id, key=by_secret, random=parts.random))
    inside = Envelope(secret=secret, token=call.token, purpose=call.purpose, labels=content.labels)
    # bound to the digest of the data too, so that not a byte of it can change while it waits
    envelope = seal_envelope(inside, bytes.fromhex(key.public), waiting.write(call.tenant))
    answer = Answer(202, {"id": str(note_id), "status": str(WaitingState.WAITING)})
    began = record_event(
        NoteBeganToWait(
            client_id=session.client_id,
            note_id=note_id,
            session_id=session.id,
            kind=kind,
            by=by.sub,
            key_id=key.key_id,
            at=now,
        ),
        parts=parts,
        call_meta=WriteMeta(call.tenant, by.sub, str(by.role), None, call.request_id),
        key=None,
        publish=[_announced(desk, call.tenant, waiting)],
    )
    await desk.store.append(
        call.tenant,
        [StreamAppend(waiting_stream(note_id), 0, [began])],
        statements=(
            *downtime.notes.begin(call.tenant, replace(waiting, envelope=envelope)),
            *repeat.statements(answer, session.client_id),
        ),
    )
    downtime.unanswered()
    return answer, NOTHING_OPENED


async def waiting_of(desk: Desk, call: Call, note_id: UUID) -> Problem | None:
    """What the author of a note that waits is told; None for everybody else, and where none waits."""
    if desk.downtime is None:
        return None
    waiting = await desk.downtime.notes.one(call.tenant, note_id)
    if waiting is None or waiting.author != call.principal.sub:
        return None
    if waiting.state is WaitingState.WAITING:
        return unavailable(
            "This note was written while the gate was away, and waits for it. Nobody can read it until then, you included.",
            30,
            "note-waits",
        )
    return Problem(
        409,
        "conflict",
        "Conflicts with the present state",
        "The gate does not take this note as things stand. It is kept, and handed in again by itself; an officer sees why.",
        reason="note-refused",
    )


def _announced(desk: Desk, tenant: str, waiting: Waiting) -> Publication:
    """To the gate: it is to miss what never comes."""
    waits = NoteWaits(
        service=str(desk.parts.signer.service),
        record_id=waiting.note_id,
        client_id=waiting.client_id,
        record_type=waiting.kind.record_type,
        author=waiting.author,
        key_id=waiting.key_id,
        written_at=waiting.written_at,
    )
    key = client_key(tenant, waiting.client_id)
    return Publication(RECEIPTS, key, type=NOTE_WAITS, payload=waits.model_dump_json().encode())
