"""What every handler is given."""

from dataclasses import dataclass
from typing import Protocol

from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.gate.port import Gate
from shared.service.amendments import Amendments
from shared.service.parts import Parts


class Tenants(Protocol):
    """Tenants in which background work was ever due, so that what a crash left is found."""

    async def names(self) -> list[str]: ...

    def row(self, tenant: str) -> Statement:
        """To be written with what is due."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A capability that needs more adds its own to it."""

    parts: Parts
    gate: Gate
    store: EventStore
    amendments: Amendments
    tenants: Tenants
