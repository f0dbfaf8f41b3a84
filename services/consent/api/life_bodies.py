"""Request bodies of the talk, of the ends of a consent, and of the people around the client."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from services.consent.api.bodies import Name, Sub, Words
from services.consent.api.described import PeriodGiven
from services.consent.domain.life_events import Because, Talk
from services.consent.domain.people_events import AmendmentWords, DenialBasis, RepresentativeWords, RestrictionWords
from shared.contracts.codes import LABELS, PURPOSES, one_of
from shared.contracts.consent_policy import RepresentativeKind, RepresentativePower
from shared.contracts.records import RecordType
from shared.http.body import Body
from shared.values.time import DayText, Instant


def _id(text: str) -> str:
    return str(UUID(text))


Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")]
Jurisdiction = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
"""ISO 3166-1 alpha-2, or 3166-2"""
Label = Annotated[str, *one_of(LABELS)]
Purpose = Annotated[str, *one_of(PURPOSES)]
RecordId = Annotated[str, AfterValidator(_id)]
MANY: Final = 200


class ExplanationBody(Body):
    explained_on: DayText
    method: Literal["teach_back", "questions", "in_writing", "other"]
    """how it was seen what was understood"""
    understood: bool
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)] | None = None
    """BCP 47"""
    interpreter: Name | None = None
    note: Words | None = None

    def talk(self) -> Talk:
        return Talk(method=self.method, language=self.language, interpreter=self.interpreter, note=self.note)


class ReconsentBody(Body):
    because: Literal["modality", "plan", "risk"]

    def reason(self) -> Because:
        return Because(self.because)


class RefusalBody(Body):
    reason: Words | None = None


class ExpirationBody(Body):
    occurred_on: DayText
    """when what the consent was to end with happened"""


class RepresentativeBody(Body):
    client_id: UUID
    person: Sub
    name: Name
    kind: RepresentativeKind
    authority: Code
    evidence: Words
    """which document shows it, and where it is kept"""
    period: PeriodGiven
    may: tuple[RepresentativePower, ...] = Field(default=(RepresentativePower.READ,), max_length=3)
    client_birth_date: DayText | None = None
    """of a minor: with the jurisdiction it says when the authority ends"""
    jurisdiction: Jurisdiction | None = None
    only_without_capacity: bool = False
    excluded_record_ids: tuple[RecordId, ...] = Field(default=(), max_length=MANY)
    excluded_labels: tuple[Label, ...] = Field(default=(), max_length=MANY)

    def words(self) -> RepresentativeWords:
        return RepresentativeWords(name=self.name, evidence=self.evidence, client_birth_date=self.client_birth_date)


class CapacityBody(Body):
    client_id: UUID
    has_capacity: bool
    since: Instant
    basis: Words
    """what was found, by whom, and how"""

    def instant(self) -> datetime:
        return self.since


class RestrictionBody(Body):
    client_id: UUID
    payer: Sub
    payer_name: Name
    paid_in_full: bool
    purposes: tuple[Purpose, ...] = Field(default=("HPAYMT", "HOPERAT"), max_length=20)
    record_ids: tuple[RecordId, ...] = Field(default=(), max_length=MANY)
    labels: tuple[Label, ...] = Field(default=(), max_length=MANY)
    resource_types: tuple[RecordType, ...] = Field(default=(), max_length=20)
    data_period: PeriodGiven | None = None
    period: PeriodGiven
    request: Words | None = None

    def words(self) -> RestrictionWords:
        return RestrictionWords(payer_name=self.payer_name, request=self.request)


class DecisionBody(Body):
    agreed: bool
    note: Words | None = None


class AmendmentBody(Body):
    client_id: UUID
    record_id: UUID
    record_type: RecordType
    what: Words
    why: Words
    received_on: DayText | None = None
    """at intake: the day on which it came in writing; today where it is left out"""

    def words(self) -> AmendmentWords:
        return AmendmentWords(what=self.what, why=self.why)


class ReasonBody(Body):
    reason: Words


class TextBody(Body):
    text: Words


class DenialBody(Body):
    basis: DenialBasis
    reason: Words
