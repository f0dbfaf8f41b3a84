"""Search parameters of AuditEvent as they come over HTTP (HL7 FHIR R4, Search). What is not understood is refused, unless the
caller prefers `handling=lenient`."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from services.audit_log.balp.domain.codes import PURPOSES
from services.audit_log.ledger.application.ledger_view import Filters
from shared.http.fhir import bad_search
from shared.http.fhir_search import (
    Pairs,
    codes_of,
    count_in,
    dates_of,
    parts_of,
    plain,
    reference_of,
    tokens_of,
    understood,
)

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
ID: Final = re.compile(r"(0|[1-9][0-9]{0,17})(-decision|-disclosure)?", re.ASCII)


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


def audit_search_of(pairs: Pairs, *, lenient: bool, base: str) -> AuditSearch:
    """400 with what is not understood."""
    filters = Filters()
    found: dict[str, frozenset[str] | None] = {"_id": None, "action": None, "outcome": None}
    seen: set[str] = set()
    asked = understood(pairs, SEARCH, lenient=lenient)
    for name, value in asked:
        if name in seen and name != "date":
            raise bad_search(name, "once: an event has one of these, so two can never both hold")
        seen.add(name)
        if name == "_id":
            found[name] = frozenset(t.code for t in tokens_of(name, value))
        elif name in _CODES:
            found[name] = codes_of(name, value, *_CODES[name])
        elif name in _READERS:
            filters = _READERS[name](filters, value, base)
    ids = found["_id"]
    if ids is not None:
        filters = replace(filters, indexes=tuple(sorted({int(m[1]) for i in ids if (m := ID.fullmatch(i))})))
    outcomes = found["outcome"]
    if outcomes is not None and set(outcomes) == {"8"}:
        filters = replace(filters, outcome="deny")
    return AuditSearch(filters, count_in(asked), ids, found["action"], outcomes)


def recorded(pairs: Pairs, wanted: AuditSearch) -> dict[str, str]:
    """What the entry of this search keeps: parameters and codes that were understood, no other word that was typed."""
    asked = {name: value.rpartition("|")[2] for name, value in pairs if name in SEARCH or name == "_count"}
    if wanted.filters.agent is not None:
        asked["agent"] = wanted.filters.agent
    if wanted.ids is not None:
        asked["_id"] = ",".join(sorted(i for i in wanted.ids if ID.fullmatch(i)))
    return asked


def _patient(filters: Filters, value: str, base: str) -> Filters:
    named = reference_of("patient", value, base)
    try:
        if named is not None and named.type in (None, "Patient"):
            return replace(filters, client_id=str(UUID(named.id)))
    except ValueError:
        pass
    raise bad_search("patient", "Patient/[id] as this server knows the client")


def _agent(filters: Filters, value: str, base: str) -> Filters:
    if len(parts_of(value, ",")) > 1:
        raise bad_search("agent", "one person or system; a comma within a name is written \\,")
    text = plain(parts_of(value, "|")[-1])
    if "|" not in value and "/" in value:
        named = reference_of("agent", value, base)
        text = named.id if named is not None else text
    if not 0 < len(text) <= 200:
        raise bad_search("agent", "the person's or system's identifier, or a staff member's name")
    return replace(filters, agent=text)


def _entity(filters: Filters, value: str, base: str) -> Filters:
    text = plain(parts_of(value, "|")[-1]).removeprefix("urn:uuid:")
    named = reference_of("entity", text, base)
    if named is not None and named.type == "Patient":
        return _patient(filters, text, base)
    try:
        if named is not None:
            return replace(filters, record_id=str(UUID(named.id)))
    except ValueError:
        pass
    raise bad_search("entity", "a record, as DocumentReference/[id] or urn:uuid:[id]")


def _purpose(filters: Filters, value: str, _: str) -> Filters:
    codes = codes_of("purpose", value, PURPOSES)
    if len(codes) != 1 or not all(re.fullmatch(r"[A-Z][A-Za-z0-9]{0,31}", code) for code in codes):
        raise bad_search("purpose", "one v3-ActReason code, as TREAT")
    return replace(filters, purpose=next(iter(codes)))


def _date(filters: Filters, value: str, _: str) -> Filters:
    spans = dates_of("date", value)
    if len(spans) > 1 or spans[0].prefix == "ne":
        raise bad_search("date", "one date, with one of the prefixes eq gt ge lt le sa eb before it")
    (span,) = spans
    since = {"eq": span.start, "ge": span.start, "gt": span.end, "sa": span.end}.get(span.prefix)
    until = {"eq": span.end, "le": span.end, "lt": span.start, "eb": span.start}.get(span.prefix)
    if since is not None:
        filters = replace(filters, since=max(since, filters.since) if filters.since else since)
    if until is not None:
        filters = replace(filters, until=min(until, filters.until) if filters.until else until)
    return filters


_CODES: Final = {
    "action": ("http://hl7.org/fhir/audit-event-action", tuple("CRUDE")),
    "outcome": ("http://terminology.hl7.org/CodeSystem/audit-event-outcome", ("0", "4", "8", "12")),
}
"""parameter → the code system of its element, and that system's codes"""
_READERS: Final[dict[str, Callable[[Filters, str, str], Filters]]] = {
    "patient": _patient,
    "agent": _agent,
    "entity": _entity,
    "purpose": _purpose,
    "date": _date,
}
