"""Search parameters of Consent: their types, and what each value is compared with."""

from typing import Final
from uuid import UUID

from services.consent.application.fhir_search import Search
from services.consent.domain.fhir.criteria import subject_of
from services.consent.domain.fhir.resource import Reference as Literal
from shared.http.fhir import bad_search
from shared.http.fhir_search import Pairs, Span, Token, count_in, dates_of, parts_of, plain, reference_of, tokens_of, understood

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
HISTORY: Final = {"_since": "date"}
"""of `_history`, beside `_count`"""
TARGET: Final = {"target": "reference"}
"""of Provenance"""


def search_of(pairs: Pairs, *, lenient: bool, base: str, patient: UUID | None = None) -> Search:
    """400 with what is not understood. `patient` is implied where the parameters name none (a conditional create)."""
    tokens: list[tuple[str, tuple[Token, ...]]] = []
    actors: list[tuple[str, ...]] = []
    dates: dict[str, list[tuple[Span, ...]]] = {"period": [], "_lastUpdated": []}
    client = patient
    pairs = understood(pairs, SEARCH, lenient=lenient)
    for name, value in pairs:
        kind = SEARCH.get(name)
        if kind == "token":
            tokens.append((name, tokens_of(name, value)))
        elif kind == "date":
            dates[name].append(dates_of(name, value))
        elif name == "actor":
            actors.append(tuple(_actor(part, base) for part in parts_of(value, ",")))
        elif name == "patient":
            wanted = _patient(value, base)
            if client is not None and client != wanted:
                raise bad_search(name, "one patient at a time: the gate decides client by client")
            client = wanted
    if client is None:
        raise bad_search("patient", "is required: the gate decides client by client")
    return Search(client, count_in(pairs), tuple(tokens), tuple(actors), tuple(dates["period"]), tuple(dates["_lastUpdated"]))


def _patient(value: str, base: str) -> UUID:
    named = reference_of("patient", value, base)
    try:
        if named is not None and named.type in (None, "Patient"):
            return UUID(named.id)
    except ValueError:
        pass
    raise bad_search("patient", "Patient/[id] as this server knows the client")


def _actor(part: str, base: str) -> str:
    """The `sub` of whom the value names; empty, which nobody has, for a resource of another server."""
    if len(pieces := parts_of(part, "|")) > 1:
        return plain(pieces[-1])
    named = reference_of("actor", part, base)
    if named is None:
        return ""
    if named.type is None:
        return named.id
    return subject_of(Literal(reference=f"{named.type}/{named.id}"), base) or ""
