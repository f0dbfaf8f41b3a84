"""A score that was written down wrongly is corrected by who wrote it down; what stood there before stays in its history."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.alliance_measurement.outcomes.application.outcomes import outcome_views
from services.alliance_measurement.outcomes.application.ports import OutcomeDesk, OutcomeRow, outcome_stream, typed
from services.alliance_measurement.outcomes.domain.outcome import Outcome, OutcomeCorrected, OutcomeRecorded, fold, score_fault
from shared.contracts.disclosure import Action
from shared.eventstore.model import StreamAppend
from shared.gate.ask import Opened, missed, open_one
from shared.http.call import Call
from shared.http.conditional import Expected
from shared.http.problems import Fault, conflict, invalid
from shared.sealing.field import Sealed
from shared.service.record import record_event, write_meta


@dataclass(frozen=True, slots=True)
class Correction:
    """What is None stays as it is; what is not the score must be as it is."""

    measure: str | None
    session_id: UUID | None
    day: date | None
    score: int | float
    reason: str | None


async def read_outcome(desk: OutcomeDesk, call: Call, outcome_id: UUID) -> tuple[dict[str, Any], Opened]:
    """404 or 403 as the caller may know it."""
    row = await _row(desk, call, outcome_id, Action.READ)
    opened = await open_one(desk.gate, call, Action.READ, row.ref)
    view = await outcome_views(desk, call.tenant, [row.ref], opened)
    return view(outcome_id), opened


async def correct_outcome(
    desk: OutcomeDesk, call: Call, outcome_id: UUID, correction: Correction, *, expected: Expected
) -> tuple[dict[str, Any], Opened]:
    """404 or 403 as the caller may know it; 409 where it was erased; 412 where it changed; 422 for what cannot be."""
    row = await _row(desk, call, outcome_id, Action.UPDATE)
    opened = await open_one(desk.gate, call, Action.UPDATE, row.ref)
    if opened.erased(outcome_id):
        raise conflict("This record was erased: nothing can be added to it.")
    state = fold([typed(stored) for stored in await desk.store.read_stream(call.tenant, outcome_stream(outcome_id))])
    expected.check(state.version)
    key = opened.key(outcome_id)
    before = state.says.open(key)
    _fits(desk, before, correction)
    event = OutcomeCorrected(
        client_id=state.client_id,
        outcome_id=outcome_id,
        outcome=Sealed(before.model_copy(update={"score": correction.score})),
        reason=Sealed(correction.reason),
        by=call.principal.sub,
        at=desk.parts.now(),
    )
    new = record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=key)
    await desk.store.append(call.tenant, [StreamAppend(outcome_stream(outcome_id), state.version, [new])])
    return {"id": str(outcome_id), "version": state.version + 1}, opened


async def outcome_history(desk: OutcomeDesk, call: Call, outcome_id: UUID) -> tuple[list[dict[str, Any]], Opened]:
    """Every version, oldest first. 404 or 403 as for reading the outcome; empty where it was erased."""
    row = await _row(desk, call, outcome_id, Action.READ)
    opened = await open_one(desk.gate, call, Action.READ, row.ref)
    found = []
    for stored in await desk.store.read_stream(call.tenant, outcome_stream(outcome_id)):
        event = typed(stored)
        assert isinstance(event, OutcomeRecorded | OutcomeCorrected)
        corrected = event if isinstance(event, OutcomeCorrected) else None
        key = None if opened.erased(outcome_id) else opened.key(outcome_id)
        says = event.outcome.open(key).model_dump(mode="json") if key else dict.fromkeys(Outcome.model_fields)
        found.append(
            {
                "version": stored.version,
                "what": "corrected" if corrected else "recorded",
                "by": corrected.by if corrected else None,
                "at": event.at.isoformat(),
                "reason": corrected.reason.open(key) if corrected and key else None,
                **says,
            }
        )
    return found, opened


def _fits(desk: OutcomeDesk, before: Outcome, correction: Correction) -> None:
    """422 for what would make it another outcome, or a score that the measure does not have."""
    same = {"measure": correction.measure, "session_id": correction.session_id, "date": correction.day}
    stays = "stays as it was recorded: leave it out, or send it as it is"
    faults = [Fault(f"/{name}", stays) for name, value in same.items() if value not in (None, getattr(before, name))]
    wrong = score_fault(desk.catalogue.enabled(before.measure), correction.score)
    if wrong is not None:
        faults.append(Fault("/score", wrong))
    if faults:
        raise invalid(faults)


async def _row(desk: OutcomeDesk, call: Call, outcome_id: UUID, action: Action) -> OutcomeRow:
    row = await desk.index.outcome(call.tenant, outcome_id)
    if row is None:
        raise await missed(desk.gate, call, action)
    return row
