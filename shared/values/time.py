"""Instants, days and periods as they come from outside: one reading for bodies, queries, FHIR, the importer and settings.

- An instant is RFC 3339 text with its zone: `2026-03-01T09:00:00Z`, `2026-03-01T09:00:00.25-05:00`. Nothing else is taken: no
  number, no time without a zone, no date alone.
- A day is a calendar date, `YYYY-MM-DD`.
- Both lie in the years `FIRST_YEAR` to `LAST_YEAR`, an instant counted in UTC. So no sum of times leaves the calendar.
- A leap second (`23:59:60` in UTC) is the first moment of the next day. No other second 60 exists.
- What is said to have happened must have come (`Place.has_come`).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import PlainValidator, WithJsonSchema

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199
CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""how far the sender's clock may be ahead of ours"""

A_DAY: Final = "a day that exists, as YYYY-MM-DD"
AN_INSTANT: Final = "an instant with its zone, as 2026-03-01T09:00:00Z or 2026-03-01T09:00:00-05:00"
NO_ZONE: Final = "a time without a zone says no instant: add Z (UTC) or the offset, as in 2026-03-01T09:00:00-05:00"
OUT_OF_RANGE: Final = f"years {FIRST_YEAR} to {LAST_YEAR} are taken"
NOT_YET: Final = "it has not come yet: this is written down when it has happened"
ENDS_EARLY: Final = "must be after start"

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_EASTERNMOST: Final = timezone(timedelta(hours=14))


def parse_day(text: str) -> date:
    """ValueError, with what is expected, where it is no day of the range."""
    if not _DAY.fullmatch(text):
        raise ValueError(A_DAY)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(A_DAY) from None
    if not in_range(day):
        raise ValueError(OUT_OF_RANGE)
    return day


def parse_instant(text: str) -> datetime:
    """Aware, with the offset that it was given with. ValueError, with what is expected, where it is no instant of the range."""
    at = read_instant(text)
    if not in_range(at):
        raise ValueError(OUT_OF_RANGE)
    return at


def read_instant(text: str) -> datetime:
    """Like `parse_instant`, of any year: for what is stored already. ValueError where the instant leaves the calendar in UTC."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(AN_INSTANT)
    day, minute, second, fraction, offset = match.groups()
    if offset is None:
        raise ValueError(NO_ZONE)
    leaps = second == "60"
    microseconds = (fraction or "")[:7]  # finer than a microsecond is cut off
    shown = f"{day}T{minute}:{'59' if leaps else second}{'' if leaps else microseconds}{'+00:00' if offset in 'Zz' else offset}"
    try:
        at = datetime.fromisoformat(shown)
        at.astimezone(UTC)
        if leaps:
            at += timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise ValueError(AN_INSTANT) from None
    if leaps and at.astimezone(UTC).time() != time.min:
        raise ValueError("a leap second is 23:59:60 in UTC")
    return at


def in_range(when: date | datetime) -> bool:
    try:
        year = (when.astimezone(UTC) if isinstance(when, datetime) else when).year
    except OverflowError:
        return False
    return FIRST_YEAR <= year <= LAST_YEAR


def is_day(text: str) -> bool:
    """Whether it has the form of a day, not of an instant."""
    return _DAY.fullmatch(text) is not None


def begin_of(text: str) -> datetime:
    """Where a period that starts with this day or instant begins, in UTC. A day begins at midnight UTC. ValueError."""
    return midnight(parse_day(text)) if is_day(text) else parse_instant(text).astimezone(UTC)


def end_of(text: str) -> datetime:
    """The first instant after a period that ends with this day or instant, in UTC. A day is included whole. ValueError."""
    return midnight(parse_day(text)) + timedelta(days=1) if is_day(text) else parse_instant(text).astimezone(UTC)


def midnight(day: date) -> datetime:
    """The beginning of the day in UTC."""
    return datetime.combine(day, time.min, UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the practice is, as far as the calendar is concerned."""

    zone: tzinfo | None = None
    """None: not told. Then a day has come as soon as it has come anywhere on Earth."""

    def today(self, now: datetime) -> date:
        """The day at the place; in UTC where no zone is told."""
        return now.astimezone(self.zone or UTC).date()

    def has_come(self, when: date | datetime, now: datetime) -> bool:
        """Whether that instant, or the beginning of that day at the place, is over by the sender's clock."""
        latest = now + CLOCKS_DIFFER
        if isinstance(when, datetime):
            return when <= latest
        return when <= latest.astimezone(self.zone or _EASTERNMOST).date()


ANYWHERE: Final = Place()


def place_of(zone: str) -> Place:
    """Of a setting: the name of an IANA zone such as `Europe/Vienna`, or nothing. ValueError where there is no such zone."""
    if not zone:
        return ANYWHERE
    try:
        return Place(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is no IANA time zone, such as Europe/Vienna or America/New_York") from None


def _instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError(AN_INSTANT)
    return parse_instant(value)


def _day(value: Any) -> date:
    if not isinstance(value, str):
        raise ValueError(A_DAY)
    return parse_day(value)


def _day_text(value: Any) -> str:
    return _day(value).isoformat()


Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "description": f"{AN_INSTANT}; {OUT_OF_RANGE}"}),
]
"""an instant in a request body"""
Day = Annotated[
    date,
    PlainValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "description": f"{A_DAY}; {OUT_OF_RANGE}"}),
]
"""a day in a request body"""
DayText = Annotated[
    str,
    PlainValidator(_day_text),
    WithJsonSchema({"type": "string", "format": "date", "description": f"{A_DAY}; {OUT_OF_RANGE}"}),
]
"""the same, kept as it was written"""
