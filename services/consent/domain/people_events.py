"""What happens around a client: who acts for them, what they can decide, what they keep from payers, what they want corrected."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.consent.domain.periods import GivenPeriod
from shared.contracts.amendments import AmendmentAccepted, AmendmentEvent, DisagreementStated
from shared.contracts.consent_policy import Period, RepresentativeKind, RepresentativePower
from shared.contracts.records import KeyClass, NamedRecordType
from shared.sealing.event import Event
from shared.sealing.field import Sealed


class Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RepresentativeWords(Words):
    """Who it is and what shows it; of a minor the date of birth that ends it."""

    name: str
    evidence: str
    client_birth_date: str | None = None


class RepresentativeEvent(Event):
    RECORD: ClassVar[str] = "representative_id"
    representative_id: UUID
    at: datetime
    by: str


class RepresentativeAppointed(RepresentativeEvent):
    TYPE: ClassVar[str] = "consent.representative-appointed"
    person: str
    kind: RepresentativeKind
    authority: str
    period: GivenPeriod
    """as given"""
    holds: Period
    """as it follows: ended by the age of majority where that comes first"""
    may: tuple[RepresentativePower, ...]
    excluded_record_ids: tuple[str, ...] = ()
    excluded_labels: tuple[str, ...] = ()
    for_minority: bool = False
    jurisdiction: str | None = None
    only_without_capacity: bool = False
    """it waits until the client has lost the capacity to consent, and rests while they have it"""
    words: Annotated[Sealed[RepresentativeWords], KeyClass.CONSENT_EVIDENCE]


class RepresentativeTookEffect(RepresentativeEvent):
    """The client lost capacity: what waited for it holds from `start`."""

    TYPE: ClassVar[str] = "consent.representative-took-effect"
    start: datetime


class RepresentativeRested(RepresentativeEvent):
    """The client regained capacity: it waits again."""

    TYPE: ClassVar[str] = "consent.representative-rested"
    end: datetime


class RepresentativeEnded(RepresentativeEvent):
    TYPE: ClassVar[str] = "consent.representative-ended"
    end: datetime
    because: str
    """`ended`, `withdrawn` (by the client), `majority` or `period`"""


class CapacityDetermined(Event):
    """Somebody found that the client cannot consent for now, or can again. It speaks of consent alone, never of the person."""

    TYPE: ClassVar[str] = "consent.capacity-determined"
    RECORD: ClassVar[str] = "capacity_id"
    capacity_id: UUID
    has_capacity: bool
    since: datetime
    by: str
    at: datetime
    basis: Annotated[Sealed[str], KeyClass.CONSENT_EVIDENCE]


class RestrictionWords(Words):
    """Name of the payer and what was asked, in the client's words."""

    payer_name: str
    request: str | None = None


class RestrictionEvent(Event):
    RECORD: ClassVar[str] = "restriction_id"
    restriction_id: UUID
    at: datetime
    by: str


class RestrictionRequested(RestrictionEvent):
    TYPE: ClassVar[str] = "consent.restriction-requested"
    payer: str
    paid_in_full: bool
    purposes: tuple[str, ...]
    record_ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    data_period: GivenPeriod | None = None
    period: GivenPeriod
    words: Annotated[Sealed[RestrictionWords], KeyClass.CONSENT_EVIDENCE]


class RestrictionDecided(RestrictionEvent):
    """What the practice answered where the law leaves it the choice."""

    TYPE: ClassVar[str] = "consent.restriction-decided"
    agreed: bool
    note: Annotated[Sealed[str | None], KeyClass.CONSENT_EVIDENCE]


class RestrictionEnded(RestrictionEvent):
    TYPE: ClassVar[str] = "consent.restriction-ended"
    end: datetime


class DenialBasis(StrEnum):
    """45 CFR 164.526(a)(2)."""

    NOT_CREATED_HERE = "not_created_here"
    NOT_IN_RECORD_SET = "not_in_record_set"
    NOT_ACCESSIBLE = "not_accessible"
    ACCURATE = "accurate"


class AmendmentWords(Words):
    what: str
    why: str


class AmendmentRequested(AmendmentEvent):
    """A client wants a record corrected. The record itself is never touched: this goes along with it."""

    TYPE: ClassVar[str] = "consent.amendment-requested"
    SCHEMA_VERSION: ClassVar[int] = 3
    """2 may name a risk alert, 3 any type there will be"""
    amended_record: UUID
    record_type: NamedRecordType
    received_on: str
    due_at: datetime
    """60 days after it was received (164.526(b)(2)(i))"""
    words: Annotated[Sealed[AmendmentWords], KeyClass.CONSENT_EVIDENCE]


class AmendmentExtended(AmendmentEvent):
    """Once, by 30 days at most, said in writing before the first 60 are over (164.526(b)(2)(ii))."""

    TYPE: ClassVar[str] = "consent.amendment-extended"
    due_at: datetime
    reason: Annotated[Sealed[str], KeyClass.CONSENT_EVIDENCE]


class AmendmentDenied(AmendmentEvent):
    TYPE: ClassVar[str] = "consent.amendment-denied"
    basis: DenialBasis
    reason: Annotated[Sealed[str], KeyClass.CONSENT_EVIDENCE]


class RebuttalStated(AmendmentEvent):
    TYPE: ClassVar[str] = "consent.rebuttal-stated"
    statement: Annotated[Sealed[str], KeyClass.CONSENT_EVIDENCE]


PEOPLE_EVENTS: Final = (
    RepresentativeAppointed,
    RepresentativeTookEffect,
    RepresentativeRested,
    RepresentativeEnded,
    CapacityDetermined,
    RestrictionRequested,
    RestrictionDecided,
    RestrictionEnded,
    AmendmentRequested,
    AmendmentExtended,
    AmendmentAccepted,
    AmendmentDenied,
    DisagreementStated,
    RebuttalStated,
)
