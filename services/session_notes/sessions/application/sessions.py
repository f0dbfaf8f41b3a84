"""Writing a session down, and reading it with the prompts that were waiting for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from services.session_notes.desk.application.errors import answered
from services.session_notes.desk.application.loading import load
from services.session_notes.desk.application.ports import Desk, Position, SessionRow, place_of, session_stream
from services.session_notes.prompts.application.prompts import shown
from services.session_notes.sessions.domain.sessions import (
    EVENT_TYPES,
    Session,
    SessionCorrected,
    SessionDetails,
    SessionEvent,
    SessionState,
    SessionWasHeld,
    evolve,
    joint_sessions,
)
from shared.contracts.disclosure import MAX_RECORDS, Action, Decision, RecordRef
from shared.contracts.records import RecordType
from shared.contracts.session_notes import SESSION_HELD, SessionHeld
from shared.contracts.topics import SESSION_NOTES
from shared.eventstore.model import Publication, StoredEvent, StreamAppend
from shared.gate.ask import Opened, ask, missed, opened
from shared.gate.listing import Listed, Rows, listed
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import forbidden, not_found
from shared.service.record import WriteMeta, client_key, record_event

MOST_PROMPTS: Final = MAX_RECORDS - 1
"""prompts asked for with one session: the newest"""
LATE: Final = timedelta(seconds=1)
"""A prompt is prepared within this time of the answer it comes from. One that was prepared so soon after the newest session was
written down may come from an answer before it: the session shows it, until the next session takes it over."""


@dataclass(frozen=True, slots=True)
class SessionRead:
    state: SessionState
    details: SessionDetails | None
    """None where it was erased"""
    in_error: str | None
    """why it was entered in error; None where it was not, or was erased"""

    @property
    def session_id(self) -> UUID:
        return self.state.session_id

    @property
    def version(self) -> int:
        return self.state.version


async def write_session(
    desk: Desk, call: Call, clients: Sequence[UUID], therapist_id: str, details: SessionDetails, repeat: Repeat
) -> tuple[Answer, Opened]:
    """Of one client, or of each of several who came together: then all are written or none (ADR 0016). The first is whose
    session the caller writes down. 403 or 404 where one of them is not the caller's.
    """
    ids = {client_id: desk.parts.new_id() for client_id in clients}
    with answered():
        events = joint_sessions(ids, therapist_id, details, now=desk.parts.now(), place=desk.parts.place)
    refs = [
        RecordRef(
            record_id=str(s),
            client_id=str(c),
            record_type=RecordType.SESSION,
            author=call.principal.sub,
            cared_on=details.started_at.date().isoformat(),
        )
        for c, s in ids.items()
    ]
    released = opened(await ask(desk.gate, call, Action.CREATE, refs))
    if not all(released.permitted(session_id) for session_id in ids.values()):
        problem = forbidden() if all(o.may_know for o in released.outcomes.values()) else not_found()
        problem.headers.update(released.headers)
        raise problem
    # the gate enters one entry a client, in this order
    appends = [_append(desk, call, e, entry, released) for e, entry in zip(events, released.entries, strict=True)]
    first, *others = ids.items()
    body: dict[str, Any] = {"id": str(first[1])}
    if others:
        body["members"] = [{"client_id": str(c), "id": str(s)} for c, s in others]
    answer = Answer(201, body)
    rows = [row for event in events for row in desk.index.rows_of(call.tenant, event)]
    await desk.store.append(call.tenant, appends, statements=(*rows, *repeat.statements(answer, first[0])))
    return answer, released


def _append(desk: Desk, call: Call, event: Session, entry: int, released: Opened) -> StreamAppend:
    new = record_event(
        event,
        parts=desk.parts,
        call_meta=WriteMeta(call.tenant, call.principal.sub, str(call.principal.role), entry, call.request_id),
        key=released.key(event.session_id),
        publish=announced(call.tenant, event) if isinstance(event, SessionWasHeld) else (),
    )
    return StreamAppend(session_stream(event.session_id), 0, [new])


def announced(tenant: str, event: SessionWasHeld | SessionCorrected) -> tuple[Publication, ...]:
    """What other services learn of a session that took place."""
    held = SessionHeld(
        session_id=event.session_id, client_id=event.client_id, therapist_id=event.therapist_id, recorded_at=event.at
    )
    payload = held.model_dump_json().encode()
    return (Publication(SESSION_NOTES, client_key(tenant, event.client_id), type=SESSION_HELD, payload=payload),)


async def read_session(desk: Desk, call: Call, session_id: UUID) -> tuple[SessionRead, list[dict[str, str]], Opened]:
    """The session and the prompts that were waiting for it, by one question to the gate."""
    row = await desk.index.session(call.tenant, session_id)
    if row is None:
        raise await missed(desk.gate, call)
    prompts = []
    if row.held:
        before, behind = await desk.index.neighbours(call.tenant, row)
        until = row.created_at if behind is not None else row.created_at + LATE
        prompts = (await desk.index.prompts(call.tenant, row.client_id, before, until))[-MOST_PROMPTS:]
    answer = await ask(desk.gate, call, Action.READ, [row.ref, *(p.ref for p in prompts)])
    released = opened(answer)
    if not released.permitted(session_id):
        outcome = released.outcomes.get(str(session_id))
        problem = forbidden() if outcome is not None and outcome.may_know else not_found()
        problem.headers.update(released.headers)
        raise problem
    stored = await desk.store.read_stream(call.tenant, row.stream)
    return read_of(stored, released), shown(call.tenant, prompts, released), released


async def list_sessions(
    desk: Desk, call: Call, client_id: UUID, *, start: Position | None, limit: int
) -> tuple[list[tuple[UUID, Callable[[], SessionRead]]], Listed[SessionRow]]:
    """Each session with how to open it: one that cannot be opened is no reason to show none."""

    async def fetch(after: Position | None, most: int) -> list[SessionRow]:
        return await desk.index.sessions_of(call.tenant, client_id, after, most)

    rows = Rows(fetch, lambda row: row.ref, place_of)
    page = await listed(desk.gate, call, client_id, rows, start=start, limit=limit)
    streams = await desk.index.streams(call.tenant, [row.stream for row in page.rows])
    return [(row.id, partial(read_of, streams[row.stream], page.opened)) for row in page.rows], page


async def next_session(desk: Desk, call: Call, client_id: UUID) -> tuple[list[dict[str, str]], Opened]:
    """What waits for the client's next session. 404 where the caller may not know the client."""
    since = await desk.index.last_held(call.tenant, client_id)
    prompts = (await desk.index.prompts(call.tenant, client_id, since, None))[-MOST_PROMPTS:]
    answer = await ask(desk.gate, call, Action.SEARCH, [p.ref for p in prompts], subjects=() if prompts else (str(client_id),))
    known = answer.may_know or any(r.may_know for r in answer.records)
    released = opened(answer)
    if answer.decision is Decision.DENY and not known:
        problem = not_found()
        problem.headers.update(released.headers)
        raise problem
    return shown(call.tenant, prompts, released), released


def read_of(stored: Sequence[StoredEvent], opened: Opened) -> SessionRead:
    """The session as it was released; emptied where it was erased."""
    state = fold(stored)
    if opened.erased(state.session_id):
        return SessionRead(state, None, None)
    key = opened.key(state.session_id)
    return SessionRead(state, state.details.open(key), state.in_error.reason.open(key) if state.in_error else None)


def fold(stored: Sequence[StoredEvent]) -> SessionState:
    """The session of a stream's events. ValueError where there is none."""
    state: SessionState | None = None
    for one in stored:
        event = load(EVENT_TYPES, one)
        assert isinstance(event, SessionEvent)
        state = evolve(state, event, one.version)
    if state is None:
        raise ValueError("a session that is in the index has a stream")
    return state
