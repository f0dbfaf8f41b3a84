"""Denying more never opens, permitting more never closes, and the order in which consents came does not matter."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.decision import decide
from services.audit_log.decision.domain.policy import TenantPolicy, fold
from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.release import ReleaseChoice
from services.audit_log.decision.domain.rules.consents import CLINICAL
from services.audit_log.decision.domain.rules.tables import DISCLOSING
from shared.contracts.consent_policy import ConsentSet, Policy, Provision
from shared.contracts.disclosure import Action, ReleaseAudience
from shared.contracts.records import ALLIANCE_RATING
from shared.identity.roles import Role, default_purpose
from tests.unit.audit_log.asking import (
    ADMIN,
    CLIENT,
    CLIENT_SELF,
    EHR,
    GUARDIAN,
    INTAKE,
    LIND,
    NOVAK,
    NOW,
    OFFICER,
    OKAFOR,
    RIVERA,
    STRANGER,
    SUPERVISOR,
    THERAPIST,
    TRAINEE,
    consent,
    record,
    relation,
)

KINDS = st.sampled_from(["treatment", "measurement", "psychotherapy_notes", "disclosure", "part2_tpo", "research"])


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


def provisions(kinds: st.SearchStrategy[Any], nested: st.SearchStrategy[Any]) -> st.SearchStrategy[Provision]:
    return st.builds(
        Provision,
        type=kinds,
        actors=some(RIVERA, OKAFOR, LIND, "ehr-1", INTAKE.id, OFFICER.id, ADMIN.id),
        roles=some("therapist", "supervisor", "trainee", "ehr_system"),
        purposes=some("TREAT", "TRAIN"),
        actions=some("read", "search", "export"),
        resource_types=some("progress_note", "Observation", "identity"),
        labels=some("SUD", ALLIANCE_RATING),
        provisions=nested,
    )


TYPES = st.sampled_from(["permit", "deny"])
BASES = st.sampled_from(["permit", "deny", "silent"])
NOTHING: st.SearchStrategy[tuple[Provision, ...]] = st.just(())
TREES = provisions(TYPES, st.lists(provisions(TYPES, NOTHING), max_size=2).map(tuple))
DENIALS = provisions(st.just("deny"), NOTHING)
CONSENTS = st.builds(
    lambda kind, base, rules, covers, n: consent(kind, base, *rules, covers=covers, n=n),
    KINDS,
    BASES,
    st.lists(TREES, max_size=3),
    some("progress_note", "measures", "psychotherapy_note"),
    st.integers(1, 10_000),
)
RELATIONS = st.builds(
    relation,
    st.sampled_from([RIVERA, OKAFOR, LIND, NOVAK, INTAKE.id, ADMIN.id]),
    st.sampled_from(["therapist", "supervisor", "trainee"]),
)
QUESTIONS = st.builds(
    lambda agent, action, kind, author, labels, relations, consents, purpose: Question(
        agent=agent,
        action=Action(action),
        purpose=purpose or default_purpose(agent.role),
        record=record(kind, author, *labels),
        now=NOW,
        service=record(kind).service,
        policy=fold([*relations, *consents]),
        release=ReleaseChoice(ReleaseAudience.IMMEDIATE, ReleaseAudience.IMMEDIATE),
    ),
    st.sampled_from([THERAPIST, STRANGER, SUPERVISOR, TRAINEE, CLIENT_SELF, GUARDIAN, INTAKE, OFFICER, ADMIN, EHR]),
    st.sampled_from(list(Action)),
    st.sampled_from(["client", "session", "progress_note", "psychotherapy_note", "consent", "administration", "outcome"]),
    st.sampled_from([RIVERA, OKAFOR, CLIENT, None]),
    some("SUD", ALLIANCE_RATING),
    st.lists(RELATIONS, max_size=3),
    st.lists(CONSENTS, max_size=3, unique_by=lambda c: c.consent_id),
    st.sampled_from([None, "TREAT", "TRAIN"]),
)


def with_consents(q: Question, consents: tuple[ConsentSet, ...]) -> Question:
    return replace(q, policy=replace(q.policy, consents=consents))


def adding(to: Provision, place: tuple[int, ...], new: Provision) -> Provision:
    """`new` somewhere in the tree under `to`."""
    if not place or not to.provisions:
        return to.model_copy(update={"provisions": (*to.provisions, new)})
    at = place[0] % len(to.provisions)
    below = adding(to.provisions[at], place[1:], new)
    return to.model_copy(update={"provisions": (*to.provisions[:at], below, *to.provisions[at + 1 :])})


@settings(max_examples=400, deadline=None)
@given(QUESTIONS, DENIALS, st.integers(0, 5), st.lists(st.integers(0, 3), max_size=2).map(tuple), st.booleans())
def test_adding_a_provision_that_denies_never_opens(
    q: Question, denial: Provision, which: int, place: tuple[int, ...], root: bool
) -> None:
    if not q.policy.consents:
        return
    at = which % len(q.policy.consents)
    changed = q.policy.consents[at]
    rules = changed.policy.provisions
    rules = (*rules, denial) if root or not rules else (adding(rules[0], place, denial), *rules[1:])
    policy = Policy(base=changed.policy.base, provisions=rules)
    consents = tuple(c.model_copy(update={"policy": policy}) if c is changed else c for c in q.policy.consents)
    if decide(with_consents(q, consents)).permitted:
        assert decide(q).permitted


@settings(max_examples=400, deadline=None)
@given(QUESTIONS, KINDS, st.lists(provisions(st.just("permit"), NOTHING), max_size=2))
def test_adding_a_consent_that_permits_never_closes(q: Question, kind: str, rules: list[Provision]) -> None:
    added = consent(kind, "permit", *rules, covers=("progress_note", "measures"), n=99_999)
    if decide(q).permitted:
        assert decide(with_consents(q, (*q.policy.consents, added))).permitted


@settings(max_examples=300, deadline=None)
@given(QUESTIONS, st.randoms(use_true_random=False))
def test_the_order_of_consents_and_provisions_does_not_matter(q: Question, random: Any) -> None:
    shuffled = []
    for c in q.policy.consents:
        rules = list(c.policy.provisions)
        random.shuffle(rules)
        shuffled.append(c.model_copy(update={"policy": Policy(base=c.policy.base, provisions=tuple(rules))}))
    random.shuffle(shuffled)
    before, after = decide(q), decide(with_consents(q, tuple(shuffled)))
    assert (before.decision, before.reason, before.may_know) == (after.decision, after.reason, after.may_know)


@settings(max_examples=300, deadline=None)
@given(QUESTIONS)
def test_law_holds_whatever_was_consented(q: Question) -> None:
    verdict = decide(q)
    if q.record.record_type == "psychotherapy_note":
        if q.agent is CLIENT_SELF:
            assert not verdict.permitted and not verdict.may_know
        if verdict.permitted and q.agent.id != q.record.author and q.purpose != "TRAIN":
            assert any(c.kind == "psychotherapy_notes" for c in q.policy.consents)
    if verdict.permitted:
        assert verdict.may_know and verdict.basis


CHANGES = st.lists(st.one_of(CONSENTS, RELATIONS), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(CHANGES, st.randoms(use_true_random=False))
def test_changes_in_any_order_fold_to_the_same_and_can_be_replayed(changes: list[Any], random: Any) -> None:
    numbered = list(enumerate(changes, start=1))
    in_order, jumbled = TenantPolicy(), TenantPolicy()
    for sequence, change in numbered:
        in_order.add(sequence, change)
    again = [*numbered, *numbered]
    random.shuffle(again)
    for sequence, change in again:
        jumbled.add(sequence, change)
        assert jumbled.watermark <= len(changes)
    assert jumbled.watermark == in_order.watermark == len(changes)
    assert jumbled.client(CLIENT) == in_order.client(CLIENT) == fold(changes)
    for sequence in range(len(changes) + 1):
        assert in_order.client_as_of(CLIENT, sequence) == fold(changes[:sequence])


@settings(max_examples=400, deadline=None)
@given(QUESTIONS, st.sampled_from([INTAKE, OFFICER, ADMIN]))
def test_no_clinical_record_opens_to_the_desk_compliance_or_administration(q: Question, agent: Agent) -> None:
    if q.record.key_class in CLINICAL and q.action in DISCLOSING:
        assert not decide(replace(q, agent=agent, purpose=default_purpose(agent.role or Role.INTAKE))).permitted
