"""Bodies of requests."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, JsonValue, PlainValidator, WithJsonSchema

from services.alliance_measurement.domain.instrument import Rater
from services.alliance_measurement.domain.risk import RiskSettings
from shared.contracts.disclosure import ReleaseAudience
from shared.entry.text import Exact, Lines
from shared.http.body import Body
from shared.values.time import Day

LARGEST_SCORE = 1_000_000_000
"""points; no measure comes near it"""

InstrumentName = Annotated[str, Exact(40)]
Measure = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$", description="1 to 40 of a-z, 0-9, '.', '_', '-': `phq-9`, or one of your own"),
]


def _number(value: Any) -> Any:
    """One fault for whatever is wrong: a union of int and float would list two."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST_SCORE <= value <= LARGEST_SCORE:
        raise ValueError(f"a number from {-LARGEST_SCORE} to {LARGEST_SCORE}")
    return value


Score = Annotated[int | float, PlainValidator(_number), WithJsonSchema({"type": "number"})]


class AdministrationBody(Body):
    client_id: UUID
    instrument: InstrumentName
    session_id: UUID | None = None
    rater: Rater


class ResponsesBody(Body):
    answers: dict[str, JsonValue] = Field(
        description='by item number, `{"1": 5, …}`; leave an item out to skip it', max_length=500
    )


class OutcomeBody(Body):
    measure: Measure
    session_id: UUID | None = None
    date: Day | None = None
    score: Score


class OutcomeCorrectionBody(Body):
    """The outcome as it should have been written. What is left out, and all but the score, stays as it is."""

    measure: Measure | None = None
    session_id: UUID | None = None
    date: Day | None = None
    score: Score
    reason: Annotated[str, Lines(2000)] | None = None
    """why it is corrected; it is sealed with the record"""


class AcknowledgementBody(Body):
    note: Annotated[str, Lines(2000)] | None = None


class HandoverBody(Body):
    to: Annotated[str, Exact(200)] = Field(description="`sub` of the practitioner who is told instead")
    reason: Annotated[str, Lines(1000)]


class RiskSettingsBody(RiskSettings, Body):
    """Who is told of answers to critical items, and what clients read."""


class ReleaseBody(Body):
    """Who sees the client's own alliance ratings, and all that is computed from them."""

    therapist: ReleaseAudience | None = None
    supervisor: ReleaseAudience | None = None
