"""What the handlers work with: rows that find records without opening them, and the desk that holds their tools."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.session_notes.desk.application.downtime import Downtime
from services.session_notes.desk.domain.kinds import NoteKind
from shared.contracts.disclosure import RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement, StoredEvent
from shared.eventstore.store import EventStore
from shared.gate.port import Gate
from shared.sealing.event import Event
from shared.service.amendments import Amendments
from shared.service.parts import Parts


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: behind this row, newest first."""

    created_at: datetime
    id: UUID


class Placed(Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def created_at(self) -> datetime: ...


def place_of(row: Placed) -> Position:
    return Position(row.created_at, row.id)


@dataclass(frozen=True, slots=True)
class SessionRow:
    id: UUID
    client_id: UUID
    held: bool
    created_at: datetime
    in_error: bool = False

    @property
    def stream(self) -> str:
        return session_stream(self.id)

    @property
    def ref(self) -> RecordRef:
        return RecordRef(record_id=str(self.id), client_id=str(self.client_id), record_type=RecordType.SESSION)


@dataclass(frozen=True, slots=True)
class NoteRow:
    id: UUID
    client_id: UUID
    session_id: UUID | None
    """None: it documents a contact outside a session"""
    kind: NoteKind
    author: str
    created_at: datetime

    @property
    def stream(self) -> str:
        return self.kind.stream(self.id)

    @property
    def ref(self) -> RecordRef:
        return RecordRef(record_id=str(self.id), client_id=str(self.client_id), record_type=self.kind.record_type)


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A prompt as alliance_measurement published it, sealed."""

    prompt_id: UUID
    client_id: UUID
    event_id: UUID
    schema_version: int
    data: bytes

    @property
    def ref(self) -> RecordRef:
        return RecordRef(record_id=str(self.prompt_id), client_id=str(self.client_id), record_type=RecordType.REPAIR_PROMPT)


class Index(Protocol):
    """Finds records by ids alone; nothing here is sealed or opened."""

    async def knows_client(self, tenant: str, client_id: UUID) -> bool: ...

    async def session(self, tenant: str, session_id: UUID) -> SessionRow | None: ...

    async def sessions_of(self, tenant: str, client_id: UUID, after: Position | None, limit: int) -> list[SessionRow]:
        """Newest first."""

    async def last_held(self, tenant: str, client_id: UUID) -> datetime | None:
        """When the client's newest session that was held was written down."""

    async def neighbours(self, tenant: str, session: SessionRow) -> tuple[datetime | None, datetime | None]:
        """When the held sessions next to this one were written down: the one before, the one behind."""

    async def note(self, tenant: str, note_id: UUID) -> NoteRow | None: ...

    async def notes_of(self, tenant: str, client_id: UUID, after: Position | None, limit: int) -> list[NoteRow]:
        """Newest first."""

    async def notes_by(
        self, tenant: str, author: str, client_id: UUID | None, after: Position | None, limit: int
    ) -> list[NoteRow]:
        """Those of one author, of one client or of all, newest first."""

    async def prompts(self, tenant: str, client_id: UUID, after: datetime | None, until: datetime | None) -> list[PromptRow]:
        """Prompts that were prepared later than `after` and not later than `until`, oldest first."""

    async def streams(self, tenant: str, names: Sequence[str]) -> dict[str, list[StoredEvent]]:
        """Events of several streams in order, by one query."""

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        """What keeps the index in step, to be written with the event."""

    def prompt_row(self, tenant: str, prompt: PromptRow, at: datetime) -> Statement:
        """`at`: when it was prepared. Nothing happens where the prompt is there already, or its client's measures were erased:
        to be written under HOLD_ERASURES."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every handler needs."""

    parts: Parts
    gate: Gate
    store: EventStore
    index: Index
    amendments: Amendments
    downtime: Downtime | None = None
    """None: nothing is written while the gate is away"""


def client_stream(client_id: UUID) -> str:
    return f"client/{client_id}"


def session_stream(session_id: UUID) -> str:
    return f"session/{session_id}"
