"""Outcome scores that come from elsewhere. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date as day
from datetime import datetime
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.alliance_measurement.instruments.domain.instrument import Instrument
from shared.contracts.records import KeyClass
from shared.sealing.event import Event, EventTypes
from shared.sealing.field import Sealed
from shared.values.time import NOT_YET, Place


class Outcome(BaseModel):
    """One score of one measure. Sealed whole: even which measure it is says something."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    measure: str
    session_id: UUID | None = None
    date: day | None = None
    score: int | float


class OutcomeRecorded(Event):
    TYPE: ClassVar[str] = "alliance.outcome-recorded"
    RECORD: ClassVar[str] = "outcome_id"
    outcome_id: UUID
    outcome: Annotated[Sealed[Outcome], KeyClass.MEASURES]
    at: datetime


class OutcomeCorrected(Event):
    """The score was wrong, and this one is right. What was written before stays in the history."""

    TYPE: ClassVar[str] = "alliance.outcome-corrected"
    RECORD: ClassVar[str] = "outcome_id"
    outcome_id: UUID
    outcome: Annotated[Sealed[Outcome], KeyClass.MEASURES]
    reason: Annotated[Sealed[str | None], KeyClass.MEASURES]
    by: str
    at: datetime


OutcomeEvent = OutcomeRecorded | OutcomeCorrected


@dataclass(frozen=True, slots=True)
class OutcomeState:
    """An outcome as its stream has it; what it says is closed."""

    outcome_id: UUID
    client_id: UUID
    recorded_at: datetime
    says: Sealed[Outcome]
    """the newest"""
    version: int
    """from 1"""
    corrected_at: datetime | None = None


def fold(events: Iterable[OutcomeEvent]) -> OutcomeState:
    """All events of one outcome, the first first."""
    state: OutcomeState | None = None
    for event in events:
        if isinstance(event, OutcomeRecorded):
            state = OutcomeState(event.outcome_id, event.client_id, event.at, event.outcome, 1)
        else:
            assert state is not None
            state = replace(state, says=event.outcome, version=state.version + 1, corrected_at=event.at)
    assert state is not None
    return state


EVENT_TYPES: Final = EventTypes(OutcomeRecorded, OutcomeCorrected)


def score_fault(instrument: Instrument | None, score: float) -> str | None:
    """What is wrong with a score of a known instrument; None where nothing is, or the measure is unknown here."""
    total = instrument.score("total") if instrument is not None else None
    if total is None or total.min <= score <= total.max:
        return None
    return f"this measure's total runs from {total.min:g} to {total.max:g}"


def date_fault(given: day | None, now: datetime, place: Place) -> str | None:
    """What is wrong with the day of an outcome."""
    return None if given is None or place.has_come(given, now) else NOT_YET
