"""Periods as people write them, and the instants they mean.

A date counts as a whole UTC day: a period in dates begins with its first day and ends *after* its last one
(FHIR R4, Period: an end given as a date includes that day). An instant carries its own offset.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from services.consent.domain.errors import FormFault
from shared.contracts.consent_policy import Period
from shared.values.time import A_DAY, AN_INSTANT, ENDS_EARLY, OUT_OF_RANGE, in_range, is_day, midnight, read_instant

_LAST: Final = datetime.max.replace(tzinfo=UTC)
_NO_START: Final = date.min
"""how a period without a start is stored (FHIR has such periods)"""


def _stored(text: str) -> date | datetime:
    """Of any year: periods are stored as they were given, also those from before there was a range of years."""
    if not is_day(text):
        return read_instant(text)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(A_DAY) from None


def first_instant(text: str) -> datetime:
    """Where a stored period that starts with `text`, or a stored day, begins, in UTC."""
    when = _stored(text)
    return when.astimezone(UTC) if isinstance(when, datetime) else midnight(when)


def end_instant(text: str) -> datetime:
    """The first instant that a stored period ending with `text` does not hold any more, in UTC."""
    when = _stored(text)
    if isinstance(when, datetime):
        return when.astimezone(UTC)
    return midnight(when) + timedelta(days=1) if when < date.max else _LAST


def _exists(text: str) -> str:
    try:
        _stored(text)
    except ValueError as error:
        raise ValueError(f"{A_DAY}, or {AN_INSTANT}" if is_day(text) or "T" not in text else str(error)) from None
    return text


DayOrInstant = Annotated[str, AfterValidator(_exists)]


class GivenPeriod(BaseModel):
    """A period as it was given. `start` and `end` are dates or instants, each checked to exist."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    start: DayOrInstant
    end: DayOrInstant | None = None

    def instants(self) -> Period:
        return Period(start=first_instant(self.start), end=end_instant(self.end) if self.end is not None else None)

    def faults(self, pointer: str) -> list[FormFault]:
        """What keeps it from being taken: a year outside the range, or an end that is not after the start."""
        ends = {"start": self.start, "end": self.end}
        found = [
            FormFault(f"{pointer}/{name}", f"{OUT_OF_RANGE}; a period that never ends has no end")
            for name, text in ends.items()
            if text is not None and (when := _stored(text)) != _NO_START and not in_range(when)
        ]
        meant = self.instants()
        if not found and meant.end is not None and meant.end <= meant.start:
            found.append(FormFault(f"{pointer}/end", ENDS_EARLY))
        return found
