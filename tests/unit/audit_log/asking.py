"""Given / when / then for the gate's rules: a client, some people, what they agreed; then one question."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.decision import decide
from services.audit_log.decision.domain.grants import Grant, GrantStatus
from services.audit_log.decision.domain.open_notes import OPEN, NoteStanding
from services.audit_log.decision.domain.policy import ClientPolicy, fold
from services.audit_log.decision.domain.question import Question, Verdict
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.decision.domain.release import UNCHOSEN, ReleaseChoice
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.consent_policy import (
    ConsentKind,
    ConsentSet,
    ConsentStatus,
    Period,
    Policy,
    PolicyChange,
    Provision,
    RelationshipRole,
    RelationshipSet,
)
from shared.contracts.disclosure import Action
from shared.contracts.records import ALLIANCE_RATING, RECORD_TYPES, RecordType
from shared.identity.roles import Role, default_purpose

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CLIENT = "c1c1c1c1-0000-4000-8000-000000000001"
OTHER = "c1c1c1c1-0000-4000-8000-000000000002"
RECORD = "d0d0d0d0-0000-4000-8000-000000000001"

RIVERA, OKAFOR, LIND, NOVAK = "t-rivera", "t-okafor", "s-lind", "tr-novak"
"""therapist of the client, another therapist, supervisor, trainee"""


def person(sub: str, role: Role, client_id: str | None = None) -> Agent:
    return Agent(AgentKind.PERSON, sub, role, "", client_id)


THERAPIST = person(RIVERA, Role.THERAPIST)
STRANGER = person(OKAFOR, Role.THERAPIST)
SUPERVISOR = person(LIND, Role.SUPERVISOR)
TRAINEE = person(NOVAK, Role.TRAINEE)
CLIENT_SELF = person("u-client", Role.CLIENT, CLIENT)
OTHER_CLIENT = person("u-other", Role.CLIENT, OTHER)
GUARDIAN = person("u-guardian", Role.REPRESENTATIVE, CLIENT)
INTAKE = person("i-sato", Role.INTAKE)
OFFICER = person("co-weiss", Role.COMPLIANCE_OFFICER)
ADMIN = person("a-root", Role.ADMINISTRATOR)
EHR = person("ehr-1", Role.EHR_SYSTEM)


def relation(
    sub: str, role: str, start: datetime = NOW - 30 * DAY, end: datetime | None = None, n: int = 0, **recorded: Any
) -> RelationshipSet:
    """Recorded by intake when it began, unless said otherwise."""
    return RelationshipSet(
        relationship_id=UUID(int=hash((sub, role, n)) & ((1 << 128) - 1)),
        client_id=UUID(CLIENT),
        practitioner_id=sub,
        role=RelationshipRole(role),
        start=start,
        end=end,
        at=start,
        **({"recorded_by": "i-sato", "recorded_at": start} | recorded),
    )


def provision(kind: Literal["permit", "deny"], *nested: Provision, **fields: Any) -> Provision:
    return Provision(type=kind, provisions=nested, **fields)


def consent(
    kind: str = "treatment",
    base: Literal["permit", "deny", "silent"] = "permit",
    *provisions: Provision,
    status: str = "active",
    start: datetime = NOW - 30 * DAY,
    end: datetime | None = None,
    covers: tuple[str, ...] = (),
    n: int = 1,
) -> ConsentSet:
    return ConsentSet(
        consent_id=UUID(int=n),
        client_id=UUID(CLIENT),
        kind=ConsentKind(kind),
        status=ConsentStatus(status),
        policy=Policy(base=base, provisions=provisions),
        period=Period(start=start, end=end),
        covers=covers,
        at=start,
    )


def record(
    kind: str, author: str | None = RIVERA, *labels: str, created_at: datetime = NOW - 2 * DAY, **other: Any
) -> BoundRecord:
    record_type = RecordType(kind)
    return BoundRecord(
        record_id=other.pop("record_id", RECORD),
        client_id=other.pop("client_id", CLIENT),
        record_type=record_type,
        author=author,
        labels=frozenset(labels),
        service=RECORD_TYPES[record_type].owner,
        kid="k1",
        created_at=created_at,
        **other,
    )


def rating(author: str | None = CLIENT, **other: Any) -> BoundRecord:
    """The client's own rating of the alliance, answered as soon as it was asked for."""
    made = record("administration", author, ALLIANCE_RATING, **other)
    return made if "answered_at" in other else replace(made, answered_at=made.created_at)


def grant(purpose: str, *scope: str, sub: str = OKAFOR, until: datetime = NOW + timedelta(hours=1), **other: Any) -> Grant:
    made = Grant("g1", sub, CLIENT, purpose, frozenset(scope), GrantStatus.ACTIVE, until)
    return replace(made, **other)


def given(*facts: PolicyChange) -> ClientPolicy:
    return fold(facts)


TREATED = (relation(RIVERA, "therapist"), consent(), consent("measurement", n=2))
"""what is usual: a therapist, consent to treatment and to measurement"""


def ask(
    agent: Agent,
    action: str,
    about: BoundRecord,
    *,
    facts: Iterable[PolicyChange] = TREATED,
    purpose: str | None = None,
    release: ReleaseChoice = UNCHOSEN,
    grants: Iterable[Grant] = (),
    now: datetime = NOW,
    standing: NoteStanding | None = OPEN,
) -> Verdict:
    return decide(
        Question(
            agent=agent,
            action=Action(action),
            purpose=purpose or (default_purpose(agent.role) if agent.role else "TREAT"),
            record=about,
            now=now,
            service=about.service,
            policy=given(*facts),
            release=release,
            grants=tuple(grants),
            notes={} if standing is None else {about.record_id: standing},
        )
    )


def shown(verdict: Verdict) -> str:
    """`permit`, `403` or `404`: what the caller would notice."""
    if verdict.permitted:
        return "permit"
    return "403" if verdict.may_know else "404"
