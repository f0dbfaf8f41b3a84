"""What the handlers work with: rows that find records without opening them, and the desk that holds their tools."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.alliance_measurement.application.risk_ports import RiskIndex
from services.alliance_measurement.domain.administration import AdministrationAnswered
from services.alliance_measurement.domain.catalogue import Catalogue
from services.alliance_measurement.domain.instrument import Rater
from services.alliance_measurement.domain.outcome import OutcomeState
from services.alliance_measurement.domain.release import Choice
from services.alliance_measurement.settings import Settings
from shared.contracts.alliance import PromptPrepared
from shared.contracts.disclosure import RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.gate.port import Gate
from shared.sealing.event import Event
from shared.service.amendments import Amendments
from shared.service.parts import Parts


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
class OutcomeRow:
    id: UUID
    ord: int
    client_id: UUID

    @property
    def ref(self) -> RecordRef:
        return RecordRef(record_id=str(self.id), client_id=str(self.client_id), record_type=RecordType.OUTCOME)


@dataclass(frozen=True, slots=True)
class StoredChoice:
    choice_id: UUID
    choice: Choice


@dataclass(frozen=True, slots=True)
class Due:
    """An answered alliance rating whose prompt is still to be made."""

    administration_id: UUID
    client_id: UUID
    instrument: str
    ord: int
    """its place in the order of answering"""


class Index(Protocol):
    """Finds records by ids alone; nothing here opens a sealed field."""

    async def administration(self, tenant: str, administration_id: UUID) -> AdministrationRow | None: ...

    async def administrations_of(self, tenant: str, client_id: UUID, before: int | None, limit: int) -> list[AdministrationRow]:
        """Newest first."""

    async def answered(self, tenant: str, client_id: UUID, instrument: str, until: int | None = None) -> list[AnsweredRow]:
        """The client's own ratings by that instrument in order of answering, up to `until` and including it."""

    async def answers(self, tenant: str, administrations: Sequence[UUID]) -> dict[UUID, AdministrationAnswered]:
        """Closed events of those that were answered, by one query."""

    async def outcomes_of(self, tenant: str, client_id: UUID, after: int | None, limit: int) -> list[OutcomeRow]:
        """In order of recording."""

    async def outcome(self, tenant: str, outcome_id: UUID) -> OutcomeRow | None: ...

    async def outcomes(self, tenant: str, outcomes: Sequence[UUID]) -> dict[UUID, OutcomeState]:
        """As they are now, closed, by one query."""

    async def prompts(self, tenant: str, administrations: Sequence[UUID]) -> list[PromptPrepared]:
        """Closed events that followed these administrations, by one query."""

    async def choice(self, tenant: str, client_id: UUID) -> StoredChoice | None: ...

    async def asked_since(self, tenant: str, client_id: UUID, since: datetime) -> list[str]:
        """Instruments that the client was asked to answer since then, once for each administration."""

    async def is_scheduled(self, tenant: str, session_id: UUID) -> bool: ...

    async def tenants_with_answers(self) -> list[str]: ...

    async def due(self, tenant: str, limit: int) -> list[Due]:
        """In order of answering."""

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        """What keeps the index in step, to be written with the event."""

    def scheduled_row(self, tenant: str, session_id: UUID) -> Statement: ...

    def due_rows(self, tenant: str, event: AdministrationAnswered) -> tuple[Statement, ...]:
        """Puts an answered rating on what is due."""

    def assessed_row(self, tenant: str, administration_id: UUID) -> Statement:
        """Takes an administration off what is due."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every handler needs."""

    parts: Parts
    gate: Gate
    store: EventStore
    index: Index
    amendments: Amendments
    catalogue: Catalogue
    settings: Settings
    risks: RiskIndex


def administration_stream(administration_id: UUID) -> str:
    return f"administration/{administration_id}"


def outcome_stream(outcome_id: UUID) -> str:
    return f"outcome/{outcome_id}"


def release_stream(client_id: UUID) -> str:
    return f"release/{client_id}"


def prompt_stream(administration_id: UUID) -> str:
    """Named by the administration it follows, so that a second prompt for it meets the first."""
    return f"repair-prompt/{administration_id}"
