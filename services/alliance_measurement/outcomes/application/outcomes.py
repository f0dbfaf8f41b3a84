"""Outcome scores that come from elsewhere: written down, and read back."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from services.alliance_measurement.desk.application.pages import Page
from services.alliance_measurement.outcomes.application.ports import OutcomeDesk, OutcomeRow, outcome_stream
from services.alliance_measurement.outcomes.domain.outcome import Outcome, OutcomeRecorded, OutcomeState, date_fault, score_fault
from shared.contracts.disclosure import MAX_RECORDS, Action, RecordRef, of_session
from shared.contracts.records import RecordType
from shared.eventstore.model import StreamAppend
from shared.gate.ask import Opened, open_one
from shared.gate.listing import Rows, listed
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, invalid
from shared.http.showing import load_each, shown
from shared.sealing.field import Sealed
from shared.service.amendments import Along
from shared.service.record import record_event, write_meta


async def record_outcome(
    desk: OutcomeDesk,
    call: Call,
    client_id: UUID,
    *,
    measure: str,
    session_id: UUID | None,
    day: date | None,
    score: int | float,
    repeat: Repeat,
) -> tuple[Answer, Opened]:
    """422 where the score lies outside a known instrument's range, or the day has not come."""
    now = desk.parts.now()
    wrong = {
        "/score": score_fault(desk.catalogue.enabled(measure), score),
        "/date": date_fault(day, now, desk.parts.place),
    }
    faults = [Fault(pointer, detail) for pointer, detail in wrong.items() if detail is not None]
    if faults:
        raise invalid(faults)
    outcome_id = desk.parts.new_id()
    ref = RecordRef(
        record_id=str(outcome_id),
        client_id=str(client_id),
        record_type=RecordType.OUTCOME,
        author=call.principal.sub,
        refers_to=of_session(session_id),
        cared_on=day.isoformat() if day is not None else None,
    )
    opened = await open_one(desk.gate, call, Action.CREATE, ref, refers_at="/session_id")
    event = OutcomeRecorded(
        client_id=client_id,
        outcome_id=outcome_id,
        outcome=Sealed(Outcome(measure=measure, session_id=session_id, date=day, score=score)),
        at=now,
    )
    new = record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=opened.key(outcome_id))
    answer = Answer(201, {"id": str(outcome_id)})
    await desk.store.append(
        call.tenant,
        [StreamAppend(outcome_stream(outcome_id), 0, [new])],
        statements=(*desk.index.rows_of(call.tenant, event), *repeat.statements(answer, client_id)),
    )
    return answer, opened


async def list_outcomes(
    desk: OutcomeDesk, call: Call, client_id: UUID, *, measure: str | None, start: int | None, limit: int
) -> Page:
    """In order of recording. Which measure a score is of is sealed as well, so `measure` looks into what was opened; what was
    erased could be of any, and is shown as erased."""

    async def fetch(after: int | None, most: int) -> list[OutcomeRow]:
        return await desk.index.outcomes_of(call.tenant, client_id, after, most)

    async def show(rows: Sequence[OutcomeRow], opened: Opened) -> list[tuple[int, dict[str, Any]]]:
        view = await outcome_views(desk, call.tenant, [row.ref for row in rows], opened)
        items = [(row.ord, shown(row.id, partial(view, row.id))) for row in rows]
        return [(place, item) for place, item in items if measure is None or _may_be_of(item, measure)]

    wanted = Rows(fetch, lambda row: row.ref, lambda row: row.ord)
    found: list[tuple[int, dict[str, Any]]] = []
    entries: tuple[int, ...] = ()
    while True:
        opening = limit if measure is None else MAX_RECORDS - 1
        page = await listed(desk.gate, call, client_id, wanted, start=start, limit=opening)
        found += await show(page.rows, page.opened)
        entries += page.opened.entries
        if not page.more or len(found) > limit or measure is None:
            break
        start = page.rows[-1].ord
    kept = found[:limit]
    more = len(found) > limit or page.more
    return Page([item for _, item in kept], kept[-1][0] if more else None, entries)


async def outcome_views(
    desk: OutcomeDesk, tenant: str, refs: Sequence[RecordRef], opened: Opened
) -> Callable[[UUID], dict[str, Any]]:
    """What shows each of these; it fails for one that is stored in a form that cannot be shown."""
    states = await load_each([UUID(ref.record_id) for ref in refs], partial(desk.index.outcomes, tenant), lambda i: i)
    along = await desk.amendments.along(tenant, refs)
    return lambda outcome_id: outcome_view(states[outcome_id], opened, along)


def _may_be_of(item: dict[str, Any], measure: str) -> bool:
    return item.get("measure") == measure or bool(item.get("erased")) or "not_shown" in item


def outcome_view(state: OutcomeState, opened: Opened, along: Along) -> dict[str, Any]:
    """An outcome that was released; emptied where it was erased."""
    view: dict[str, Any] = {
        "id": str(state.outcome_id),
        "version": state.version,
        "recorded_at": state.recorded_at.isoformat(),
        "corrected_at": state.corrected_at.isoformat() if state.corrected_at is not None else None,
        "amendments": [a.view() for a in along.get(state.outcome_id, ())],
    }
    if opened.erased(state.outcome_id):
        return view | {"measure": None, "session_id": None, "date": None, "score": None, "status": "erased", "erased": True}
    return view | state.says.open(opened.key(state.outcome_id)).model_dump(mode="json")
