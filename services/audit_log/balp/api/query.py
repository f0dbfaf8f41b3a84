"""Search parameters of AuditEvent as they come over HTTP (HL7 FHIR R4, Search). What is not understood is refused, unless the
caller prefers `handling=lenient`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.audit_log.ledger.application.ledger_view import Filters
from shared.http.cursor import DEFAULT_LIMIT, MAX_LIMIT
from shared.http.fhir import bad_search

SEARCH: Final = {
    "_id": "token",
    "action": "token",
    "agent": "reference",
    "date": "date",
    "entity": "reference",
    "outcome": "token",
    "patient": "reference",
    "purpose": "token",
}
"""parameter → its type, as the CapabilityStatement lists them"""
_RESULT: Final = frozenset({"_count", "_format", "_pretty", "cursor"})
_DATE: Final = re.compile(
    r"(eq|gt|ge|lt|le|sa|eb)?(\d{4})(?:-(\d\d)(?:-(\d\d)(T\d\d:\d\d(:\d\d(?:\.\d{1,6})?)?(?:Z|[+ -]\d\d:\d\d))?)?)?", re.ASCII
)
ID: Final = re.compile(r"(0|[1-9][0-9]{0,17})(-decision|-disclosure)?", re.ASCII)
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AuditSearch:
    filters: Filters
    """what the ledger itself looks for: never too little"""
    count: int
    ids: frozenset[str] | None
    actions: frozenset[str] | None
    """http://hl7.org/fhir/audit-event-action"""
    outcomes: frozenset[str] | None

    def holds(self, event: dict[str, Any]) -> bool:
        """What is left to be looked for in the event itself."""
        return (
            (self.ids is None or event["id"] in self.ids)
            and (self.actions is None or event["action"] in self.actions)
            and (self.outcomes is None or event["outcome"] in self.outcomes)
        )


def audit_search_of(pairs: Pairs, *, lenient: bool) -> AuditSearch:
    """400 with what is not understood."""
    filters, count = Filters(), DEFAULT_LIMIT
    found: dict[str, frozenset[str] | None] = {"_id": None, "action": None, "outcome": None}
    seen: set[str] = set()
    for name, value in pairs:
        if name not in SEARCH and name not in _RESULT:
            if lenient:
                continue
            raise bad_search(name[:64], f"not known here; known are {', '.join(SEARCH)} and _count")
        if not value:
            raise bad_search(name, "has no value")
        if name in seen and name != "date":
            raise bad_search(name, "once: an event has one of these, so two can never both hold")
        seen.add(name)
        if name == "_count":
            count = _count(value)
        elif name in found:
            found[name] = _one_of(name, value)
        elif name in _READERS:
            filters = _READERS[name](filters, value)
    ids = found["_id"]
    if ids is not None:
        filters = replace(filters, indexes=tuple(sorted({int(m[1]) for i in ids if (m := ID.fullmatch(i))})))
    outcomes = found["outcome"]
    if outcomes is not None and set(outcomes) == {"8"}:
        filters = replace(filters, outcome="deny")
    return AuditSearch(filters, count, ids, found["action"], outcomes)


def recorded(pairs: Pairs, wanted: AuditSearch) -> dict[str, str]:
    """What the entry of this search keeps: parameters and codes that were understood, no other word that was typed."""
    asked = {name: value.rpartition("|")[2] for name, value in pairs if name in SEARCH or name == "_count"}
    if wanted.filters.agent is not None:
        asked["agent"] = wanted.filters.agent
    if wanted.ids is not None:
        asked["_id"] = ",".join(sorted(i for i in wanted.ids if ID.fullmatch(i)))
    return asked


def _one_of(name: str, value: str) -> frozenset[str]:
    codes = frozenset(v.rpartition("|")[2] for v in value.split(","))
    known = {"action": frozenset("CRUDE"), "outcome": frozenset(("0", "4", "8", "12"))}.get(name)
    if known is not None and not codes <= known:
        raise bad_search(name, f"one of {', '.join(sorted(known))}")
    return codes


def _patient(filters: Filters, value: str) -> Filters:
    try:
        client = str(UUID(value.rsplit("/", 1)[-1]))
    except ValueError:
        raise bad_search("patient", "Patient/[id] as this server knows the client") from None
    return replace(filters, client_id=client)


def _agent(filters: Filters, value: str) -> Filters:
    if re.search(r"(?<!\\),", value):
        raise bad_search("agent", "one person or system; a comma within a name is written \\,")
    text = value.replace("\\,", ",").rpartition("|")[2].removeprefix("Practitioner/").removeprefix("Patient/")
    if not 0 < len(text) <= 200 or "\x00" in text:
        raise bad_search("agent", "the person's or system's identifier, or a staff member's name")
    return replace(filters, agent=text)


def _entity(filters: Filters, value: str) -> Filters:
    if value.startswith("Patient/"):
        return _patient(filters, value)
    text = value.rpartition("|")[2].removeprefix("urn:uuid:").rsplit("/", 1)[-1]
    try:
        return replace(filters, record_id=str(UUID(text)))
    except ValueError:
        raise bad_search("entity", "a record, as DocumentReference/[id] or urn:uuid:[id]") from None


def _purpose(filters: Filters, value: str) -> Filters:
    code = value.rpartition("|")[2]
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,31}", code):
        raise bad_search("purpose", "one v3-ActReason code, as TREAT")
    return replace(filters, purpose=code)


def _date(filters: Filters, value: str) -> Filters:
    match = _DATE.fullmatch(value)
    try:
        if match is None:
            raise ValueError
        start, end = _span(match)
    except (ValueError, OverflowError):
        raise bad_search("date", "a date, with one of the prefixes eq gt ge lt le sa eb before it") from None
    prefix = match[1] or "eq"
    since = {"eq": start, "ge": start, "gt": end, "sa": end}.get(prefix)
    until = {"eq": end, "le": end, "lt": start, "eb": start}.get(prefix)
    if since is not None:
        filters = replace(filters, since=max(since, filters.since) if filters.since else since)
    if until is not None:
        filters = replace(filters, until=min(until, filters.until) if filters.until else until)
    return filters


def _span(match: re.Match[str]) -> tuple[datetime, datetime]:
    """First moment of what is named and the first after it."""
    _, year, month, day, moment, seconds = match.groups()
    if moment:
        start = datetime.fromisoformat(f"{year}-{month}-{day}{moment.replace(' ', '+')}").astimezone(UTC)
        return start, start + _precision(seconds)
    first = date(int(year), int(month or 1), int(day or 1))
    if day:
        last = first + timedelta(days=1)
    elif month:
        last = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    else:
        last = date(first.year + 1, 1, 1)
    return datetime(first.year, first.month, first.day, tzinfo=UTC), datetime(last.year, last.month, last.day, tzinfo=UTC)


def _precision(seconds: str | None) -> timedelta:
    """How long what is named lasts: a minute without seconds (`:05.25` is a hundredth)."""
    if seconds is None:
        return timedelta(minutes=1)
    digits = len(seconds.partition(".")[2])
    return timedelta(microseconds=10 ** (6 - digits))


def _count(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:6]) <= MAX_LIMIT:
        raise bad_search("_count", f"a whole number from 1 to {MAX_LIMIT}; totals are not given")
    return int(value)


_READERS: Final[dict[str, Callable[[Filters, str], Filters]]] = {
    "patient": _patient,
    "agent": _agent,
    "entity": _entity,
    "purpose": _purpose,
    "date": _date,
}
