"""`consent-policy.v1`: the machine-readable part of consents and relationships, and nothing else.

Each message carries the tenant's dense policy sequence in `ce_sequence` (the version of the tenant's `policy` stream), so
that the gate can tell a missing one. No free text, no name, no clinical field.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

POLICY_STREAM: Final = "policy"
"""one a tenant; its versions are the tenant's policy sequence"""
GRANTED_PURPOSES: Final = frozenset({"BTG", "ETREAT", "THREAT"})
"""purposes that count only with a break-glass grant: no consent permits or denies them"""


class ConsentKind(StrEnum):
    TREATMENT = "treatment"
    PSYCHOTHERAPY_NOTES = "psychotherapy_notes"
    DISCLOSURE = "disclosure"
    PART2_TPO = "part2_tpo"
    PART2_COUNSELLING_NOTES = "part2_counselling_notes"
    MEASUREMENT = "measurement"
    TELEHEALTH = "telehealth"
    RECORDING = "recording"
    SUPERVISION = "supervision"
    RESEARCH = "research"


class ConsentStatus(StrEnum):
    PROPOSED = "proposed"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    EXPIRED = "expired"
    REFUSED = "refused"


class RelationshipRole(StrEnum):
    THERAPIST = "therapist"
    SUPERVISOR = "supervisor"
    TRAINEE = "trainee"
    CARE_TEAM = "care_team"


class RepresentativeKind(StrEnum):
    PARENT = "parent"
    GUARDIAN = "guardian"
    HEALTHCARE_PROXY = "healthcare_proxy"
    OTHER = "other"


class RepresentativePower(StrEnum):
    """What a representative may do in the client's place."""

    READ = "read"
    SIGN = "sign"
    REVOKE = "revoke"


class PolicyModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Period(PolicyModel):
    """Instants in UTC: from `start`, up to but not including `end`; an absent end never ends.

    A period given in dates ends after its whole last day: the consent service turns it into these instants.
    """

    start: datetime
    end: datetime | None = None


class Provision(PolicyModel):
    """One rule of a consent. An empty list means any, within what the consent's kind covers."""

    type: Literal["permit", "deny"]
    actors: tuple[str, ...] = ()
    """`sub` of persons or systems"""
    roles: tuple[str, ...] = ()
    """relationship roles at the time of the decision (therapist, supervisor, trainee, care_team) or `ehr_system`"""
    purposes: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    period: Period | None = None
    data_period: Period | None = None
    provisions: tuple["Provision", ...] = ()


class Policy(PolicyModel):
    base: Literal["permit", "deny", "silent"]
    """`deny` refuses (see `refuses`); `silent` says nothing beyond the provisions"""
    dialect: Literal["r4", "pcf", "r5"] = "r4"
    combining: Literal["deny-overrides", "most-recent"] = "deny-overrides"
    """how this consent and others that cover the same record come together"""
    provisions: tuple[Provision, ...] = ()

    @property
    def refuses(self) -> bool:
        """Whether it denies everything that no provision of it permits, also beside other consents.

        A base of deny does so in PCF and R5, where it is the decision. In R4 it does so where no provision permits anything:
        one that permits is an authorization for those whom it names, and leaves all others to the other consents.
        """
        return self.base == "deny" and (self.dialect != "r4" or not any(map(_permits, self.provisions)))


def _permits(provision: Provision) -> bool:
    """Whether anything in it permits for a purpose that a consent can permit."""
    own = provision.type == "permit" and (not provision.purposes or not GRANTED_PURPOSES.issuperset(provision.purposes))
    return own or any(map(_permits, provision.provisions))


class StrictReading(PolicyModel):
    """Something in a consent that counts more strictly than it is written. Both texts are this system's own words."""

    pointer: str
    """JSON pointer into the form, or FHIRPath into the resource that was sent"""
    because: str


class ConsentSet(PolicyModel):
    """The whole machine-readable state of one consent after a change of it."""

    type: Literal["consent"] = "consent"
    consent_id: UUID
    client_id: UUID
    kind: ConsentKind
    status: ConsentStatus
    policy: Policy
    period: Period
    covers: tuple[str, ...] = ()
    """disclosure only: key classes its description names"""
    recipients: tuple[str, ...] = ()
    """`sub` of persons or systems that the form names as those who receive; empty where it names none by id"""
    revoked_recipients: tuple[str, ...] = ()
    """`sub`s from whom this consent was withdrawn while it holds for everybody else: to them it says nothing any more"""
    part2: bool = False
    """records under 42 CFR Part 2 are disclosed by it, whatever its kind"""
    consented_by: Literal["client", "representative"] = "client"
    """who gave it: of a client in care of somebody, whether they could consent alone"""
    granted_by: str = ""
    """`sub` of the representative who signed it; empty where the client gave it, and where intake took it down"""
    confidential_from_representatives: bool = False
    """a service that a minor consented to alone (45 CFR 164.502(g)(3), 42 CFR 2.14): no representative sees what it covers,
    nor this consent itself"""
    read_strictly: tuple[StrictReading, ...] = ()
    """what of it counts more strictly than it is written, and why"""
    at: datetime


class RelationshipSet(PolicyModel):
    """The whole state of one relationship after a change of it. It holds from `start` to `end`, both instants in UTC."""

    type: Literal["relationship"] = "relationship"
    relationship_id: UUID
    client_id: UUID
    practitioner_id: str
    role: RelationshipRole
    start: datetime
    end: datetime | None = None
    at: datetime
    recorded_by: str = ""
    """`sub` of who recorded it first; empty in changes written before this stood here"""
    recorded_at: datetime | None = None
    """when it was recorded first, whatever `start` says; `at` where absent"""


class RepresentativeSet(PolicyModel):
    """The whole state of one person's authority to act for a client. It holds from `start` to `end`, instants in UTC.

    `end` is already the earliest of what ends it: its own end, the client's age of majority, the capacity regained. One that
    waits for the client to lose capacity is told as well, with an `end` that is its `start`: it holds at no time.
    """

    type: Literal["representative"] = "representative"
    representative_id: UUID
    client_id: UUID
    person: str
    """`sub` of the representative"""
    kind: RepresentativeKind
    authority: str
    """code of what the authority rests on (v3-RoleCode or of the jurisdiction: `parental-responsibility`, `court-order` …)"""
    start: datetime
    end: datetime | None = None
    may: tuple[RepresentativePower, ...] = (RepresentativePower.READ,)
    excluded_record_ids: tuple[str, ...] = ()
    excluded_labels: tuple[str, ...] = ()
    """security labels of records that stay closed to them"""
    at: datetime


class RestrictionSet(PolicyModel):
    """The whole state of a restriction that the practice agreed to (45 CFR 164.522(a)): a denial, from `start` to `end`.

    Empty `record_ids`, `labels` or `resource_types` mean any. `data_period` names care by its day (ADR 0047).
    """

    type: Literal["restriction"] = "restriction"
    restriction_id: UUID
    client_id: UUID
    payer: str
    """`sub` of the health plan's system, or the organisation's id that its tokens carry as `sub`"""
    purposes: tuple[str, ...] = ("HPAYMT", "HOPERAT")
    record_ids: tuple[str, ...] = ()
    """notes, sessions and administrations that were paid for in full by the client"""
    labels: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    data_period: Period | None = None
    start: datetime
    end: datetime | None = None
    at: datetime


PolicyChange = Annotated[ConsentSet | RelationshipSet | RepresentativeSet | RestrictionSet, Field(discriminator="type")]


class PolicyFeedItem(PolicyModel):
    sequence: int
    event_id: UUID
    change: PolicyChange


class PolicyFeedPage(PolicyModel):
    """`GET /v1/policy-feed?after=`: changes after that sequence, and the newest sequence (`head`) when it was read."""

    tenant: str
    items: tuple[PolicyFeedItem, ...]
    head: int


class PolicyHeartbeat(PolicyModel):
    """Message type `consent.policy-heartbeat`: the tenant's newest sequence, sent when everything up to it is relayed."""

    tenant: str
    head: int
    at: datetime


POLICY_CHANGED: Final = "consent.policy-changed"
POLICY_HEARTBEAT: Final = "consent.policy-heartbeat"
