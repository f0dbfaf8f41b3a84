"""Search parameters of FHIR as they come over HTTP (HL7 FHIR R4, Search): one reading for every service that serves resources.

A service lists its parameters with their types, takes the pairs by `understood`, and reads each value by the function of its
type: `tokens_of`, `dates_of`, `reference_of`, `count_of`. What is not understood is a 400 that names the parameter.
"""

import re
import unicodedata
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from shared.http.body import raw_body
from shared.http.cursor import DEFAULT_LIMIT, MAX_LIMIT
from shared.http.fhir import bad_search
from shared.http.problems import Problem

Pairs = Sequence[tuple[str, str]]
RESULT: Final = frozenset({"_count", "_format", "_pretty", "cursor"})
"""parameters that every search takes, whatever the resource"""
FOREVER: Final = datetime.max.replace(tzinfo=UTC)
FIRST: Final = datetime.min.replace(tzinfo=UTC)
SHOWN: Final = timedelta(milliseconds=1)
"""precision in which the instants of resources are shown: a search compares what is shown, not what is stored"""
PREFIXES: Final = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb")
MOST_PAIRS: Final = 100
MAX_FORM: Final = 16_384
"""bytes of a search by form"""
_FORM: Final = "application/x-www-form-urlencoded"
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_TYPED: Final = re.compile(r"([A-Z][A-Za-z]{2,63})/(.+)", re.DOTALL)
_DATE: Final = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)


async def form_pairs(request: Request) -> list[tuple[str, str]]:
    """Parameters of a `POST …/_search`: those of the address and those of the body. 415, 413, 400 where it is not UTF-8."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise Problem(415, "media-type", "Unsupported media type", f"Send {_FORM}.")
    try:
        sent = (await raw_body(request, MAX_FORM)).decode("utf-8")
        return [*request.query_params.multi_items(), *parse_qsl(sent, keep_blank_values=True, errors="strict")]
    except UnicodeDecodeError:
        raise Problem(400, "search", "The search is not understood", "The form is not UTF-8.") from None


def understood(
    pairs: Pairs, known: Mapping[str, str], *, lenient: bool, result: frozenset[str] = RESULT
) -> list[tuple[str, str]]:
    """The pairs that are known, in order. `lenient` leaves out unknown ones; else the first of them is a 400."""
    if len(pairs) > MOST_PAIRS:
        raise bad_search("", f"at most {MOST_PAIRS} parameters")
    found: list[tuple[str, str]] = []
    for name, value in pairs:
        if name not in known and name not in result:
            if lenient:
                continue
            raise bad_search(_safe(name), f"not known here; known are {', '.join((*known, *sorted(result - {'cursor'})))}")
        if not value:
            raise bad_search(name, "has no value")
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
            raise bad_search(name, "holds control characters")
        found.append((name, value))
    return found


def _safe(name: str) -> str:
    """A parameter's name as an error may repeat it: never what a caller could have typed as a text."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}", name) else "?"


def parts_of(value: str, separator: str) -> list[str]:
    """`value` at each separator that no backslash stands before; the escapes are still in the parts."""
    found, part, escaped = [], "", False
    for c in value:
        if c == separator and not escaped:
            found.append(part)
            part = ""
            continue
        part += c
        escaped = c == "\\" and not escaped
    return [*found, part]


def plain(part: str) -> str:
    """Without the escapes of R4's search: `\\,` `\\|` `\\$` `\\\\`."""
    return re.sub(r"\\([,|$\\])", r"\1", part)


@dataclass(frozen=True, slots=True)
class Token:
    """`code`, `system|code`, `|code` or `system|` (R4, Search: token)."""

    system: str | None
    """None: any; empty: the coding has no system"""
    code: str
    """empty: any code of the system"""

    def matches(self, system: str, code: str) -> bool:
        return (self.system is None or self.system == system) and (not self.code or self.code == code)


def tokens_of(name: str, value: str) -> tuple[Token, ...]:
    """The alternatives of a token parameter."""
    return tuple(_token(name, part) for part in parts_of(value, ","))


def _token(name: str, part: str) -> Token:
    pieces = parts_of(part, "|")
    if len(pieces) > 2 or not any(pieces):
        raise bad_search(name, "a code, system|code, |code or system|; a bar or comma within one is written \\| or \\,")
    if len(pieces) == 1:
        return Token(None, plain(pieces[0]))
    return Token(plain(pieces[0]), plain(pieces[1]))


def codes_of(name: str, value: str, system: str, known: Sequence[str] = ()) -> frozenset[str]:
    """The codes that a token parameter names, where all of the element's codes are of one system.

    A code of another system is none of them. 400 for one that is not among `known`, where these are given.
    """
    found: set[str] = set()
    for token in tokens_of(name, value):
        if known and token.code and token.code not in known:
            raise bad_search(name, f"one of {', '.join(known)}")
        if token.system in (None, system):
            found.update({token.code} if token.code else known)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Span:
    """A date parameter: `prefix` and the span of time that its value stands for, the end excluded."""

    prefix: str
    start: datetime
    end: datetime

    def matches(self, start: datetime, end: datetime) -> bool:
        """Against the span from `start` up to `end` (R4, Search: date). An open period begins at FIRST or ends at FOREVER."""
        within = self.start <= start and end <= self.end
        match self.prefix:
            case "eq":
                return within
            case "ne":
                return not within
            case "gt":
                return end > self.end
            case "ge":
                return end > self.start
            case "lt":
                return start < self.start
            case "le":
                return start < self.end
            case "sa":
                return start >= self.end
            case _:
                return end <= self.start

    def matches_instant(self, at: datetime) -> bool:
        """Against an instant as a resource shows it."""
        shown = at.replace(microsecond=at.microsecond // 1000 * 1000)
        return self.matches(shown, shown + SHOWN)


def dates_of(name: str, value: str) -> tuple[Span, ...]:
    """The alternatives of a date parameter."""
    return tuple(_span(name, part) for part in parts_of(value, ","))


def _span(name: str, part: str) -> Span:
    # a plus that was not percent-encoded arrives as a blank
    match = _DATE.fullmatch(part.replace(" ", "+"))
    prefix = (match["prefix"] or "eq") if match else ""
    if match is None or prefix not in PREFIXES:
        raise bad_search(
            name, f"a date (2026, 2026-03, 2026-03-01, 2026-03-01T09:30Z) after one of {', '.join(PREFIXES)}, or none"
        )
    if match["hour"] and not match["zone"]:
        raise bad_search(name, "a time has its zone: Z, or an offset such as +01:00")
    try:
        start, end = _limits(match)
    except (ValueError, OverflowError):
        raise bad_search(name, "a date that exists, in the years 0001 to 9999") from None
    return Span(prefix, start, end)


def _limits(match: re.Match[str]) -> tuple[datetime, datetime]:
    """First instant of what is named, and the first one after it. ValueError, OverflowError."""
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    if match["hour"]:
        fraction = (match["fraction"] or "")[:6]
        at = datetime(
            year, month, day, int(match["hour"]), int(match["minute"]), min(int(match["second"] or 0), 59),
            int(fraction.ljust(6, "0")) if fraction else 0, tzinfo=_zone(match["zone"]),
        )  # fmt: skip
        if int(match["second"] or 0) > 60:
            raise ValueError
        return _in_utc(at), _later(_in_utc(at), _precision(match["second"], fraction))
    start = datetime(year, month, day, tzinfo=UTC)
    days = 1 if match["day"] else monthrange(year, month)[1] if match["month"] else 366 if monthrange(year, 2)[1] == 29 else 365
    return start, _later(start, timedelta(days=days))


def _precision(second: str | None, fraction: str) -> timedelta:
    """How long what is named lasts: a minute without seconds; `:05.25` lasts a hundredth of a second."""
    if second is None:
        return timedelta(minutes=1)
    return timedelta(microseconds=10 ** (6 - len(fraction)))


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # within a day of the first or the last instant there is
        return FIRST if at.year == 1 else FOREVER


def _later(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return FOREVER


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference parameter names."""

    type: str | None
    id: str
    """what stands behind the type; the whole value where it has no type"""


def reference_of(name: str, part: str, base: str) -> Reference | None:
    """`[id]`, `[type]/[id]`, or the absolute address of one on this server (`base` is `https://host/fhir/R4`).

    None for a resource of another server: nothing here refers to it.
    """
    text = plain(part)
    if "://" in text:
        if not text.startswith(f"{base}/"):
            return None
        text = text[len(base) + 1 :]
    text = re.sub(r"/_history/[A-Za-z0-9.-]{1,64}$", "", text)
    typed = _TYPED.fullmatch(text)
    if typed is None:
        return Reference(None, text)
    if not _ID.fullmatch(typed[2]):
        raise bad_search(name, "[type]/[id], or the id alone")
    return Reference(typed[1], typed[2])


def count_of(value: str) -> int:
    """How many a page shows: a whole number from 1 to MAX_LIMIT, read by its value."""
    if not re.fullmatch(r"[0-9]{1,18}", value) or not 1 <= int(value) <= MAX_LIMIT:
        raise bad_search("_count", f"a whole number from 1 to {MAX_LIMIT}; totals are not given")
    return int(value)


def count_in(pairs: Pairs) -> int:
    """The page size that the pairs ask for, or the default. 400 where they name two."""
    named = [value for name, value in pairs if name == "_count"]
    if len(named) > 1:
        raise bad_search("_count", "once")
    return count_of(named[0]) if named else DEFAULT_LIMIT


def criteria_of(header: str, resource: str) -> list[tuple[str, str]]:
    """The criteria of `If-None-Exist`: a query, with or without `?`, `[type]?` or the server's address before it.

    400 where it names another type or nothing. HAPI's client sends an absolute address, percent-encoded.
    """
    address, mark, query = header.strip().rpartition("?")
    if mark and address:
        path = urlsplit(address).path
        if path.rstrip("/").rpartition("/")[2] != resource:
            raise Problem(400, "search", "The search is not understood", f"If-None-Exist searches {resource}.")
    found = parse_qsl(query, keep_blank_values=True)
    if not found:
        raise Problem(400, "search", "The search is not understood", "If-None-Exist holds a query, as identifier=system|value.")
    return found
