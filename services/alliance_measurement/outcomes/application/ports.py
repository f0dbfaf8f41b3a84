"""What the handlers of outcomes work with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.alliance_measurement.desk.application.desk import Desk
from services.alliance_measurement.instruments.domain.catalogue import Catalogue
from services.alliance_measurement.outcomes.domain.outcome import EVENT_TYPES, OutcomeEvent, OutcomeState
from shared.contracts.disclosure import RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement, StoredEvent
from shared.sealing.event import Event


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    id: UUID
    ord: int
    client_id: UUID

    @property
    def ref(self) -> RecordRef:
        return RecordRef(record_id=str(self.id), client_id=str(self.client_id), record_type=RecordType.OUTCOME)


class OutcomeIndex(Protocol):
    """Finds outcomes by ids alone; nothing here opens a sealed field."""

    async def outcomes_of(self, tenant: str, client_id: UUID, after: int | None, limit: int) -> list[OutcomeRow]:
        """In order of recording."""

    async def outcome(self, tenant: str, outcome_id: UUID) -> OutcomeRow | None: ...

    async def outcomes(self, tenant: str, outcomes: Sequence[UUID]) -> dict[UUID, OutcomeState]:
        """As they are now, closed, by one query."""

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        """What keeps the index in step, to be written with the event."""


@dataclass(frozen=True, slots=True)
class OutcomeDesk(Desk):
    index: OutcomeIndex
    catalogue: Catalogue


def outcome_stream(outcome_id: UUID) -> str:
    return f"outcome/{outcome_id}"


def typed(stored: StoredEvent) -> OutcomeEvent:
    """An event of an outcome as its type."""
    event = EVENT_TYPES.load(
        tenant=stored.tenant,
        event_type=stored.type,
        schema_version=stored.schema_version,
        event_id=stored.event_id,
        data=stored.data,
    )
    assert isinstance(event, OutcomeEvent)
    return event
