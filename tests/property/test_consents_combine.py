"""Dialects and combining: what holds for every policy, and the index against the walk that explains it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit_log.decision.domain.decision import decide
from services.audit_log.decision.domain.explaining import explain, in_words
from services.audit_log.decision.domain.organisation import OrganisationPolicy
from services.audit_log.decision.domain.policy import ClientPolicy, TenantPolicy, fold
from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.rules.consents import asked_of, consult, limits_of
from services.audit_log.decision.domain.rules.packs import EU, US_FEDERAL
from services.audit_log.decision.domain.rules.walk import walk
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, Period, Policy, Provision
from shared.contracts.disclosure import Action
from shared.identity.roles import default_purpose
from tests.unit.audit_log.asking import (
    CLIENT,
    DAY,
    EHR,
    LIND,
    NOVAK,
    NOW,
    OKAFOR,
    RIVERA,
    STRANGER,
    SUPERVISOR,
    THERAPIST,
    TRAINEE,
    record,
    relation,
)

TYPES = st.sampled_from(["permit", "deny"])
BASES = st.sampled_from(["permit", "deny", "silent"])
LABELS = ("BH", "SUD", "OPIOIDUD", "HIV", "R", "N", "42CFRPart2CN")


def some(*values: str, most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


PERIODS = st.one_of(
    st.none(),
    st.builds(
        lambda start, days: Period(start=NOW + start * DAY, end=NOW + (start + days) * DAY if days else None),
        st.integers(-4, 2),
        st.sampled_from([None, 1, 2, 6]),
    ),
)


def provisions(nested: st.SearchStrategy[Any], types: st.SearchStrategy[Any] = TYPES) -> st.SearchStrategy[Provision]:
    return st.builds(
        Provision,
        type=types,
        actors=some(RIVERA, OKAFOR, LIND, "ehr-1"),
        roles=some("therapist", "supervisor", "ehr_system"),
        purposes=some("TREAT", "TRAIN", "HLEGAL", "HRESCH"),
        actions=some("read", "search", "export"),
        resource_types=some("progress_note", "Observation", "DocumentReference"),
        labels=some(*LABELS, "REDACT"),
        period=PERIODS,
        data_period=PERIODS,
        provisions=nested,
    )


LEAVES = provisions(st.just(()))
TREES = provisions(st.lists(provisions(st.lists(LEAVES, max_size=2).map(tuple)), max_size=2).map(tuple))


def consents(combining: st.SearchStrategy[Any], dialects: st.SearchStrategy[Any]) -> st.SearchStrategy[ConsentSet]:
    return st.builds(
        lambda kind, base, dialect, combine, rules, start, days, at, withdrawn, part2, status: ConsentSet(
            consent_id=UUID(int=at * 16 + days),
            client_id=UUID(CLIENT),
            kind=ConsentKind(kind),
            status=ConsentStatus(status),
            policy=Policy(base=base, dialect=dialect, combining=combine, provisions=tuple(rules)),
            period=Period(start=NOW + start * DAY, end=NOW + (start + days) * DAY if days else None),
            covers=("progress_note", "measures"),
            revoked_recipients=withdrawn,
            part2=part2,
            at=NOW - timedelta(hours=at),
        ),
        st.sampled_from(
            ["treatment", "measurement", "psychotherapy_notes", "disclosure", "part2_tpo", "part2_counselling_notes"]
        ),
        BASES,
        dialects,
        combining,
        st.lists(TREES, max_size=3),
        st.integers(-6, 1),
        st.sampled_from([0, 5, 9]),
        st.integers(1, 500),
        some(RIVERA, "ehr-1", most=1),
        st.booleans(),
        st.sampled_from(["active", "active", "active", "revoked"]),
    )


DIALECTS = st.sampled_from(["r4", "pcf", "r5"])
ANY = consents(st.sampled_from(["deny-overrides", "most-recent"]), DIALECTS)
DENY_OVERRIDES = consents(st.just("deny-overrides"), DIALECTS)
RELATIONS = st.builds(
    relation, st.sampled_from([RIVERA, OKAFOR, LIND, NOVAK]), st.sampled_from(["therapist", "supervisor", "trainee"])
)
ORGANISATIONS = st.builds(OrganisationPolicy, st.just(3), st.lists(LEAVES, max_size=2).map(tuple))


def questions(of: st.SearchStrategy[ConsentSet]) -> st.SearchStrategy[Question]:
    return st.builds(
        lambda agent, action, kind, labels, created, relations, given_consents, purpose, law, organisation: Question(
            agent=agent,
            action=Action(action),
            purpose=purpose or default_purpose(agent.role),
            record=record(kind, NOVAK, *labels, created_at=NOW - created * DAY),
            now=NOW,
            service=record(kind).service,
            policy=fold([*relations, *given_consents]),
            law=law,
            organisation=organisation,
        ),
        st.sampled_from([THERAPIST, STRANGER, SUPERVISOR, TRAINEE, EHR]),
        st.sampled_from(["read", "search", "export"]),
        st.sampled_from(["client", "progress_note", "progress_note", "psychotherapy_note", "outcome"]),
        some(*LABELS),
        st.integers(0, 6),
        st.lists(RELATIONS, max_size=2),
        st.lists(of, max_size=5, unique_by=lambda c: c.consent_id),
        st.sampled_from([None, "TREAT", "TRAIN", "HLEGAL"]),
        st.sampled_from([US_FEDERAL, EU]),
        ORGANISATIONS,
    )


def with_consents(q: Question, *consents: ConsentSet) -> Question:
    return replace(q, policy=replace(q.policy, consents=consents))


def with_root(consent: ConsentSet, added: Provision) -> ConsentSet:
    rules = (*consent.policy.provisions, added)
    return consent.model_copy(update={"policy": consent.policy.model_copy(update={"provisions": rules})})


@settings(max_examples=700, deadline=None)
@given(questions(ANY))
def test_the_index_says_what_the_walk_explains(q: Question) -> None:
    heard, seen = walk(q.policy, asked_of(q), q.record.key_class, limits_of(q))
    asked = consult(q)
    assert (asked.says, {c.consent_id for c in asked.consents}) == (heard.says, {c.consent_id for c in heard.consents})
    assert asked.redact == heard.redact
    assert {s.consent.consent_id for s in seen if s.won} == {c.consent_id for c in heard.consents}


@settings(max_examples=200, deadline=None)
@given(questions(ANY))
def test_what_is_explained_is_what_was_decided(q: Question) -> None:
    explained = explain(q)
    assert explained.verdict == decide(q)
    (decided,) = [line for line in explained.lines if line.decided]
    assert decided.said == str(explained.verdict.decision)
    words = in_words(explained)
    assert words[0].startswith("Permitted" if explained.verdict.permitted else "Denied")
    assert all(line.strip() for line in words)


@settings(max_examples=250, deadline=None)
@given(questions(ANY), provisions(st.just(()), st.just("deny")), st.integers(0, 5))
def test_adding_a_root_deny_never_opens_anything(q: Question, denial: Provision, which: int) -> None:
    held = q.policy.consents
    if not held:
        return
    at = which % len(held)
    changed = tuple(with_root(c, denial) if n == at else c for n, c in enumerate(held))
    if decide(with_consents(q, *changed)).permitted:
        assert decide(q).permitted


def with_first(consent: ConsentSet, *rules: Provision) -> ConsentSet:
    """The consent with these provisions before its own."""
    changed = (*rules, *consent.policy.provisions)
    return consent.model_copy(update={"policy": consent.policy.model_copy(update={"provisions": changed})})


FRAMES = st.lists(LEAVES, min_size=1, max_size=3)
DENIALS = provisions(st.lists(LEAVES, max_size=1).map(tuple), st.just("deny"))


@settings(max_examples=500, deadline=None)
@given(questions(ANY), DENIALS, FRAMES, st.integers(0, 5))
def test_a_frame_around_a_denial_never_opens_anything(
    q: Question, denial: Provision, frames: list[Provision], which: int
) -> None:
    """The frames with the denial deep in them open nothing that they do not open with the denial beside them."""
    held = q.policy.consents
    if not held:
        return
    bare: Provision | None = None
    framed = denial
    for frame in frames:
        framed = frame.model_copy(update={"provisions": (framed,)})
        bare = frame.model_copy(update={"provisions": (bare,) if bare else ()})
    assert bare is not None
    at = which % len(held)
    around = tuple(with_first(c, framed) if n == at else c for n, c in enumerate(held))
    if decide(with_consents(q, *around)).permitted:
        beside = tuple(with_first(c, bare, denial) if n == at else c for n, c in enumerate(held))
        assert decide(with_consents(q, *beside)).permitted


@settings(max_examples=500, deadline=None)
@given(questions(ANY), DENIALS.map(lambda d: d.model_copy(update={"provisions": ()})), st.integers(0, 5), st.data())
def test_adding_a_denial_anywhere_never_opens_anything(q: Question, denial: Provision, which: int, data: Any) -> None:
    held = q.policy.consents
    if not held:
        return
    at = which % len(held)

    def somewhere(rules: tuple[Provision, ...]) -> tuple[Provision, ...]:
        place = data.draw(st.integers(0, len(rules)))
        if place == len(rules):
            return (*rules, denial)
        below = rules[place].model_copy(update={"provisions": somewhere(rules[place].provisions)})
        return (*rules[:place], below, *rules[place + 1 :])

    old = held[at]
    new = old.model_copy(update={"policy": old.policy.model_copy(update={"provisions": somewhere(old.policy.provisions)})})
    if decide(with_consents(q, *(new if n == at else c for n, c in enumerate(held)))).permitted:
        assert decide(q).permitted


@settings(max_examples=250, deadline=None)
@given(questions(DENY_OVERRIDES), provisions(st.just(()), st.just("permit")), st.integers(0, 5))
def test_adding_a_root_permit_never_closes_anything_under_deny_overrides(q: Question, permit: Provision, which: int) -> None:
    held = q.policy.consents
    # a consent to legal proceedings stands alone or not at all (42 CFR Part 2): adding to it ends it
    if not held or q.purpose == "HLEGAL" or not decide(q).permitted:
        return
    at = which % len(held)
    assert decide(with_consents(q, *(with_root(c, permit) if n == at else c for n, c in enumerate(held)))).permitted


@settings(max_examples=250, deadline=None)
@given(questions(ANY), st.randoms(use_true_random=False))
def test_the_order_of_consents_is_irrelevant(q: Question, random: Any) -> None:
    """Under most-recent too: what counts is when each was given, not where it stands."""
    shuffled = list(q.policy.consents)
    random.shuffle(shuffled)
    before, after = decide(q), decide(with_consents(q, *shuffled))
    assert (before.decision, before.reason, before.may_know, set(before.basis)) == (
        after.decision,
        after.reason,
        after.may_know,
        set(after.basis),
    )


@settings(max_examples=200, deadline=None)
@given(questions(DENY_OVERRIDES), DENY_OVERRIDES)
def test_revoke_then_grant_again_equals_a_fresh_grant(q: Question, granted: ConsentSet) -> None:
    granted = granted.model_copy(update={"consent_id": UUID(int=7), "status": ConsentStatus.ACTIVE})
    revoked = granted.model_copy(update={"status": ConsentStatus.REVOKED, "at": granted.at + timedelta(minutes=1)})
    again = granted.model_copy(update={"consent_id": UUID(int=8)})
    before: list[Any] = [*q.policy.relationships, *q.policy.consents]
    fresh = decide(replace(q, policy=fold([*before, again])))
    regranted = decide(replace(q, policy=fold([*before, granted, revoked, again])))
    assert fresh == regranted


@settings(max_examples=250, deadline=None)
@given(questions(ANY), st.lists(st.one_of(ANY, RELATIONS), max_size=6))
def test_the_decision_as_known_at_d_never_changes_with_later_events(q: Question, later: list[Any]) -> None:
    """Also where what comes later is dated back: relationships here began thirty days ago."""
    known: list[Any] = [*q.policy.relationships, *q.policy.consents]
    tenant = TenantPolicy()
    for sequence, change in enumerate([*known, *later], start=1):
        tenant.add(sequence, change)
    as_known: ClientPolicy = tenant.client_as_of(CLIENT, len(known))
    assert decide(replace(q, policy=as_known)) == decide(replace(q, policy=fold(known)))
