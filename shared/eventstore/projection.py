"""A read model: tables that are nothing but a pure function of the events, and so can be made again from them."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.eventstore.model import Statement, StoredEvent
from shared.sealing.event import Event, EventTypes

Project = Callable[[str, Event], tuple[Statement, ...]]
"""(tenant, event with its sealed fields closed) → what it changes; the same for the same event, always"""


@dataclass(frozen=True, slots=True)
class ReadModel:
    tables: tuple[str, ...]
    """each with a `tenant_id text`; made by the service's DDL"""
    types: EventTypes
    project: Project

    def statements(self, stored: StoredEvent) -> tuple[Statement, ...]:
        """Events of types that are no events of this model (what services note of erasures and skips) change nothing."""
        if stored.type not in self.types.names:
            return ()
        event = self.types.load(
            tenant=stored.tenant,
            event_type=stored.type,
            schema_version=stored.schema_version,
            event_id=stored.event_id,
            data=stored.data,
        )
        return self.project(stored.tenant, event)
