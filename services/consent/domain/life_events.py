"""What happens to a consent beside its form and its signatures: the talk, what calls for another one, and how it ends."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.records import KeyClass
from shared.sealing.event import Event
from shared.sealing.field import Sealed


class Because(StrEnum):
    """Why the talk is due again."""

    MODALITY = "modality"
    PLAN = "plan"
    RISK = "risk"
    DATE = "date"
    MAJORITY = "majority"
    """the client is of age: what others agreed to for them is theirs to affirm or to withdraw"""
    CAPACITY = "capacity"
    """the client regained the capacity to consent"""


class Talk(BaseModel):
    """How the consent was explained, and how it was seen that it was understood."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    method: str
    language: str | None = None
    interpreter: str | None = None
    note: str | None = None


class ConsentEvent(Event):
    RECORD: ClassVar[str] = "consent_id"
    consent_id: UUID
    at: datetime


class ConsentExplained(ConsentEvent):
    """Somebody explained it and checked what was understood. That it was, or not yet, is public: it decides on signing."""

    TYPE: ClassVar[str] = "consent.consent-explained"
    by: str
    role: str
    on: str
    """date of the talk"""
    form_version: int
    understood: bool
    talk: Annotated[Sealed[Talk], KeyClass.CONSENT_EVIDENCE]


class ReconsentDue(ConsentEvent):
    """The talk is due again. The consent holds meanwhile: closing a record would harm whom it protects."""

    TYPE: ClassVar[str] = "consent.reconsent-due"
    because: Because
    by: str


class ConsentReaffirmed(ConsentEvent):
    """Explained again and signed again, unchanged: nothing is due any more."""

    TYPE: ClassVar[str] = "consent.consent-reaffirmed"
    by: str
    role: str


class ConsentRefused(ConsentEvent):
    """The client said no. It is final: a new offer is a new consent."""

    TYPE: ClassVar[str] = "consent.consent-refused"
    by: str
    role: str
    reason: Annotated[Sealed[str | None], KeyClass.CONSENT_EVIDENCE]


class ConsentSuperseded(ConsentEvent):
    """Another consent of the same kind took its place in the same moment."""

    TYPE: ClassVar[str] = "consent.consent-superseded"
    superseded_by: UUID


class ConsentExpired(ConsentEvent):
    """Its period is over (`date`), or what it was to end with has happened (`event`)."""

    TYPE: ClassVar[str] = "consent.consent-expired"
    cause: str
    by: str
    role: str


class RecipientRevoked(ConsentEvent):
    """Withdrawn from one recipient; it holds for everybody else."""

    TYPE: ClassVar[str] = "consent.recipient-revoked"
    recipient: str
    by: str
    role: str


LIFE_EVENTS = (
    ConsentExplained,
    ReconsentDue,
    ConsentReaffirmed,
    ConsentRefused,
    ConsentSuperseded,
    ConsentExpired,
    RecipientRevoked,
)
