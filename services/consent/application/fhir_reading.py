"""Queries over FHIR: the gate decides on every consent that is shown, and a search shows only what it permitted."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.consent.application.fhir_search import Search
from services.consent.application.fhir_versions import Written, versions
from services.consent.application.ports import Place, RecordIndex
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.rendering import reference_to
from shared.contracts.disclosure import MAX_RECORDS, Action, RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.store import EventStore
from shared.gate.ask import Opened, missed, open_one
from shared.gate.listing import Rows, listed
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.fhir import encoded
from shared.http.problems import Problem, not_found
from shared.http.showing import UNSHOWABLE, cannot_be_shown, loaded, noted
from shared.service.parts import Parts

BATCH: Final = 100
"""consents of a client that are looked at together"""
_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_ROLE: Final = "urn:alliance-record:role"
LEDGER_ENTRY: Final = "urn:alliance-record:ledger-entry"


@dataclass(frozen=True, slots=True)
class Resource:
    body: dict[str, Any] | None
    """None where it is stored and cannot be shown"""
    number: int
    updated: datetime
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Match:
    number: int
    place: Place
    written: Written | None
    """None where it could not be loaded"""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search."""

    resources: list[dict[str, Any]]
    missing: list[UUID]
    """matches that may be read and cannot be shown"""
    next: Place | None
    """where the next page begins, known to have something on it; None on the last one"""
    headers: dict[str, str]


class FhirReading:
    def __init__(self, parts: Parts, store: EventStore, gate: Gate, *, index: RecordIndex) -> None:
        self._parts, self._store, self._gate, self._index = parts, store, gate, index

    async def consent(self, call: Call, consent_id: UUID, number: int | None = None) -> Resource:
        """The consent as it stands, or as it stood at that version. 404 where there was no such version."""
        opened = await self.opened(call, consent_id, Action.READ)
        found = await self._resources(call, consent_id, opened)
        wanted = found[:1] if number is None else [r for r in found if r.number == number]
        if not wanted:
            raise _without(opened)
        if wanted[0].body is None:
            raise cannot_be_shown()
        return replace(wanted[0], headers=opened.headers)

    async def history(self, call: Call, consent_id: UUID) -> tuple[list[Resource], dict[str, str]]:
        """Every version, newest first: those that `consent` gives by their numbers, and no other."""
        opened = await self.opened(call, consent_id, Action.READ)
        return await self._resources(call, consent_id, opened), opened.headers

    async def _resources(self, call: Call, consent_id: UUID, opened: Opened) -> list[Resource]:
        """The newest one as it stands now, the others as they stood when they were written."""
        found = await versions(self._store, call.tenant, consent_id)
        times = [*(w.last.recorded_at for w in found[:-1]), None]
        return [
            Resource(self._shown(call, w, opened, at), w.number, w.last.recorded_at, {})
            for w, at in zip(found, times, strict=True)
        ][::-1]

    async def provenances(self, call: Call, consent_id: UUID, number: int | None) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Who wrote each version, newest first; of one version alone where its number is given."""
        opened = await self.opened(call, consent_id, Action.READ)
        found = await versions(self._store, call.tenant, consent_id)
        wanted = [(w, i == 0) for i, w in enumerate(found) if number in (None, w.number)]
        return [_provenance(w, first=first) for w, first in reversed(wanted)], opened.headers

    async def search(self, call: Call, search: Search, before: Place | None) -> Found:
        """A page of what matches and may be read. A client that the caller may not know has none, as an unknown one has."""
        wanted = await self._matching(call, search, before)

        async def fetch(after: int | None, most: int) -> list[_Match]:
            first = 0 if after is None else after + 1
            return wanted[first : first + most]

        rows = Rows(fetch, lambda match: self._ref(str(match.place.record_id), str(search.client_id)), lambda match: match.number)
        matches: list[tuple[Place, dict[str, Any] | None]] = []
        entries: list[int] = []
        start, more = None, True
        while more and len(matches) <= search.count:
            try:
                page = await listed(self._gate, call, search.client_id, rows, start=start, limit=MAX_RECORDS - 1)
            except Problem as problem:
                if problem.status != 404:
                    raise
                return Found([], [], None, {})
            entries += page.opened.entries
            shown = [(m.place, self._shown(call, m.written, page.opened) if m.written else None) for m in page.rows]
            matches += [(place, body) for place, body in shown if body is None or search.sealed(body)]
            start, more = page.rows[-1].number if page.rows else None, page.more
        found = matches[: search.count]
        after = found[-1][0] if len(matches) > search.count else None
        missing = [place.record_id for place, body in found if body is None]
        bodies = [body for _, body in found if body is not None]
        return Found(bodies, missing, after, {"Audit-Entry": ", ".join(map(str, entries))})

    async def _matching(self, call: Call, search: Search, before: Place | None) -> list[_Match]:
        """Every consent behind a place that matches by what is public of it, newest first."""
        now, wanted = self._parts.now(), list[_Match]()
        while True:
            places = await self._index.page(call.tenant, RecordType.CONSENT, search.client_id, before=before, limit=BATCH)
            every = await asyncio.gather(*(loaded(p.record_id, versions(self._store, call.tenant, p.record_id)) for p in places))
            for place, found in zip(places, every, strict=True):
                if found is None or (found and search.public(found[-1], found[-1].state.status(now))):
                    wanted.append(_Match(len(wanted), place, None if found is None else found[-1]))
            if len(places) < BATCH:
                return wanted
            before = places[-1]

    async def opened(self, call: Call, consent_id: UUID, action: Action) -> Opened:
        client_id = await self._index.client_of(call.tenant, RecordType.CONSENT, consent_id)
        if client_id is None:
            raise await missed(self._gate, call, action)
        return await open_one(self._gate, call, action, self._ref(str(consent_id), str(client_id)))

    def _shown(self, call: Call, written: Written, opened: Opened, at: datetime | None = None) -> dict[str, Any] | None:
        """The consent as a resource; None where it is stored and cannot be shown."""
        consent_id = written.state.consent_id
        key, erased = opened.keys.get(str(consent_id)), opened.erased(consent_id)
        try:
            shown = written.shown(call.tenant, at or self._parts.now(), key, erased=erased)
            encoded(shown)
        except UNSHOWABLE as error:
            noted(consent_id, error)
            return None
        return shown

    @staticmethod
    def _ref(consent_id: str, client_id: str) -> RecordRef:
        return RecordRef(record_id=consent_id, client_id=client_id, record_type=RecordType.CONSENT)


def _without(opened: Opened) -> Problem:
    problem = not_found("There is no such version.")
    problem.headers.update(opened.headers)
    return problem


def _provenance(written: Written, *, first: bool) -> dict[str, Any]:
    state, meta = written.state, written.meta
    role, sub = str(meta.get("role")), str(meta.get("sub"))
    who: dict[str, Any] = {"reference": f"Patient/{state.client_id}"} if role == "client" else reference_to(sub)
    shown: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": f"{state.consent_id}-{written.number}",
        "target": [{"reference": f"Consent/{state.consent_id}/_history/{written.number}"}],
        "recorded": written.last.recorded_at.isoformat(timespec="milliseconds"),
        "activity": {"coding": [{"system": codes.DATA_OPERATION, "code": "CREATE" if first else "UPDATE"}]},
        "agent": [
            {
                "type": {"coding": [{"system": _PARTICIPANT, "code": "author"}]},
                "role": [{"coding": [{"system": _ROLE, "code": role}]}],
                "who": who,
            }
        ],
    }
    if meta.get("entry") is not None:
        shown["extension"] = [{"url": LEDGER_ENTRY, "valueString": str(meta["entry"])}]
    return shown
