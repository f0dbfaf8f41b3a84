"""An administration: one instrument, given once to one rater. Events and the decisions that make them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.alliance_measurement.instruments.domain.instrument import Construct, Instrument, Rater
from services.alliance_measurement.instruments.domain.scoring import check, score
from shared.contracts.alliance import ADMINISTRATION_ANSWERED
from shared.contracts.records import ALLIANCE_RATING, KeyClass
from shared.sealing.event import Event, EventTypes
from shared.sealing.field import Sealed


class Result(BaseModel):
    """What the answers score. Sealed with them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    scores: dict[str, bool | int | float | None]
    missing: tuple[int, ...] = ()
    prorated: tuple[str, ...] = ()

    @property
    def total(self) -> float | None:
        """None where too much is missing."""
        total = self.scores.get("total")
        return None if total is None else float(total)


class AdministrationRequested(Event):
    TYPE: ClassVar[str] = "alliance.administration-requested"
    RECORD: ClassVar[str] = "administration_id"
    administration_id: UUID
    instrument: str
    instrument_version: int
    rater: Rater
    session_id: UUID | None
    at: datetime


class AdministrationAnswered(Event):
    TYPE: ClassVar[str] = ADMINISTRATION_ANSWERED
    RECORD: ClassVar[str] = "administration_id"
    administration_id: UUID
    instrument: str
    instrument_version: int
    rater: Rater
    answers: Annotated[Sealed[dict[str, int | float]], KeyClass.MEASURES]
    """by item number; a skipped item is absent"""
    result: Annotated[Sealed[Result], KeyClass.MEASURES]
    at: datetime


EVENT_TYPES: Final = EventTypes(AdministrationRequested, AdministrationAnswered)


class AlreadyAnswered(Exception):
    """An administration is answered once; a new answer needs a new administration."""


@dataclass(frozen=True, slots=True)
class Administration:
    """State of one administration: the fold of its events."""

    requested: AdministrationRequested
    answered: AdministrationAnswered | None = None


def evolve(events: Sequence[Event]) -> Administration | None:
    """None where there is no such administration."""
    state: Administration | None = None
    for event in events:
        match event:
            case AdministrationRequested():
                state = Administration(event)
            case AdministrationAnswered() if state is not None:
                state = Administration(state.requested, event)
    return state


def request(
    instrument: Instrument,
    *,
    administration_id: UUID,
    client_id: UUID,
    rater: Rater,
    session_id: UUID | None,
    at: datetime,
) -> AdministrationRequested:
    return AdministrationRequested(
        client_id=client_id,
        administration_id=administration_id,
        instrument=instrument.id,
        instrument_version=instrument.version,
        rater=rater,
        session_id=session_id,
        at=at,
    )


def answer(state: Administration, instrument: Instrument, answers: Mapping[str, Any], *, at: datetime) -> AdministrationAnswered:
    """Raises AlreadyAnswered, InvalidAnswers."""
    if state.answered is not None:
        raise AlreadyAnswered
    checked = check(instrument, answers)
    scored = score(instrument, checked)
    return AdministrationAnswered(
        client_id=state.requested.client_id,
        administration_id=state.requested.administration_id,
        instrument=instrument.id,
        instrument_version=instrument.version,
        rater=state.requested.rater,
        answers=Sealed({str(item): value for item, value in checked.items()}),
        result=Sealed(Result(scores=scored.scores, missing=scored.missing, prorated=scored.prorated)),
        at=at,
    )


def is_alliance_rating(instrument: Instrument, rater: Rater) -> bool:
    """Whether the client's release choice governs it: their own rating of the alliance, never a symptom measure."""
    return rater is Rater.CLIENT and instrument.measures is Construct.ALLIANCE


def labels(instrument: Instrument, rater: Rater) -> tuple[str, ...]:
    """Registry labels of a new administration."""
    return (ALLIANCE_RATING,) if is_alliance_rating(instrument, rater) else ()


def warnings(instrument: Instrument, rater: Rater, *, items_today: int, most_items: int) -> list[str]:
    """What whoever asks for an administration should know. Nothing of it refuses.

    `items_today`: items already asked of this client within a day.
    """
    found = []
    if rater not in instrument.raters:
        confirmed = " and ".join(f"the {r}'s" for r in instrument.raters)
        found.append(f"the key was confirmed for {confirmed} form only; it scores this rating all the same")
    if instrument.text is None:
        found.append(f"no item text here ({instrument.licence.state}): {instrument.licence.note or 'answer by item number'}")
    if rater is Rater.CLIENT and items_today + instrument.scale.items > most_items:
        found.append(f"more than {most_items} items within a day: consider waiting; skipping costs the client nothing")
    return found
