"""What this service keeps of a client, for an export: evidence of consent, and who stands how to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.consent.application.dossier import Kind
from services.consent.application.people_views import AMENDMENTS, REPRESENTATIVES, RESTRICTIONS, capacity_view
from services.consent.application.persons import Persons
from services.consent.application.ports import Place, RecordIndex
from services.consent.application.streams import capacity_stream, consent_stream, relationship_stream, typed
from services.consent.application.views import consent_view, erased_view, history_view, relationship_view
from services.consent.domain import capacity, consent, relationship
from shared.contracts.disclosure import MAX_RECORDS, RecordKey, RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.store import EventStore
from shared.export.serving import Records
from shared.gate.ask import Opened
from shared.http.showing import loaded, not_shown
from shared.sealing.event import Event, sealed_fields
from shared.service.parts import Parts


@dataclass(frozen=True, slots=True)
class Kept:
    """What the sources read from."""

    parts: Parts
    store: EventStore
    index: RecordIndex
    persons: Persons

    async def refs(self, record_type: RecordType, tenant: str, client_id: UUID) -> list[RecordRef]:
        """The oldest first."""
        found: list[Place] = []
        while page := await self.index.page(
            tenant, record_type, client_id, before=found[-1] if found else None, limit=MAX_RECORDS
        ):
            found += page
        return [RecordRef(record_id=str(p.record_id), client_id=str(client_id), record_type=record_type) for p in reversed(found)]


@dataclass(frozen=True, slots=True)
class Source:
    """Records of one type, each as it stands and as it came about: every event, with the words that were sealed in it."""

    kept: Kept
    record_type: RecordType
    stream: Callable[[UUID, UUID], str]
    """by record and client"""
    evolve: Callable[[Any, Event], Any]
    view: Callable[[Any, datetime, RecordKey | None, bool], dict[str, Any]]
    """with its words where a key is given; whether they were erased"""

    async def refs(self, tenant: str, client_id: UUID) -> list[RecordRef]:
        return await self.kept.refs(self.record_type, tenant, client_id)

    async def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        for ref in refs:
            found = await loaded(ref.record_id, self._record(tenant, client_id, ref.record_id, opened))
            yield str(self.record_type), not_shown(ref.record_id) if found is None else found

    async def _record(self, tenant: str, client_id: UUID, record_id: str, opened: Opened) -> dict[str, Any]:
        key, erased = opened.keys.get(record_id), opened.erased(record_id)
        state, history = None, []
        for stored in await self.kept.store.read_stream(tenant, self.stream(UUID(record_id), client_id)):
            event = typed(stored)
            state = self.evolve(state, event)
            history.append(history_view(stored, event) | ({"words": words_of(event, key)} if key and sealed_in(event) else {}))
        shown = self.view(state, self.kept.parts.now(), key, erased)
        return {**shown, **await self._names(tenant, shown), "history": history}

    async def _names(self, tenant: str, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Of a relationship: who it is with."""
        sub = shown.get("practitioner_id")
        return {} if sub is None else {"practitioner_name": (await self.kept.persons.names(tenant, [sub])).get(sub)}


def sealed_in(event: Event) -> bool:
    return bool(sealed_fields(type(event)))


def words_of(event: Event, key: RecordKey) -> dict[str, Any]:
    """What was sealed in an event, by the names of its fields."""
    opened = {name: getattr(event, name).open(key) for name in sealed_fields(type(event))}
    return {n: w.model_dump(mode="json", exclude_none=True) if isinstance(w, BaseModel) else w for n, w in opened.items()}


def _consent(state: Any, now: datetime, key: RecordKey | None, erased: bool) -> dict[str, Any]:
    return consent_view(state, now, key, erased=erased)


def _relationship(state: Any, now: datetime, key: RecordKey | None, erased: bool) -> dict[str, Any]:
    return relationship_view(state, now)  # nothing in it is sealed


def _of_kind(view: Callable[[Any, datetime, RecordKey | None], dict[str, Any]]) -> Any:
    def show(state: Any, now: datetime, key: RecordKey | None, erased: bool) -> dict[str, Any]:
        return erased_view(view(state, now, key)) if erased else view(state, now, key)

    return show


def sources(kept: Kept) -> tuple[Source, ...]:
    """All of it, in the order of an archive."""

    def kind(one: Kind[Any]) -> Source:
        return Source(kept, one.record_type, lambda record, _: one.stream(record), one.evolve, _of_kind(one.view))

    alike: tuple[Kind[Any], ...] = (REPRESENTATIVES, RESTRICTIONS, AMENDMENTS)
    capable = _of_kind(lambda state, _, key: capacity_view(state, key))
    return (
        Source(kept, RecordType.CONSENT, lambda record, _: consent_stream(record), consent.evolve, _consent),
        Source(kept, RecordType.RELATIONSHIP, lambda record, _: relationship_stream(record), relationship.evolve, _relationship),
        Source(kept, RecordType.CAPACITY, lambda _, client: capacity_stream(client), capacity.evolve, capable),
        *map(kind, alike),
    )
