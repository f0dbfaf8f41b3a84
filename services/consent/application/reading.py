"""Queries: the gate decides on every record that is shown, then its words are opened for this one answer."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.consent.application.persons import Persons
from services.consent.application.ports import Place, RecordIndex
from services.consent.application.streams import consent_stream, load_consent, load_relationship, typed
from services.consent.application.views import consent_view, history_view, relationship_view
from services.consent.domain.consent import Consent
from services.consent.domain.relationship import Relationship
from shared.contracts.disclosure import Action, RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.store import EventStore
from shared.gate.ask import Opened, missed, open_one
from shared.gate.listing import Rows, listed
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.showing import loaded, not_shown, shown
from shared.service.parts import Parts


@dataclass(frozen=True, slots=True)
class Shown:
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class ShownPage:
    items: list[dict[str, Any]]
    last: Place | None
    """where the next page begins; None on the last one"""
    headers: dict[str, str]


def places_of(index: RecordIndex, tenant: str, record_type: RecordType, client_id: UUID) -> Rows[Place, Place]:
    """A client's records of one kind, newest first."""

    async def fetch(before: Place | None, most: int) -> list[Place]:
        return list(await index.page(tenant, record_type, client_id, before=before, limit=most))

    def ref(place: Place) -> RecordRef:
        return RecordRef(record_id=str(place.record_id), client_id=str(client_id), record_type=record_type)

    return Rows(fetch, ref, lambda place: place)


class Reading:
    def __init__(
        self, parts: Parts, store: EventStore, gate: Gate, *, index: RecordIndex, persons: Persons | None = None
    ) -> None:
        self._parts, self._store, self._gate, self._index, self._persons = parts, store, gate, index, persons

    async def consent(self, call: Call, consent_id: UUID) -> Shown:
        opened = await self._open(call, consent_id)
        state = await load_consent(self._store, call.tenant, consent_id)
        body = consent_view(state, self._parts.now(), opened.keys.get(str(consent_id)), erased=opened.erased(consent_id))
        return Shown(body, opened.headers)

    async def history(self, call: Call, consent_id: UUID) -> Shown:
        """Every event of a consent, oldest first; none of its words."""
        opened = await self._open(call, consent_id)
        stored = await self._store.read_stream(call.tenant, consent_stream(consent_id))
        return Shown({"items": [history_view(e, typed(e)) for e in stored], "next": None}, opened.headers)

    async def consents(self, call: Call, client_id: UUID, before: Place | None, limit: int) -> ShownPage:
        places, last, opened = await self._page(call, RecordType.CONSENT, client_id, before, limit)
        ids = [p.record_id for p in places]
        states = await asyncio.gather(*(loaded(i, load_consent(self._store, call.tenant, i)) for i in ids))
        now = self._parts.now()

        def view(consent_id: UUID, state: Consent | None) -> dict[str, Any]:
            if state is None:
                return not_shown(consent_id)
            key, erased = opened.keys.get(str(consent_id)), opened.erased(consent_id)
            return shown(consent_id, lambda: consent_view(state, now, key, erased=erased))

        items = [view(i, state) for i, state in zip(ids, states, strict=True)]
        return ShownPage(items, last, opened.headers)

    async def relationships(self, call: Call, client_id: UUID, before: Place | None, limit: int) -> ShownPage:
        places, last, opened = await self._page(call, RecordType.RELATIONSHIP, client_id, before, limit)
        ids = [p.record_id for p in places if opened.permitted(p.record_id)]
        states = await asyncio.gather(*(loaded(i, load_relationship(self._store, call.tenant, i)) for i in ids))
        now = self._parts.now()
        subs = [state.started.practitioner_id for state in states if state is not None]
        names = await self._persons.names(call.tenant, subs) if self._persons else {}

        def view(relationship_id: UUID, state: Relationship | None) -> dict[str, Any]:
            if state is None:
                return not_shown(relationship_id)
            named = {"practitioner_name": names.get(state.started.practitioner_id)}
            return shown(relationship_id, lambda: {**relationship_view(state, now), **named})

        items = [view(i, state) for i, state in zip(ids, states, strict=True)]
        return ShownPage(items, last, opened.headers)

    async def _page(
        self, call: Call, record_type: RecordType, client_id: UUID, before: Place | None, limit: int
    ) -> tuple[list[Place], Place | None, Opened]:
        """A page of what the caller may know of, where the next one begins, and the keys."""
        rows = places_of(self._index, call.tenant, record_type, client_id)
        page = await listed(self._gate, call, client_id, rows, start=before, limit=limit, refused_too=True)
        return page.rows, page.rows[-1] if page.more else None, page.opened

    async def _open(self, call: Call, consent_id: UUID) -> Opened:
        client_id = await self._index.client_of(call.tenant, RecordType.CONSENT, consent_id)
        if client_id is None:
            raise await missed(self._gate, call)
        ref = RecordRef(record_id=str(consent_id), client_id=str(client_id), record_type=RecordType.CONSENT)
        return await open_one(self._gate, call, Action.READ, ref)
