"""What a verdict rests on, and edges of the engine: found by the mutation test (tests/long/test_mutations.py), one by one."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.decision import may_look_up, may_search
from services.audit_log.decision.domain.policy import NO_POLICY, TenantPolicy
from services.audit_log.decision.domain.question import Verdict
from services.audit_log.decision.domain.release import ReleaseChoice
from services.audit_log.decision.domain.rules.asked import Asked
from services.audit_log.decision.domain.rules.dialects import Says
from services.audit_log.decision.domain.rules.index import ConsentIndex
from services.audit_log.decision.domain.rules.scope import scope_of
from services.audit_log.decision.domain.rules.walk import walk
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.consent_policy import ConsentSet, Policy, Provision
from shared.contracts.disclosure import Decision, ReleaseAudience
from shared.contracts.records import KeyClass, RecordType
from shared.identity.roles import Role
from tests.unit.audit_log.asking import (
    CLIENT,
    DAY,
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
    TREATED,
    ask,
    consent,
    grant,
    person,
    provision,
    rating,
    record,
    relation,
    shown,
)

NOTE = record("progress_note", OKAFOR)
LINK = Agent(AgentKind.LINK, "link-1")


@pytest.mark.parametrize(
    ("agent", "purpose", "permitted"),
    [
        (THERAPIST, "TREAT", True),
        (INTAKE, "HOPERAT", True),
        (OFFICER, "HOPERAT", True),
        (GUARDIAN, "FAMRQT", False),
        (person("a-root", Role.ADMINISTRATOR), "HOPERAT", False),
        (LINK, "PATRQT", False),
        (Agent(AgentKind.JOB, "job-1", Role.THERAPIST), "TREAT", False),
        (THERAPIST, "BTG", False),
    ],
)
def test_who_may_look_for_clients(agent: Agent, purpose: str, permitted: bool) -> None:
    verdict = may_look_up(agent, purpose)
    assert (verdict.permitted, verdict.reason, verdict.may_know) == (permitted, "role", True)


def searching(agent: Agent, *facts: Any, purpose: str = "TREAT") -> Verdict:
    policy = NO_POLICY
    if facts:
        tenant = TenantPolicy()
        for number, fact in enumerate(facts, 1):
            tenant.add(number, fact)
        policy = tenant.client(CLIENT)
    return may_search(agent, CLIENT, purpose=purpose, policy=policy, grants=(), now=NOW)


def test_a_job_that_nobody_registered_searches_nothing() -> None:
    verdict = searching(Agent(AgentKind.JOB, "job-unheard-of"), *TREATED)
    assert (verdict.permitted, verdict.may_know) == (False, False)


def test_without_a_grant_a_search_in_an_emergency_tells_nothing() -> None:
    verdict = searching(THERAPIST, *TREATED, purpose="BTG")
    assert (verdict.permitted, verdict.reason, verdict.may_know) == (False, "no-grant", False)


@pytest.mark.parametrize("role", [Role.CLIENT, Role.REPRESENTATIVE])
def test_another_clients_person_searches_nothing_whatever_they_hold(role: Role) -> None:
    verdict = searching(person(RIVERA, role, "c1c1c1c1-0000-4000-8000-000000000002"), *TREATED)
    assert (verdict.permitted, verdict.reason, verdict.may_know) == (False, "another-client", False)


def test_a_representative_of_somebody_else_learns_nothing() -> None:
    verdict = ask(person("u-aunt", Role.REPRESENTATIVE, "c1c1c1c1-0000-4000-8000-000000000002"), "read", NOTE)
    assert (shown(verdict), verdict.reason) == ("404", "no-rule")


def test_what_is_told_twice_counts_once() -> None:
    tenant = TenantPolicy()
    assert tenant.add(1, relation(RIVERA, "therapist"))
    assert not tenant.add(1, relation(OKAFOR, "therapist"))
    assert tenant.client(CLIENT).relationships_of(OKAFOR, NOW) == () and tenant.watermark == 1


@pytest.mark.parametrize(("purpose", "reason", "rule"), [
    ("THREAT", "threat", "rule:law.164.512-j-1-i"),
    ("BTG", "break-glass", "rule:glass.grant"),
])  # fmt: skip
def test_each_grant_opens_on_its_own_ground(purpose: str, reason: str, rule: str) -> None:
    scope = (NOTE.record_id,) if purpose == "THREAT" else ("progress_note",)
    verdict = ask(
        STRANGER, "read", replace(NOTE, author=RIVERA), purpose=purpose, grants=[grant(purpose, *scope, approved_by="s-lind")]
    )
    assert (verdict.permitted, verdict.reason) == (True, reason)
    assert verdict.basis[:2] == (rule, "grant:g1")


def test_answering_shows_no_rating_so_no_release_is_asked_for() -> None:
    """Whoever may answer may do so whatever the client chose to show."""
    verdict = ask(GUARDIAN, "answer", rating(), release=ReleaseChoice(therapist=ReleaseAudience.WITHHELD))
    assert verdict.reason != "released-no"


def test_a_supervisors_reading_rests_on_both_relationships() -> None:
    training = (relation(LIND, "supervisor"), relation(NOVAK, "trainee"))
    verdict = ask(SUPERVISOR, "read", record("psychotherapy_note", NOVAK), facts=(*TREATED, *training), purpose="TRAIN")
    assert verdict.permitted
    assert {f"relationship:{r.relationship_id}" for r in training} <= set(verdict.basis)


def test_an_authorization_rests_on_itself_and_on_the_relationship() -> None:
    names = provision("permit", actors=(OKAFOR,))
    authorized, other = consent("psychotherapy_notes", "deny", names, n=7), relation(OKAFOR, "therapist")
    verdict = ask(STRANGER, "read", record("psychotherapy_note", RIVERA), facts=(*TREATED, other, authorized))
    assert verdict.permitted
    assert {f"consent:{authorized.consent_id}", f"relationship:{other.relationship_id}"} <= set(verdict.basis)


def test_a_relationship_gives_a_practitioners_tokens_alone_the_right_to_write() -> None:
    facts = (*TREATED, relation(INTAKE.id, "therapist"))
    verdict = ask(INTAKE, "create", record("psychotherapy_note", INTAKE.id), facts=facts)
    assert not verdict.permitted


def noticed_and_redacted() -> Verdict:
    held_back = provision("deny", labels=("HIV", "REDACT"))
    about = consent("part2_tpo", "deny", provision("permit", actors=(RIVERA,)), held_back, covers=("progress_note",), n=9)
    return ask(THERAPIST, "read", replace(NOTE, labels=frozenset({"SUD", "HIV"})), facts=(relation(RIVERA, "therapist"), about))


def test_a_notice_and_what_is_held_back_go_together() -> None:
    verdict = noticed_and_redacted()
    assert verdict.permitted, verdict
    assert {o.code for o in verdict.obligations} == {"notice", "consent-scope", "redact"}
    assert "rule:consent.redact" in verdict.basis and len([r for r in verdict.basis if r.startswith("rule:law")]) >= 1


@pytest.mark.parametrize("name", ["session", "encounter"])
def test_a_provision_names_a_record_type_by_either_name(name: str) -> None:
    closed = consent("treatment", "permit", provision("deny", resource_types=(name,)), n=4)
    assert (
        ask(THERAPIST, "read", record("session", OKAFOR), facts=(relation(RIVERA, "therapist"), closed)).reason
        == "consent-denies"
    )


@pytest.mark.parametrize("name", ["questionnaireresponse", "Observation"])
def test_a_measure_is_called_by_two_names(name: str) -> None:
    closed = consent("measurement", "permit", provision("deny", resource_types=(name,)), n=4)
    about = record("administration", OKAFOR)
    assert ask(THERAPIST, "read", about, facts=(relation(RIVERA, "therapist"), closed)).reason == "consent-denies"


def asked(**changes: Any) -> Asked:
    values: dict[str, Any] = {
        "sub": RIVERA, "roles": frozenset({"therapist"}), "related": True, "purpose": "TREAT", "action": "read",
        "resource": frozenset({"progress_note"}), "labels": frozenset(), "dated": NOW - DAY, "now": NOW,
    }  # fmt: skip
    return Asked(**(values | changes))


def test_an_exception_opens_nothing_in_an_authorization_that_names_nobody() -> None:
    """A relationship is enough elsewhere; an authorization says to whom, also where its provision has exceptions."""
    branch = provision("permit", provision("deny", actors=(OKAFOR,)), purposes=("TREAT",))
    first = provision("permit", actors=("somebody-else",))
    for kind, says in (("disclosure", Says.NOTHING), ("treatment", Says.PERMIT)):
        index = ConsentIndex([consent(kind, "deny", first, branch, covers=("progress_note",))])
        assert index.consult(asked(), KeyClass.PROGRESS_NOTE).says is says


def test_a_pcf_denial_that_names_a_class_denies_every_class() -> None:
    """PCF's base profile knows no class in a provision: a denial that leans on one is read as the wider one."""
    made = consent("treatment", "permit", provision("deny", resource_types=("session",)))
    pcf = made.model_copy(update={"policy": made.policy.model_copy(update={"dialect": "pcf"})})
    assert ConsentIndex([pcf]).consult(asked(), KeyClass.PROGRESS_NOTE).says is Says.DENY
    assert ConsentIndex([made]).consult(asked(), KeyClass.PROGRESS_NOTE).says is Says.PERMIT


@pytest.mark.parametrize(("related", "of_base", "of_provision"), [
    (True, "its base permits those who have a current relationship to the client", ""),
    (False, "its base permits those who have a current relationship to the client, and there is none",
     "it names nobody, and there is no current relationship"),
])  # fmt: skip
def test_the_walk_says_that_there_is_no_relationship(related: bool, of_base: str, of_provision: str) -> None:
    policy = NO_POLICY.__class__(
        consents=(consent("treatment", "permit", n=1), consent("treatment", "deny", provision("permit"), n=2))
    )
    _, (base, permitting) = walk(policy, asked(related=related), KeyClass.PROGRESS_NOTE)
    assert (base.why, permitting.provisions[0].note) == (of_base, of_provision)


def most_recent(number: int, *provisions: Provision) -> ConsentSet:
    made = consent("treatment", "permit", *provisions, n=number, start=NOW - 3 * DAY)
    return made.model_copy(update={"policy": Policy(base="permit", provisions=provisions, combining="most-recent")})


def test_what_gave_way_holds_nothing_back() -> None:
    older, newer = most_recent(1, provision("deny", labels=("HIV", "REDACT"))), most_recent(2)
    given_at = {older.consent_id: NOW - 2 * DAY, newer.consent_id: NOW - DAY}
    heard = ConsentIndex([older, newer], given_at).consult(asked(labels=frozenset({"HIV"})), KeyClass.PROGRESS_NOTE)
    assert (heard.says, heard.redact, heard.consents) == (Says.PERMIT, frozenset(), (newer,))


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_given_at_one_moment_always_the_same_counts(turned: bool) -> None:
    consents = [most_recent(1, provision("deny")), most_recent(2)]
    heard = ConsentIndex(consents[::-1] if turned else consents).consult(asked(), KeyClass.PROGRESS_NOTE)
    assert (heard.says, heard.consents[0].consent_id) == (Says.PERMIT, UUID(int=2))


def test_the_scope_in_words_says_each_condition() -> None:
    said = provision("permit", actors=("ehr-1",), roles=("therapist",), purposes=("COC",), actions=("read",),
                     resource_types=("session",), labels=("SUD",))  # fmt: skip
    words = scope_of(consent("part2_tpo", "deny", said, covers=("progress_note",)))
    assert words.startswith("A consent under 42 CFR Part 2 to uses and disclosures for treatment, payment")
    assert "Permits: to ehr-1, to the role therapist, for COC, to do read, of session, labelled SUD." in words
    assert scope_of(consent("part2_counselling_notes")).startswith(
        "A consent under 42 CFR Part 2 to disclosures of substance use"
    )


def test_what_is_held_back_from_reading_is_held_back_from_export() -> None:
    facts = (
        relation(RIVERA, "therapist"),
        consent("treatment", "permit", provision("deny", labels=("HIV", "REDACT"), actions=("read",))),
    )
    about = replace(NOTE, labels=frozenset({"HIV"}))
    for action in ("read", "export"):
        verdict = ask(THERAPIST, action, about, facts=facts)
        assert [o.code for o in verdict.obligations] == ["redact"], action
    assert verdict.decision is Decision.PERMIT and about.record_type is RecordType.PROGRESS_NOTE
