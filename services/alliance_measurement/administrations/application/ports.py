"""What the handlers of administrations work with: rows that find records without opening them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.alliance_measurement.administrations.domain.administration import AdministrationAnswered
from services.alliance_measurement.instruments.domain.instrument import Rater
from services.alliance_measurement.risk.application.ports import RiskDesk
from shared.contracts.disclosure import RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement
from shared.sealing.event import Event


def administration_ref(administration_id: UUID, client_id: UUID) -> RecordRef:
    return RecordRef(record_id=str(administration_id), client_id=str(client_id), record_type=RecordType.ADMINISTRATION)


@dataclass(frozen=True, slots=True)
class AdministrationRow:
    id: UUID
    ord: int
    """order of asking"""
    client_id: UUID
    instrument: str
    rater: Rater
    session_id: UUID | None
    requested_at: datetime
    answered_at: datetime | None

    @property
    def ref(self) -> RecordRef:
        return administration_ref(self.id, self.client_id)


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """A client's own rating that was answered."""

    id: UUID
    ord: int
    """order of answering"""
    client_id: UUID
    session_id: UUID | None
    answered_at: datetime

    @property
    def ref(self) -> RecordRef:
        return administration_ref(self.id, self.client_id)


@dataclass(frozen=True, slots=True)
class Due:
    """An answered alliance rating whose prompt is still to be made."""

    administration_id: UUID
    client_id: UUID
    instrument: str
    ord: int
    """its place in the order of answering"""


class AdministrationIndex(Protocol):
    """Finds records by ids alone; nothing here opens a sealed field."""

    async def administration(self, tenant: str, administration_id: UUID) -> AdministrationRow | None: ...

    async def administrations_of(self, tenant: str, client_id: UUID, before: int | None, limit: int) -> list[AdministrationRow]:
        """Newest first."""

    async def answered(self, tenant: str, client_id: UUID, instrument: str, until: int | None = None) -> list[AnsweredRow]:
        """The client's own ratings by that instrument in order of answering, up to `until` and including it."""

    async def answers(self, tenant: str, administrations: Sequence[UUID]) -> dict[UUID, AdministrationAnswered]:
        """Closed events of those that were answered, by one query."""

    async def asked_since(self, tenant: str, client_id: UUID, since: datetime) -> list[str]:
        """Instruments that the client was asked to answer since then, once for each administration."""

    async def is_scheduled(self, tenant: str, session_id: UUID) -> bool: ...

    async def due(self, tenant: str, limit: int) -> list[Due]:
        """In order of answering."""

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        """What keeps the index in step, to be written with the event."""

    def scheduled_row(self, tenant: str, session_id: UUID) -> Statement: ...

    def due_row(self, tenant: str, event: AdministrationAnswered) -> Statement:
        """Puts an answered rating on what is due."""

    def assessed_row(self, tenant: str, administration_id: UUID) -> Statement:
        """Takes an administration off what is due."""


@dataclass(frozen=True, slots=True)
class AdministrationDesk(RiskDesk):
    index: AdministrationIndex
    scheduled_instrument: str
    """what a session held calls for"""
    most_items_a_day: int
    """items asked of one client within a day before a warning"""
    link_lasts: timedelta
    """how long an answering link opens its questionnaire"""


def administration_stream(administration_id: UUID) -> str:
    return f"administration/{administration_id}"
