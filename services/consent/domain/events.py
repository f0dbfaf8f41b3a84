"""What happens to a consent and to a relationship. Who, when and the machine-readable part are public; words are sealed."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.consent.domain.fhir.events import FhirSourceRecorded
from services.consent.domain.life_events import LIFE_EVENTS
from services.consent.domain.people_events import PEOPLE_EVENTS, AmendmentRequested
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy
from services.consent.domain.standing import Signer
from shared.contracts.consent_policy import ConsentKind, RelationshipRole, StrictReading
from shared.contracts.records import KeyClass
from shared.sealing.event import Event, EventTypes
from shared.sealing.field import Sealed


class Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Grantor(Words):
    """Who gives the consent: the client, or somebody with the authority to act for them."""

    role: str
    name: str
    authority: str | None = None


class Attestation(Words):
    """A signature given on paper or by voice, as intake saw it."""

    witness: str
    evidence: str


class ConsentForm(Event):
    """The whole form, as proposed and as amended."""

    SCHEMA_VERSION: ClassVar[int] = 2
    """2 says whether it ends with an event; of a form written as 1 nobody has said so"""
    RECORD: ClassVar[str] = "consent_id"
    consent_id: UUID
    kind: ConsentKind
    policy: GivenPolicy
    period: GivenPeriod
    missing: tuple[str, ...]
    """elements that the form lacks; the signature is never among them"""
    covers: tuple[str, ...]
    has_authority: bool
    """whether the grantor's authority to act for the client is described"""
    recipients: tuple[str, ...] = ()
    part2: bool = False
    jurisdiction: str | None = None
    limits_explained: tuple[str, ...] = ()
    """codes of the jurisdiction's limits of confidentiality that were explained one by one"""
    minor_alone: bool = False
    """a service that this minor may consent to alone; which one is sealed with the words"""
    review_on: str | None = None
    """date on which the talk is due again"""
    supersedes: UUID | None = None
    """the consent whose place it takes when it becomes active"""
    ends_with_event: bool = False
    """whether it says that it ends with an event; which one stands in its `expiry`, sealed with the words"""
    read_strictly: tuple[StrictReading, ...] = ()
    """what of it counts more strictly than it is written"""
    author: str
    """`sub` of who wrote it down"""
    at: datetime
    grantor: Annotated[Sealed[Grantor], KeyClass.CONSENT_EVIDENCE]
    elements: Annotated[Sealed[dict[str, str]], KeyClass.CONSENT_EVIDENCE]


class ConsentProposed(ConsentForm):
    TYPE: ClassVar[str] = "consent.consent-proposed"


class ConsentAmended(ConsentForm):
    """The form as it stands now. Earlier signatures were given to another text and count no more."""

    TYPE: ClassVar[str] = "consent.consent-amended"


class ConsentSigned(Event):
    TYPE: ClassVar[str] = "consent.consent-signed"
    RECORD: ClassVar[str] = "consent_id"
    consent_id: UUID
    by: str
    role: str
    form_version: int
    """version of the consent that the signer had before them"""
    at: datetime
    signer: Signer = Signer.CLIENT
    """whose word intake wrote down; a representative's own token says so by its role"""
    assent: bool = False
    """a minor's agreement: heard and kept, yet it makes nothing active alone"""
    attestation: Annotated[Sealed[Attestation | None], KeyClass.CONSENT_EVIDENCE]
    """by intake only; the signer's own token needs no witness"""


class ConsentActivated(Event):
    """Nothing is missing and it is signed: from here on it counts for decisions."""

    TYPE: ClassVar[str] = "consent.consent-activated"
    RECORD: ClassVar[str] = "consent_id"
    consent_id: UUID
    at: datetime


class ConsentRevoked(Event):
    """Nothing is sealed in it, so that a consent whose words were erased can still be revoked."""

    TYPE: ClassVar[str] = "consent.consent-revoked"
    RECORD: ClassVar[str] = "consent_id"
    consent_id: UUID
    by: str
    role: str
    at: datetime


class RevocationReasonGiven(Event):
    TYPE: ClassVar[str] = "consent.revocation-reason-given"
    RECORD: ClassVar[str] = "consent_id"
    consent_id: UUID
    at: datetime
    reason: Annotated[Sealed[str], KeyClass.CONSENT_EVIDENCE]


class RelationshipStarted(Event):
    TYPE: ClassVar[str] = "consent.relationship-started"
    RECORD: ClassVar[str] = "relationship_id"
    relationship_id: UUID
    practitioner_id: str
    role: RelationshipRole
    period: GivenPeriod
    author: str
    at: datetime


class RelationshipEnded(Event):
    TYPE: ClassVar[str] = "consent.relationship-ended"
    RECORD: ClassVar[str] = "relationship_id"
    relationship_id: UUID
    end: datetime
    by: str
    at: datetime


def _as_it_was(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "ends_with_event": False}


def _unchanged(data: dict[str, Any]) -> dict[str, Any]:
    return data


EVENT_TYPES: Final = EventTypes(
    ConsentProposed,
    ConsentAmended,
    ConsentSigned,
    ConsentActivated,
    ConsentRevoked,
    RevocationReasonGiven,
    RelationshipStarted,
    RelationshipEnded,
    FhirSourceRecorded,
    *LIFE_EVENTS,
    *PEOPLE_EVENTS,
    upcasters={
        **{(form.TYPE, 1): _as_it_was for form in (ConsentProposed, ConsentAmended)},
        **{(AmendmentRequested.TYPE, version): _unchanged for version in (1, 2)},
    },
)
