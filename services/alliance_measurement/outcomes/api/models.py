"""Bodies of requests."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, PlainValidator, WithJsonSchema

from shared.entry.text import Lines
from shared.http.body import Body
from shared.values.time import Day

LARGEST_SCORE = 1_000_000_000
"""points; no measure comes near it"""

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
