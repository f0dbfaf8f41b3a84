"""Stored events as what they are."""

from shared.eventstore.model import StoredEvent
from shared.sealing.event import Event, EventTypes


def load(types: EventTypes, stored: StoredEvent) -> Event:
    """The typed event, its sealed fields closed. KeyError where it is none of `types`."""
    return types.load(
        tenant=stored.tenant,
        event_type=stored.type,
        schema_version=stored.schema_version,
        event_id=stored.event_id,
        data=stored.data,
    )
