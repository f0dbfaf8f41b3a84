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
    base: Literal["permit", "deny"]
    dialect: Literal["r4", "pcf", "r5"] = "r4"
    provisions: tuple[Provision, ...] = ()


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


PolicyChange = Annotated[ConsentSet | RelationshipSet, Field(discriminator="type")]


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
