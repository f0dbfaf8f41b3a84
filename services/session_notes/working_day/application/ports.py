"""What a working day is made of, found by ids, people, states and times alone; nothing here is opened."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from services.session_notes.desk.application.ports import NoteRow, Position, PromptRow, SessionRow
from shared.contracts.disclosure import RecordRef
from shared.contracts.records import RecordType


class Queue(StrEnum):
    """The lists of the worklist that this release fills."""

    UNSIGNED = "unsigned"
    AWAITING_COSIGNATURE = "awaiting_cosignature"
    RETURNED = "returned"
    SESSIONS_WITHOUT_NOTE = "sessions_without_note"
    PROMPTS = "prompts"
    PLAN_REVIEWS_DUE = "plan_reviews_due"
    HARM_TO_REVIEW = "harm_to_review"
    """boundary events and adverse effects that nobody but their author has looked at: a supervisor's"""


@dataclass(frozen=True, slots=True)
class ClientRow:
    id: UUID
    created_at: datetime

    @property
    def ref(self) -> RecordRef:
        return RecordRef(record_id=str(self.id), client_id=str(self.id), record_type=RecordType.CLIENT)


@dataclass(frozen=True, slots=True)
class WaitingPrompt:
    row: PromptRow
    at: datetime


class WorkingDay(Protocol):
    async def clients(self, tenant: str, after: Position | None, limit: int) -> list[ClientRow]:
        """Of the whole tenant, newest first."""

    async def sessions_of_therapist(
        self, tenant: str, therapist: str, since: datetime | None, after: Position | None, limit: int
    ) -> list[SessionRow]:
        """Newest first; those that were written down or changed at `since` or later."""

    async def drafts(self, tenant: str, author: str, limit: int) -> list[NoteRow]:
        """Oldest first, as are all that follow."""

    async def returned(self, tenant: str, author: str, limit: int) -> list[NoteRow]: ...

    async def cosignatures_due(self, tenant: str, author: str | None, limit: int) -> list[NoteRow]:
        """Of notes that were signed in training: of one author, or of all."""

    async def sessions_without_note(self, tenant: str, therapist: str, limit: int) -> list[SessionRow]:
        """That were held, and have no progress note which stands."""

    async def prompts(self, tenant: str, therapist: str, limit: int) -> list[WaitingPrompt]:
        """That came after the client's newest session, where this therapist held it. The newest of them."""
