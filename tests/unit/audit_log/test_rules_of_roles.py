"""Who may do what by role, authorship and relationship."""

from dataclasses import replace

import pytest

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.decision import may_search
from services.audit_log.decision.domain.rules.rule import RULES
from services.audit_log.decision.domain.rules.tables import (
    AUTHOR_ROWS,
    CLIENT_ROWS,
    RELATIONSHIP_ROWS,
    REPRESENTATIVE_ROWS,
    ROLE_ROWS,
)
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.disclosure import Action
from shared.contracts.records import ALLIANCE_RATING, RecordType, ServiceName
from shared.identity.roles import Role
from tests.unit.audit_log.asking import (
    ADMIN,
    CLIENT,
    CLIENT_SELF,
    DAY,
    EHR,
    GUARDIAN,
    INTAKE,
    LIND,
    NOVAK,
    NOW,
    OFFICER,
    OKAFOR,
    OTHER,
    OTHER_CLIENT,
    RIVERA,
    STRANGER,
    SUPERVISOR,
    THERAPIST,
    TRAINEE,
    TREATED,
    ask,
    consent,
    given,
    grant,
    person,
    provision,
    rating,
    record,
    relation,
    shown,
)

CLINICAL = ("session", "progress_note", "psychotherapy_note", "administration", "outcome")
EVERYTHING = tuple(t.value for t in RecordType)
ACTIONS = ("create", "read", "search", "update", "sign", "cosign", "answer", "revoke", "compute", "export")


def test_every_rule_in_a_row_has_its_source() -> None:
    rows = [*AUTHOR_ROWS, *CLIENT_ROWS, *RELATIONSHIP_ROWS, *REPRESENTATIVE_ROWS, *(r for rs in ROLE_ROWS.values() for r in rs)]
    assert {row.rule for row in rows} <= set(RULES)
    assert all(rule.citation and rule.text for rule in RULES.values())


@pytest.mark.parametrize("kind", EVERYTHING)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_stranger_gets_nothing_and_learns_nothing(action: str, kind: str) -> None:
    verdict = ask(STRANGER, action, record(kind, RIVERA if action != "create" else OKAFOR), facts=TREATED)
    # of a client who is not there yet nothing is to be learned
    assert shown(verdict) == ("403" if (action, kind) == ("create", "client") else "404")


@pytest.mark.parametrize("kind", EVERYTHING)
@pytest.mark.parametrize("role", [r for r in Role if r is not Role.CLIENT])
def test_by_role_nobody_learns_by_searching_what_their_role_may_not_search(role: Role, kind: str) -> None:
    """Whatever else the role may do to such records: a search tells of them, or looks as if there were none."""
    verdict = ask(person("somebody", role), "search", record(kind, RIVERA), facts=TREATED)
    searched = any(Action.SEARCH in row.actions and kind in row.types for row in ROLE_ROWS.get(role, ()))
    assert (verdict.permitted, verdict.may_know) == (searched, searched)


@pytest.mark.parametrize("agent", [SUPERVISOR, ADMIN])
def test_who_starts_and_ends_relationships_reads_the_one_they_name(agent: Agent) -> None:
    about = record("relationship", RIVERA)
    assert [shown(ask(agent, a, about)) for a in ("read", "update", "search", "sign")] == ["permit", "permit", "404", "404"]


@pytest.mark.parametrize("agent", [OTHER_CLIENT, SUPERVISOR, ADMIN, OFFICER])
def test_only_intake_takes_clients_in(agent: Agent) -> None:
    assert shown(ask(agent, "create", record("client", agent.id), facts=())) == "403"


@pytest.mark.parametrize(
    ("action", "kind", "expected"),
    [
        ("create", "client", "permit"),
        ("read", "client", "permit"),
        ("update", "client", "permit"),
        ("create", "consent", "permit"),
        ("sign", "consent", "permit"),
        ("revoke", "consent", "permit"),
        ("read", "relationship", "permit"),
        ("update", "relationship", "permit"),
        ("export", "client", "403"),
        *(("read", kind, "404") for kind in CLINICAL),
        *(("create", kind, "403") for kind in ("session", "progress_note", "administration", "outcome", "release_choice")),
    ],
)
def test_intake(action: str, kind: str, expected: str) -> None:
    assert shown(ask(INTAKE, action, record(kind, INTAKE.id if action == "create" else RIVERA), facts=())) == expected


@pytest.mark.parametrize("agent", [INTAKE, SUPERVISOR, ADMIN])
def test_nobody_gives_themselves_a_relationship(agent: Agent) -> None:
    own = ask(agent, "create", record("relationship", agent.id), facts=())
    assert (shown(own), own.reason) == ("403", "for-oneself")
    assert ask(agent, "create", record("relationship", None), facts=()).reason == "for-oneself"
    assert shown(ask(agent, "create", record("relationship", RIVERA), facts=())) == "permit"
    assert shown(ask(agent, "update", record("relationship", RIVERA), facts=())) == "permit"


def test_a_therapist_may_not_make_relationships_and_may_end_their_own() -> None:
    assert shown(ask(THERAPIST, "create", record("relationship", OKAFOR))) == "403"
    assert shown(ask(THERAPIST, "update", record("relationship", RIVERA), facts=())) == "permit"
    assert shown(ask(THERAPIST, "update", record("relationship", OKAFOR))) == "403"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("client", "permit"),
        ("consent", "permit"),
        ("relationship", "permit"),
        *((k, "404") for k in (*CLINICAL, "release_choice")),
    ],
)
def test_compliance_reads_names_and_evidence_only(kind: str, expected: str) -> None:
    assert shown(ask(OFFICER, "read", record(kind), facts=TREATED)) == expected


@pytest.mark.parametrize("agent", [THERAPIST, TRAINEE, SUPERVISOR])
@pytest.mark.parametrize("kind", ["consent", *CLINICAL])
def test_duty_to_document_a_current_relationship_writes_without_consent(agent: Agent, kind: str) -> None:
    role = {RIVERA: "therapist", NOVAK: "trainee", LIND: "supervisor"}[agent.id]
    denying = consent("treatment", "deny", provision("deny"))
    made = record(kind, agent.id if kind != "administration" else CLIENT)
    assert shown(ask(agent, "create", made, facts=(relation(agent.id, role), denying))) == "permit"
    ended = relation(agent.id, role, end=NOW)
    assert shown(ask(agent, "create", made, facts=(ended,))) == "404"
    to_come = relation(agent.id, role, start=NOW + DAY)
    assert shown(ask(agent, "create", made, facts=(to_come,))) == "404"


@pytest.mark.parametrize("kind", ["session", "progress_note", "psychotherapy_note", "outcome", "consent"])
def test_nobody_writes_in_anothers_name(kind: str) -> None:
    verdict = ask(THERAPIST, "create", record(kind, OKAFOR))
    assert (shown(verdict), verdict.reason) == ("403", "author-is-another")


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("session", "read"),
        ("session", "update"),
        ("progress_note", "read"),
        ("progress_note", "search"),
        ("progress_note", "update"),
        ("progress_note", "sign"),
        ("psychotherapy_note", "read"),
        ("psychotherapy_note", "update"),
        ("psychotherapy_note", "sign"),
        ("outcome", "update"),
        ("administration", "read"),
        ("administration", "answer"),
    ],
)
def test_the_authors_own_record_stays_open_after_revocation_and_end(kind: str, action: str) -> None:
    gone = (relation(RIVERA, "therapist", end=NOW - DAY), consent(status="revoked"))
    verdict = ask(THERAPIST, action, record(kind), facts=gone)
    assert (shown(verdict), verdict.reason) == ("permit", "author")


@pytest.mark.parametrize(("kind", "action"), [("session", "update"), ("progress_note", "update"), ("progress_note", "sign")])
def test_only_the_author_changes_and_signs(kind: str, action: str) -> None:
    facts = (*TREATED, relation(OKAFOR, "therapist"))
    assert shown(ask(STRANGER, action, record(kind), facts=facts)) == "403"


def test_drawing_up_a_consent_is_not_signing_it() -> None:
    mine = record("consent", RIVERA)
    assert shown(ask(THERAPIST, "update", mine)) == "permit"
    assert shown(ask(THERAPIST, "sign", mine)) == "403"
    assert shown(ask(THERAPIST, "revoke", mine)) == "403"


def test_cosigning_needs_a_current_supervisor_relationship() -> None:
    note = record("progress_note", NOVAK)
    assert shown(ask(SUPERVISOR, "cosign", note, facts=(relation(LIND, "supervisor"),))) == "permit"
    assert shown(ask(SUPERVISOR, "cosign", note, facts=(relation(LIND, "therapist"),))) == "403"
    assert shown(ask(SUPERVISOR, "cosign", note, facts=(relation(LIND, "supervisor", end=NOW),))) == "404"
    assert shown(ask(SUPERVISOR, "cosign", record("progress_note", LIND), facts=(relation(LIND, "supervisor"),))) == "403"


@pytest.mark.parametrize(
    ("action", "kind", "expected"),
    [
        *((a, k, "permit") for a in ("read", "search", "export") for k in ("client", "session", "progress_note", "consent")),
        ("read", "administration", "permit"),
        ("read", "outcome", "permit"),
        ("sign", "consent", "permit"),
        ("revoke", "consent", "permit"),
        ("create", "release_choice", "permit"),
        ("update", "release_choice", "permit"),
        ("read", "psychotherapy_note", "404"),
        ("create", "progress_note", "403"),
        ("update", "progress_note", "403"),
        ("create", "relationship", "403"),
        ("create", "consent", "403"),
        ("create", "psychotherapy_note", "404"),
    ],
)
def test_a_client_and_their_own_record(action: str, kind: str, expected: str) -> None:
    denying = consent("treatment", "deny", provision("deny"))
    assert shown(ask(CLIENT_SELF, action, record(kind), facts=(denying,))) == expected
    assert shown(ask(OTHER_CLIENT, action, record(kind), facts=())) == "404"


def test_a_client_answers_their_own_administration_whoever_made_it() -> None:
    assert shown(ask(CLIENT_SELF, "answer", rating(), facts=())) == "permit"
    assert shown(ask(CLIENT_SELF, "answer", rating("u-client"), facts=())) == "permit"
    assert shown(ask(CLIENT_SELF, "answer", record("administration", RIVERA), facts=())) == "403"
    assert shown(ask(OTHER_CLIENT, "answer", rating(), facts=())) == "404"
    assert shown(ask(THERAPIST, "answer", rating())) == "403"


def test_a_sub_that_equals_a_clients_id_makes_no_author_of_their_rating() -> None:
    assert shown(ask(person(CLIENT, Role.THERAPIST), "answer", rating(), facts=())) == "404"


@pytest.mark.parametrize(
    ("action", "kind", "expected"),
    [
        ("read", "client", "permit"),
        ("read", "consent", "permit"),
        ("sign", "consent", "permit"),
        ("revoke", "consent", "permit"),
        ("read", "progress_note", "404"),
        ("read", "administration", "404"),
        ("answer", "administration", "404"),
        ("create", "release_choice", "404"),
        ("update", "client", "403"),
    ],
)
def test_a_representative(action: str, kind: str, expected: str) -> None:
    assert shown(ask(GUARDIAN, action, record(kind), facts=TREATED)) == expected


def job(name: str) -> Agent:
    return Agent(AgentKind.JOB, name)


@pytest.mark.parametrize(
    ("name", "action", "kind", "expected"),
    [
        ("strain_detection", "compute", "administration", "permit"),
        ("strain_detection", "create", "repair_prompt", "permit"),
        ("strain_detection", "read", "administration", "404"),
        ("strain_detection", "compute", "progress_note", "404"),
        ("choreography", "create", "administration", "permit"),
        ("choreography", "compute", "administration", "404"),
        ("unheard_of", "compute", "administration", "404"),
    ],
)
def test_a_job_does_what_its_row_says(name: str, action: str, kind: str, expected: str) -> None:
    assert shown(ask(job(name), action, record(kind, None, ALLIANCE_RATING), facts=())) == expected


def test_a_link_answers_its_own_administration_and_nothing_else() -> None:
    digest, other = "a" * 64, "b" * 64
    link = Agent(AgentKind.LINK, "x", link_digest=digest)
    mine = rating(link_digest=digest)
    assert shown(ask(link, "answer", mine, facts=())) == "permit"
    assert shown(ask(link, "read", mine, facts=())) == "404"
    assert shown(ask(link, "answer", rating(link_digest=other), facts=())) == "404"
    assert shown(ask(link, "answer", rating(), facts=())) == "404"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (THERAPIST, "permit"),
        (STRANGER, "404"),
        (SUPERVISOR, "404"),
        (CLIENT_SELF, "permit"),
        (OTHER_CLIENT, "404"),
        (GUARDIAN, "permit"),
        (INTAKE, "permit"),
        (OFFICER, "permit"),
        (ADMIN, "404"),
        (EHR, "404"),
        (job("strain_detection"), "permit"),
        (Agent(AgentKind.LINK, "x", link_digest="a" * 64), "404"),
    ],
)
def test_searching_a_client(agent: Agent, expected: str) -> None:
    verdict = may_search(agent, CLIENT, purpose="TREAT", policy=given(*TREATED), grants=(), now=NOW)
    assert shown(verdict) == expected


def test_a_therapist_who_comes_as_a_client_searches_as_a_client() -> None:
    as_client = person(RIVERA, Role.CLIENT, OTHER)
    assert shown(may_search(as_client, CLIENT, purpose="PATRQT", policy=given(*TREATED), grants=(), now=NOW)) == "404"
    assert shown(ask(as_client, "read", record("progress_note", RIVERA))) == "404"


def test_searching_a_client_by_name_in_a_consent_or_under_a_grant() -> None:
    named = given(consent("treatment", "deny", provision("permit", actors=("ehr-1",))))
    assert may_search(EHR, CLIENT, purpose="TREAT", policy=named, grants=(), now=NOW).permitted
    assert not may_search(STRANGER, CLIENT, purpose="BTG", policy=named, grants=(), now=NOW).permitted
    assert may_search(STRANGER, CLIENT, purpose="BTG", policy=named, grants=(grant("BTG"),), now=NOW).permitted


def test_a_job_of_another_service_is_refused() -> None:
    foreign = replace(rating(), service=ServiceName.SESSION_NOTES)
    assert shown(ask(job("strain_detection"), "compute", foreign, facts=())) == "404"
