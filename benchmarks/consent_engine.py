"""The decision engine alone, in process: decisions a second of processor time, and whether more clients slow it down."""

import random
from datetime import UTC, datetime, timedelta
from statistics import median
from time import process_time
from typing import Literal
from uuid import UUID

from benchmarks.table import Figure
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.decision import decide
from services.audit_log.decision.domain.policy import ClientPolicy, TenantPolicy, fold
from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.registry import BoundRecord
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
from shared.contracts.records import RecordType, ServiceName
from shared.identity.roles import Role

CONSENTS, PROVISIONS = 50, 20
GOAL = 20_000
ROUNDS, QUESTIONS = 9, 4_000
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=300)
PEOPLE = [f"practitioner-{n}" for n in range(40)]
PURPOSES = ["TREAT", "COC", "TRAIN"]


def provision(rng: random.Random, number: int) -> Provision:
    """Mixed: permissions and denials, by actor, role, purpose, action, label and period, every tenth with an exception."""
    inner = (Provision(type="permit", actors=(rng.choice(PEOPLE),)),) if number % 10 == 9 else ()
    return Provision(
        type="deny" if number % 20 == 19 else "permit",
        actors=tuple(rng.sample(PEOPLE, 1 if number % 20 == 19 else 2)),
        roles=("therapist",) if number % 5 == 0 else (),
        purposes=tuple(rng.sample(PURPOSES, 2)),
        actions=("read",) if number % 3 == 0 else (),
        labels=("SUD",) if number % 7 == 0 else (),
        period=Period(start=LONG_AGO, end=NOW + timedelta(days=9)) if number % 6 == 0 else None,
        provisions=inner,
    )


def consent(
    rng: random.Random, client: UUID, number: int, provisions: int, base: Literal["permit", "deny"] = "deny"
) -> ConsentSet:
    return ConsentSet(
        consent_id=UUID(int=rng.getrandbits(128)),
        client_id=client,
        kind=ConsentKind.TREATMENT if number % 2 == 0 else ConsentKind.DISCLOSURE,
        status=ConsentStatus.ACTIVE,
        policy=Policy(
            base="permit" if base == "permit" else "deny", provisions=tuple(provision(rng, n) for n in range(provisions))
        ),
        period=Period(start=LONG_AGO),
        covers=("progress_note",),
        at=LONG_AGO,
    )


def relationship(rng: random.Random, client: UUID, sub: str) -> RelationshipSet:
    return RelationshipSet(
        relationship_id=UUID(int=rng.getrandbits(128)),
        client_id=client,
        practitioner_id=sub,
        role=RelationshipRole.THERAPIST,
        start=LONG_AGO,
        at=LONG_AGO,
    )


def question(rng: random.Random, client: UUID, policy: ClientPolicy) -> Question:
    record = BoundRecord(
        record_id=str(UUID(int=rng.getrandbits(128))),
        client_id=str(client),
        record_type=RecordType.PROGRESS_NOTE,
        author="somebody-else",
        labels=frozenset({"OPIOIDUD"}) if rng.random() < 0.25 else frozenset(),
        service=ServiceName.SESSION_NOTES,
        kid="k",
        created_at=NOW - timedelta(days=3),
    )
    agent = Agent(AgentKind.PERSON, rng.choice(PEOPLE), Role.THERAPIST)
    return Question(agent, Action.READ, rng.choice(PURPOSES), record, NOW, ServiceName.SESSION_NOTES, policy)


def rate(questions: list[Question]) -> float:
    """Decisions a second: median of the rounds."""
    found = []
    for _ in range(ROUNDS):
        begun = process_time()
        for q in questions:
            decide(q)
        found.append(len(questions) / (process_time() - begun))
    return median(found)


def one_large_client() -> tuple[float, float, float]:
    """Decisions a second, share of permits, and milliseconds to make the index after a change."""
    rng, client = random.Random(50), UUID(int=1)  # noqa: S311
    changes: list[PolicyChange] = [consent(rng, client, n, PROVISIONS) for n in range(CONSENTS)]
    changes += [relationship(rng, client, sub) for sub in PEOPLE[:20]]
    policy = fold(changes)
    begun = process_time()
    made = policy.index
    index_ms = (process_time() - begun) * 1000
    assert made is policy.index
    questions = [question(rng, client, policy) for _ in range(QUESTIONS)]
    permits = sum(decide(q).permitted for q in questions) / len(questions)
    return rate(questions), permits, index_ms


def many_clients(count: int) -> float:
    """Decisions a second, of clients taken at random among `count` with one consent, three provisions and a therapist each."""
    rng, tenant = random.Random(count), TenantPolicy()  # noqa: S311
    rules = consent(rng, UUID(int=1), 0, 3, "permit").policy
    sequence = 0
    for n in range(count):
        client = UUID(int=n + 1)
        base = ConsentSet.model_construct(
            type="consent", consent_id=client, client_id=client, kind=ConsentKind.TREATMENT, status=ConsentStatus.ACTIVE,
            policy=rules, period=Period(start=LONG_AGO), covers=(), at=LONG_AGO,
        )  # fmt: skip
        held = relationship(rng, client, PEOPLE[n % len(PEOPLE)])
        for change in (base, held):
            sequence += 1
            tenant.add(sequence, change)
    asked = [UUID(int=rng.randrange(count) + 1) for _ in range(QUESTIONS)]
    questions = [question(rng, client, tenant.client(str(client))) for client in asked]
    for q in questions:
        decide(q)
    found = []
    for _ in range(ROUNDS):
        begun = process_time()
        for client, q in zip(asked, questions, strict=True):
            tenant.client(str(client))
            decide(q)
        found.append(len(asked) / (process_time() - begun))
    return median(found)


def figures() -> list[Figure]:
    large, permits, index_ms = one_large_client()
    print(f"one client, {CONSENTS} consents of {PROVISIONS} provisions: {large:,.0f}/s, {permits:.0%} permitted")
    by_count = {count: many_clients(count) for count in (100, 1_000, 10_000, 100_000)}
    made = [
        Figure(
            f"decisions a second and core, {CONSENTS} consents of {PROVISIONS} provisions for one client",
            round(large),
            "1/s",
            goal=f"≥ {GOAL:,}",
            met=large >= GOAL,
        ),
        Figure("index of that client made anew after a change", round(index_ms, 1), "ms"),
    ]
    made += [Figure(f"decisions a second and core among {n:,} clients", round(r), "1/s") for n, r in by_count.items()]
    flat = by_count[100_000] / by_count[100]
    met = flat >= 0.8
    reason = None if met else "the policy of 100,000 clients does not fit the processor's caches; the number of steps is the same"
    made.append(
        Figure("speed at 100,000 clients of that at 100", round(flat, 2), "", goal="≥ 0.8 (flat)", met=met, reason=reason)
    )
    return made
