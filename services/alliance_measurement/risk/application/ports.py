"""What the handlers of risk alerts work with: rows that say who was told and when, and opens nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.alliance_measurement.desk.application.desk import Desk
from services.alliance_measurement.instruments.domain.catalogue import Catalogue
from services.alliance_measurement.risk.domain.risk import CareTeam, RiskAlertRaised, RiskSettings
from shared.contracts.disclosure import RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement
from shared.sealing.event import Event


@dataclass(frozen=True, slots=True)
class AlertRow:
    id: UUID
    ord: int
    administration_id: UUID
    client_id: UUID
    addressee: str | None
    because: str
    raised_at: datetime
    at: datetime
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    """of the case: by whoever was told"""

    @property
    def ref(self) -> RecordRef:
        return RecordRef(record_id=str(self.id), client_id=str(self.client_id), record_type=RecordType.RISK_ALERT)


@dataclass(frozen=True, slots=True)
class CaseDue:
    """A case that nobody acknowledged in time."""

    administration_id: UUID
    client_id: UUID


class RiskIndex(Protocol):
    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        """What keeps the index in step, to be written with the event."""

    async def alert(self, tenant: str, alert_id: UUID) -> AlertRow | None: ...

    async def alerts_to(self, tenant: str, addressee: str, before: int | None, limit: int) -> list[AlertRow]:
        """Newest first."""

    async def of_case(self, tenant: str, administration_id: UUID) -> list[AlertRow]:
        """In order of raising."""

    async def of_client(self, tenant: str, client_id: UUID) -> list[AlertRow]:
        """In order of raising."""

    async def bodies(self, tenant: str, rows: Sequence[AlertRow]) -> dict[UUID, RiskAlertRaised]:
        """Closed events by alert, by one query."""

    async def settings(self, tenant: str) -> RiskSettings:
        """The newest; the defaults where none were chosen."""

    async def care_team(self, tenant: str, client_id: UUID, now: datetime) -> CareTeam: ...

    async def due(self, tenant: str, now: datetime, limit: int) -> list[CaseDue]: ...

    def settings_row(self, tenant: str, settings: RiskSettings, by: str, at: datetime) -> Statement: ...

    def due_row(self, tenant: str, administration_id: UUID, client_id: UUID, next_at: datetime) -> Statement:
        """The case is looked at again then."""

    def settled_row(self, tenant: str, administration_id: UUID) -> Statement:
        """The case is not looked at again."""


@dataclass(frozen=True, slots=True)
class RiskDesk(Desk):
    risks: RiskIndex
    catalogue: Catalogue


def risk_stream(administration_id: UUID) -> str:
    return f"risk/{administration_id}"
