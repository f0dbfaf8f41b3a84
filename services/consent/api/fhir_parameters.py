"""Search parameters of Consent as they come over HTTP (HL7 FHIR R4, Search). What is not understood is refused, unless the
caller prefers `handling=lenient`."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from services.consent.application.fhir_search import Range, Search, Token
from services.consent.domain.fhir.criteria import subject_of
from services.consent.domain.fhir.resource import Reference, as_end, as_start, is_date_time
from services.consent.domain.periods import end_instant, first_instant
from shared.entry.numbers import whole_number
from shared.http.cursor import MAX_LIMIT
from shared.http.fhir import bad_search

DEFAULT_COUNT: Final = 50
TOKENS: Final = ("_id", "status", "category", "purpose", "security-label", "identifier")
SEARCH: Final = {
    "_id": "token",
    "_lastUpdated": "date",
    "actor": "reference",
    "category": "token",
    "identifier": "token",
    "patient": "reference",
    "period": "date",
    "purpose": "token",
    "security-label": "token",
    "status": "token",
}
"""parameter → its type, as the CapabilityStatement lists them"""
_RESULT: Final = frozenset({"_count", "_format", "_pretty", "cursor"})
_PREFIXED: Final = re.compile(r"(eq|ne|gt|ge|lt|le|sa|eb)?([0-9].*)")
_MOMENT: Final = timedelta(seconds=1)
Pairs = Sequence[tuple[str, str]]


def search_of(pairs: Pairs, *, lenient: bool, patient: UUID | None = None) -> Search:
    """400 with what is not understood. `patient` is implied where the parameters name none (a conditional create)."""
    tokens: list[tuple[str, tuple[Token, ...]]] = []
    actors: list[tuple[str, ...]] = []
    periods: list[Range] = []
    updated: list[Range] = []
    client, count = patient, DEFAULT_COUNT
    for name, value in pairs:
        if name not in SEARCH and name not in _RESULT:
            if lenient:
                continue
            raise bad_search(name[:64], f"not known here; known are {', '.join(SEARCH)} and _count")
        if not value:
            raise bad_search(name, "has no value")
        if name in TOKENS:
            tokens.append((name, tuple(_token(v) for v in value.split(","))))
        elif name == "patient":
            wanted = _patient(value)
            if client is not None and client != wanted:
                raise bad_search(name, "one patient at a time: the gate decides client by client")
            client = wanted
        elif name == "actor":
            actors.append(tuple(_actor(v) for v in value.split(",")))
        elif name in ("period", "_lastUpdated"):
            (periods if name == "period" else updated).append(_range(name, value))
        elif name == "_count":
            count = _count(value)
    if client is None:
        raise bad_search("patient", "is required: the gate decides client by client")
    return Search(client, count, tuple(tokens), tuple(actors), tuple(periods), tuple(updated))


def _token(value: str) -> Token:
    system, bar, code = value.rpartition("|")
    return Token(system if bar else None, code)


def _patient(value: str) -> UUID:
    try:
        return UUID(value.rsplit("/", 1)[-1])
    except ValueError:
        raise bad_search("patient", "Patient/[id] as this server knows the client") from None


def _actor(value: str) -> str:
    sub = subject_of(Reference(reference=value)) if "/" in value else value.rpartition("|")[2]
    return sub or value


def _range(name: str, value: str) -> Range:
    match = _PREFIXED.fullmatch(value)
    text = match[2].replace(" ", "+") if match else ""
    if match is None or not is_date_time(text):
        raise bad_search(name, "a date, with one of the prefixes eq ne gt ge lt le sa eb before it")
    start, end = first_instant(as_start(text)), end_instant(as_end(text))
    if start == end:
        end = start + (timedelta(microseconds=1) if "." in text else _MOMENT)
    return Range(match[1] or "eq", start.astimezone(UTC), min(end.astimezone(UTC), datetime.max.replace(tzinfo=UTC)))


def _count(value: str) -> int:
    try:
        return whole_number(value, 1, MAX_LIMIT)
    except ValueError as error:
        raise bad_search("_count", f"{error}; totals are not given") from None
