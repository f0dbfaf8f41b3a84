"""Aggregates from their streams. Sealed fields stay closed until a view opens them with the gate's key."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from uuid import UUID

from services.consent.domain import capacity, consent, relationship, representative
from services.consent.domain.capacity import Capacity
from services.consent.domain.consent import Consent
from services.consent.domain.events import EVENT_TYPES
from services.consent.domain.relationship import Relationship
from services.consent.domain.representative import Representative
from shared.eventstore.model import StoredEvent, VersionConflict
from shared.eventstore.store import EventStore
from shared.sealing.event import Event

T = TypeVar("T")

ATTEMPTS: Final = 5
"""times a command is decided anew because somebody else wrote first"""


def consent_stream(consent_id: UUID) -> str:
    return f"consent/{consent_id}"


def relationship_stream(relationship_id: UUID) -> str:
    return f"relationship/{relationship_id}"


def representative_stream(representative_id: UUID) -> str:
    return f"representative/{representative_id}"


def capacity_stream(client_id: UUID) -> str:
    """One a client."""
    return f"capacity/{client_id}"


def typed(stored: StoredEvent) -> Event:
    return EVENT_TYPES.load(
        tenant=stored.tenant,
        event_type=stored.type,
        schema_version=stored.schema_version,
        event_id=stored.event_id,
        data=stored.data,
    )


async def load_consent(store: EventStore, tenant: str, consent_id: UUID) -> Consent:
    """LookupError where the stream is empty."""
    state: Consent | None = None
    for stored in await store.read_stream(tenant, consent_stream(consent_id)):
        state = consent.evolve(state, typed(stored))
    if state is None:
        raise LookupError("no such consent")
    return state


async def load_relationship(store: EventStore, tenant: str, relationship_id: UUID) -> Relationship:
    """LookupError where the stream is empty."""
    state: Relationship | None = None
    for stored in await store.read_stream(tenant, relationship_stream(relationship_id)):
        state = relationship.evolve(state, typed(stored))
    if state is None:
        raise LookupError("no such relationship")
    return state


async def load_representative(store: EventStore, tenant: str, representative_id: UUID) -> Representative:
    """LookupError where the stream is empty."""
    state: Representative | None = None
    for stored in await store.read_stream(tenant, representative_stream(representative_id)):
        state = representative.evolve(state, typed(stored))
    if state is None:
        raise LookupError("no such representative")
    return state


async def load_capacity(store: EventStore, tenant: str, client_id: UUID) -> Capacity | None:
    """None where nothing was ever found about it."""
    state: Capacity | None = None
    for stored in await store.read_stream(tenant, capacity_stream(client_id)):
        state = capacity.evolve(state, typed(stored))
    return state


async def decided_anew(attempt: Callable[[], Awaitable[T]]) -> T:
    """`attempt` reads, decides and appends; it is made again where the stream moved in between. VersionConflict at last."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except VersionConflict:
            continue
    return await attempt()
