"""Periods as people write them, and the instants they mean.

A date counts as a whole UTC day: a period in dates begins with its first day and ends *after* its last one
(FHIR R4, Period: an end given as a date includes that day). An instant carries its own offset.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from services.consent.domain.errors import FormFault
from shared.contracts.consent_policy import Period

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def parse_date(text: str) -> date:
    """A calendar date `YYYY-MM-DD`. ValueError where it is none that exists."""
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError("a date that exists, as YYYY-MM-DD")


def first_instant(text: str) -> datetime:
    """Where a period that starts with `text` begins, in UTC. ValueError where `text` is neither date nor instant."""
    if _DATE.fullmatch(text):
        return datetime.combine(parse_date(text), time.min, UTC)
    return _instant(text)


def end_instant(text: str) -> datetime:
    """The first instant that a period ending with `text` does not hold any more, in UTC. ValueError as above."""
    if not _DATE.fullmatch(text):
        return _instant(text)
    last = datetime.combine(parse_date(text), time.min, UTC)
    return last + timedelta(days=1) if last.date() < date.max else _LAST


def _instant(text: str) -> datetime:
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError("a date that exists (YYYY-MM-DD), or an instant with its offset (2026-03-01T09:00:00Z)")


def _as_start(text: str) -> str:
    first_instant(text)
    return text


def _as_end(text: str) -> str:
    end_instant(text)
    return text


class GivenPeriod(BaseModel):
    """A period as it was given. `start` and `end` are dates or instants, each checked to exist."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    start: Annotated[str, AfterValidator(_as_start)]
    end: Annotated[str, AfterValidator(_as_end)] | None = None

    def instants(self) -> Period:
        return Period(start=first_instant(self.start), end=end_instant(self.end) if self.end is not None else None)

    def faults(self, pointer: str) -> list[FormFault]:
        """A period that never holds is a mistake: said at its end."""
        meant = self.instants()
        if meant.end is not None and meant.end <= meant.start:
            return [FormFault(f"{pointer}/end", "must be after start")]
        return []
