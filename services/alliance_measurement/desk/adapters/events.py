"""Events of several streams by one query."""

from collections.abc import Sequence
from typing import Final, TypeVar

from shared.eventstore.store import EventStore
from shared.sealing.event import Event, EventTypes

E = TypeVar("E", bound=Event)

_EVENTS: Final = (
    "SELECT event_id, schema_version, data FROM events WHERE tenant_id = $1 AND stream = ANY($2::text[]) AND type = $3"
)


async def events_of(store: EventStore, types: EventTypes, tenant: str, streams: Sequence[str], model: type[E]) -> list[E]:
    """The events of type `model` in these streams, closed."""
    if not streams:
        return []
    found = []
    for row in await store.fetch(tenant, _EVENTS, tenant, list(streams), model.TYPE):
        event = types.load(
            tenant=tenant,
            event_type=model.TYPE,
            schema_version=row["schema_version"],
            event_id=row["event_id"],
            data=bytes(row["data"]),
        )
        assert isinstance(event, model)
        found.append(event)
    return found
