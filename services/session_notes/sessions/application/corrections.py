"""A session is corrected, or marked as entered in error, by who wrote it down; what stood there before stays in its history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.session_notes.desk.application.errors import answered, erased
from services.session_notes.desk.application.loading import load
from services.session_notes.desk.application.ports import Desk, SessionRow
from services.session_notes.sessions.application.sessions import announced, fold
from services.session_notes.sessions.domain import sessions as domain
from services.session_notes.sessions.domain.sessions import (
    EVENT_TYPES,
    SessionCorrected,
    SessionDetails,
    SessionEnteredInError,
    SessionEvent,
    SessionState,
)
from shared.contracts.disclosure import Action, RecordKey
from shared.eventstore.model import StoredEvent, StreamAppend
from shared.gate.ask import Opened, missed, open_one
from shared.http.call import Call
from shared.http.conditional import Expected
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, invalid
from shared.service.record import record_event, write_meta


@dataclass(frozen=True, slots=True)
class Correction:
    """The session as it should have been written; what is None stays as it is."""

    client_id: UUID | None
    members: frozenset[UUID] | None
    therapist_id: str
    details: SessionDetails
    reason: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """One event of a session's stream, opened."""

    version: int
    what: str
    by: str | None
    """None for the first: the ledger says who wrote it"""
    at: datetime
    reason: str | None
    therapist_id: str | None
    details: SessionDetails | None
    """None for a mark, which changes no fact"""


async def correct_session(
    desk: Desk, call: Call, session_id: UUID, correction: Correction, *, expected: Expected
) -> tuple[Answer, Opened]:
    """404 or 403 as the caller may know it; 409 where it was entered in error; 412 where it changed; 422 for what cannot be."""

    def decision(state: SessionState, key: RecordKey) -> SessionCorrected:
        expected.check(state.version)
        before = state.details.open(key)
        _same_clients(state, before, correction)
        return domain.correct(
            state,
            before,
            correction.therapist_id,
            correction.details,
            reason=correction.reason,
            by=call.principal.sub,
            now=desk.parts.now(),
            place=desk.parts.place,
        )

    return await _change(desk, call, session_id, decision, status=200, repeat=None)


async def enter_session_in_error(
    desk: Desk, call: Call, session_id: UUID, reason: str, *, expected: Expected | None, repeat: Repeat
) -> tuple[Answer, Opened]:
    """201. It stays readable, with the mark."""

    def decision(state: SessionState, _: RecordKey) -> SessionEnteredInError:
        if expected is not None:
            expected.check(state.version)
        return domain.enter_in_error(state, reason=reason, by=call.principal.sub, at=desk.parts.now())

    return await _change(desk, call, session_id, decision, status=201, repeat=repeat)


async def session_history(desk: Desk, call: Call, session_id: UUID) -> tuple[list[Version], Opened]:
    """Every version, oldest first. 404 or 403 as for reading the session; empty facts where it was erased."""
    row = await _row(desk, call, session_id, Action.READ)
    opened = await open_one(desk.gate, call, Action.READ, row.ref)
    stored = await desk.store.read_stream(call.tenant, row.stream)
    return versions_of(stored, opened), opened


def versions_of(stored: Sequence[StoredEvent], opened: Opened) -> list[Version]:
    found = []
    for one in stored:
        event = load(EVENT_TYPES, one)
        assert isinstance(event, SessionEvent)
        key = None if opened.erased(event.session_id) else opened.key(event.session_id)
        found.append(_version(event, one.version, key))
    return found


def _version(event: SessionEvent, version: int, key: RecordKey | None) -> Version:
    if isinstance(event, SessionEnteredInError):
        reason = event.reason.open(key) if key else None
        return Version(version, "entered_in_error", event.by, event.at, reason, None, None)
    details = event.details.open(key) if key else None
    if isinstance(event, SessionCorrected):
        reason = event.reason.open(key) if key else None
        return Version(version, "corrected", event.by, event.at, reason, event.therapist_id, details)
    return Version(version, "recorded", None, event.at, None, event.therapist_id, details)


async def _change(
    desk: Desk,
    call: Call,
    session_id: UUID,
    decision: Callable[[SessionState, RecordKey], SessionCorrected | SessionEnteredInError],
    *,
    status: int,
    repeat: Repeat | None,
) -> tuple[Answer, Opened]:
    row = await _row(desk, call, session_id, Action.UPDATE)
    opened = await open_one(desk.gate, call, Action.UPDATE, row.ref)
    if opened.erased(session_id):
        raise erased()
    state = fold(await desk.store.read_stream(call.tenant, row.stream))
    key = opened.key(session_id)
    with answered():
        event = decision(state, key)
    begins = isinstance(event, SessionCorrected) and event.held and not state.held
    publish = announced(call.tenant, event) if isinstance(event, SessionCorrected) and begins else ()
    new = record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=key, publish=publish)
    body: dict[str, Any] = {"id": str(session_id), "version": state.version + 1}
    answer = Answer(status, body)
    await desk.store.append(
        call.tenant,
        [StreamAppend(row.stream, state.version, [new])],
        statements=(
            *desk.index.rows_of(call.tenant, event),
            *(repeat.statements(answer, state.client_id) if repeat is not None else ()),
        ),
    )
    return answer, opened


async def _row(desk: Desk, call: Call, session_id: UUID, action: Action) -> SessionRow:
    row = await desk.index.session(call.tenant, session_id)
    if row is None:
        raise await missed(desk.gate, call, action)
    return row


def _same_clients(state: SessionState, before: SessionDetails, correction: Correction) -> None:
    """422 for a correction that would move a session to another client."""
    faults = []
    if correction.client_id not in (None, state.client_id):
        faults.append(Fault("/client_id", "a session stays with its client: mark it with POST …/entered-in-error"))
    if correction.members is not None and correction.members != {m.client_id for m in before.members}:
        faults.append(Fault("/members", "who came with whom stays: leave it out, or send it as it is"))
    if faults:
        raise invalid(faults)
