"""What consents open and close."""

from typing import Any

import pytest

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.decision import may_search
from shared.contracts.consent_policy import Period, Provision
from tests.unit.audit_log.asking import (
    ADMIN,
    CLIENT,
    CLIENT_SELF,
    DAY,
    EHR,
    INTAKE,
    LIND,
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
    given,
    provision,
    record,
    relation,
    shown,
)

NOTE = record("progress_note", OKAFOR)
P = provision
RELATED = relation(RIVERA, "therapist")


@pytest.mark.parametrize(
    ("kind", "opens"),
    [
        ("treatment", {"client", "session", "progress_note"}),
        ("measurement", {"administration", "outcome", "release_choice"}),
        ("psychotherapy_notes", {"psychotherapy_note"}),
        ("research", set()),
        ("part2_tpo", set()),
        ("disclosure", set()),
    ],
)
def test_no_consent_opens_another_kinds_classes(kind: str, opens: set[str]) -> None:
    every = ("client", "session", "progress_note", "psychotherapy_note", "administration", "outcome", "release_choice")
    named = consent(kind, "permit", P("permit", actors=(RIVERA,)))
    permitted = {t for t in every if ask(THERAPIST, "read", record(t, OKAFOR), facts=(RELATED, named)).permitted}
    assert permitted == opens


@pytest.mark.parametrize("kind", ["disclosure", "part2_tpo", "research"])
def test_a_disclosure_opens_what_its_description_names_and_never_psychotherapy_notes(kind: str) -> None:
    named = consent(kind, "permit", P("permit", roles=("therapist",)), covers=("measures", "psychotherapy_note"))
    facts = (RELATED, named)
    assert ask(THERAPIST, "read", record("outcome", OKAFOR), facts=facts).permitted
    assert not ask(THERAPIST, "read", record("psychotherapy_note", OKAFOR), facts=facts).permitted
    assert not ask(THERAPIST, "read", NOTE, facts=facts).permitted


@pytest.mark.parametrize("agent", [INTAKE, ADMIN, OFFICER])
@pytest.mark.parametrize("kind", ["session", "progress_note", "psychotherapy_note", "administration", "outcome"])
def test_no_consent_opens_clinical_classes_to_the_desk_administration_or_compliance(agent: Agent, kind: str) -> None:
    """Whoever draws up or witnesses an authorization could otherwise name themselves in it."""
    to_them = (P("permit", actors=(agent.id,)), P("permit", roles=("therapist",)))
    kinds = ("treatment", "measurement", "psychotherapy_notes", "disclosure", "part2_tpo")
    facts: tuple[Any, ...] = (
        relation(agent.id, "therapist"),
        *(consent(k, "permit", *to_them, covers=("progress_note", "measures"), n=n) for n, k in enumerate(kinds)),
    )
    for action in ("read", "search", "export"):
        assert not ask(agent, action, record(kind, OKAFOR), facts=facts).permitted
    if agent is INTAKE:
        assert ask(INTAKE, "read", record("client", None), facts=facts).permitted


@pytest.mark.parametrize("agent", [INTAKE, ADMIN, OFFICER])
def test_whoever_does_not_practise_cosigns_nothing(agent: Agent) -> None:
    facts = (relation(agent.id, "supervisor"), relation(OKAFOR, "trainee"), consent())
    for kind in ("progress_note", "psychotherapy_note"):
        assert not ask(agent, "cosign", record(kind, OKAFOR), facts=facts).permitted


def test_an_administrator_whom_a_consent_names_may_not_search_the_client() -> None:
    policy = given(consent("disclosure", "permit", P("permit", actors=(ADMIN.id,)), covers=("progress_note",)))
    assert not may_search(ADMIN, CLIENT, purpose="HOPERAT", policy=policy, grants=(), now=NOW).permitted


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((RELATED, consent()), "permit"),
        ((RELATED,), "403"),
        ((consent(),), "404"),
        ((RELATED, consent(status="revoked")), "403"),
        ((RELATED, consent(status="proposed")), "403"),
        ((RELATED, consent(status="superseded")), "403"),
        ((RELATED, consent(end=NOW)), "403"),
        ((RELATED, consent(start=NOW + DAY)), "403"),
        ((relation(RIVERA, "therapist", end=NOW), consent()), "404"),
        ((relation(RIVERA, "therapist", end=NOW + DAY), consent()), "permit"),
        ((relation(RIVERA, "care_team"), consent()), "permit"),
    ],
)
def test_reading_needs_a_current_relationship_and_an_active_consent(facts: Any, expected: str) -> None:
    assert shown(ask(THERAPIST, "read", NOTE, facts=facts)) == expected
    assert shown(ask(THERAPIST, "search", NOTE, facts=facts)) == expected


def test_evidence_is_open_to_whoever_treats_without_consent() -> None:
    assert shown(ask(THERAPIST, "read", record("consent", OKAFOR), facts=(RELATED,))) == "permit"
    assert shown(ask(THERAPIST, "export", record("consent", OKAFOR), facts=(RELATED,))) == "403"


_PAST = Period(start=NOW - 9 * DAY, end=NOW - 3 * DAY)
_THEN = Period(start=NOW - 3 * DAY, end=NOW)


@pytest.mark.parametrize(
    ("base", "provisions", "expected"),
    [
        ("deny", [], "403"),
        ("deny", [P("permit", actors=(RIVERA,))], "permit"),
        ("deny", [P("permit", actors=(OKAFOR,))], "403"),
        ("deny", [P("permit", roles=("therapist",))], "permit"),
        ("deny", [P("permit", roles=("supervisor",))], "403"),
        ("deny", [P("permit", purposes=("TREAT",))], "permit"),
        ("deny", [P("permit", purposes=("TRAIN",))], "403"),
        ("deny", [P("permit", actions=("read",))], "permit"),
        ("deny", [P("permit", actions=("export",))], "403"),
        ("deny", [P("permit", resource_types=("progress_note",))], "permit"),
        ("deny", [P("permit", resource_types=("DocumentReference",))], "permit"),
        ("deny", [P("permit", resource_types=("session",))], "403"),
        ("deny", [P("permit", labels=("SUD",))], "403"),
        ("deny", [P("permit", period=_THEN)], "403"),
        ("deny", [P("permit", data_period=_THEN)], "permit"),
        ("deny", [P("permit", data_period=_PAST)], "403"),
        ("permit", [P("deny", actors=(RIVERA,))], "403"),
        ("permit", [P("deny", actors=(OKAFOR,))], "permit"),
        ("permit", [P("deny", roles=("therapist",))], "403"),
        ("permit", [P("deny", resource_types=("identity",))], "permit"),
        # siblings: deny overrides
        ("deny", [P("permit", actors=(RIVERA,)), P("deny", roles=("therapist",))], "403"),
        # an exception to its parent: the deepest match wins
        ("permit", [P("deny", P("permit", actors=(RIVERA,)), roles=("therapist",))], "permit"),
        ("permit", [P("deny", P("permit", P("deny", purposes=("TREAT",)), actors=(RIVERA,)))], "403"),
        ("deny", [P("permit", P("deny", actors=(OKAFOR,)), roles=("therapist",))], "permit"),
        ("permit", [P("deny", P("permit", actors=(RIVERA,)), P("deny", purposes=("TREAT",)))], "403"),
    ],
)
def test_provisions(base: Any, provisions: list[Provision], expected: str) -> None:
    assert shown(ask(THERAPIST, "read", NOTE, facts=(RELATED, consent("treatment", base, *provisions)))) == expected


def test_a_silent_base_is_a_default_and_a_provision_that_denies_overrides() -> None:
    opening = consent(n=1)
    assert ask(THERAPIST, "read", NOTE, facts=(RELATED, opening, consent("treatment", "silent", n=2))).permitted
    verdict = ask(THERAPIST, "read", NOTE, facts=(RELATED, opening, consent("treatment", "permit", P("deny"), n=2)))
    assert (verdict.permitted, verdict.reason) == (False, "consent-denies")
    assert verdict.basis == ("rule:consent.deny-overrides", "consent:00000000-0000-0000-0000-000000000002")


def test_revoking_one_party_keeps_the_others() -> None:
    facts = (RELATED, relation(LIND, "supervisor"), consent("treatment", "permit", P("deny", actors=(LIND,))))
    assert shown(ask(THERAPIST, "read", NOTE, facts=facts)) == "permit"
    assert shown(ask(SUPERVISOR, "read", NOTE, facts=facts)) == "403"


@pytest.mark.parametrize(
    ("agent", "rule", "expected"),
    [
        (STRANGER, P("permit", actors=(OKAFOR,)), "permit"),
        (STRANGER, P("permit"), "404"),
        (STRANGER, P("permit", roles=("therapist",)), "404"),
        (STRANGER, P("permit", purposes=("TREAT",)), "404"),
        (EHR, P("permit", roles=("ehr_system",)), "permit"),
        (EHR, P("permit", actors=("ehr-1",)), "permit"),
        (EHR, P("permit"), "404"),
        (STRANGER, P("permit", roles=("ehr_system",)), "404"),
        (STRANGER, P("permit", P("permit", purposes=("TREAT",)), actors=(OKAFOR,)), "permit"),
        (STRANGER, P("deny", P("permit", purposes=("TREAT",))), "404"),
    ],
)
def test_without_a_relationship_only_ones_name_opens(agent: Agent, rule: Provision, expected: str) -> None:
    for base in ("permit", "deny"):
        facts = (consent("treatment", base, rule),)
        assert shown(ask(agent, "read", record("progress_note"), facts=facts)) == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((), "403"),
        ((P("permit"),), "403"),
        ((P("permit", purposes=("TREAT",)),), "403"),
        ((P("permit", actors=(OKAFOR,)),), "403"),
        ((P("permit", actors=(RIVERA,)),), "permit"),
        ((P("permit", roles=("therapist",)),), "permit"),
        ((P("permit", P("permit", purposes=("TREAT",)), actors=(RIVERA,)),), "permit"),
        ((P("deny", P("permit", actors=(RIVERA,))),), "permit"),
        ((P("permit", actors=(RIVERA,)), P("deny", purposes=("TREAT",))), "403"),
    ],
)
@pytest.mark.parametrize("kind", ["disclosure", "part2_tpo", "part2_counselling_notes"])
def test_an_authorization_opens_only_to_whom_it_names(kind: str, rules: tuple[Provision, ...], expected: str) -> None:
    """45 CFR 164.508(c)(1)(iii), 42 CFR 2.31(a)(4): it says to whom; a base of permit says nothing of that."""
    bases: tuple[Any, ...] = ("permit", "deny")
    for base in bases:
        facts = (RELATED, consent(kind, base, *rules, covers=("progress_note",)))
        assert shown(ask(THERAPIST, "read", NOTE, facts=facts)) == expected


def test_a_tokens_role_alone_never_satisfies_roles() -> None:
    by_role = consent("treatment", "deny", P("permit", roles=("supervisor",)))
    assert shown(ask(SUPERVISOR, "read", NOTE, facts=(relation(LIND, "care_team"), by_role))) == "403"
    assert shown(ask(SUPERVISOR, "read", NOTE, facts=(relation(LIND, "supervisor"), by_role))) == "permit"


def test_provisions_do_not_limit_clients() -> None:
    denying = consent("treatment", "deny", P("deny", purposes=("PATRQT",)))
    assert ask(CLIENT_SELF, "read", NOTE, facts=(denying,)).permitted


def test_a_deny_of_reading_denies_export_and_a_permit_of_reading_permits_none() -> None:
    deny = consent("treatment", "permit", P("deny", actions=("read",)))
    assert not ask(THERAPIST, "export", NOTE, facts=(RELATED, deny)).permitted
    only = consent("treatment", "deny", P("permit", actions=("read",)))
    assert not ask(THERAPIST, "export", NOTE, facts=(RELATED, only)).permitted


def test_part_2_carries_its_notice_and_never_serves_proceedings() -> None:
    tpo = consent("part2_tpo", "permit", P("permit", actors=("ehr-1",)), covers=("progress_note",))
    verdict = ask(EHR, "read", NOTE, facts=(tpo,))
    assert verdict.permitted
    notice, scope = verdict.obligations
    assert (notice.code, notice.args) == ("notice", ("42-cfr-2.32",))
    assert (scope.code, scope.args[0]) == ("consent-scope", str(tpo.consent_id)) and "- Permits: to ehr-1." in scope.args[1]
    assert "rule:law.42cfr2.32" in verdict.basis
    assert not ask(EHR, "read", NOTE, facts=(tpo,), purpose="HLEGAL").permitted
    assert not ask(EHR, "read", NOTE, facts=(tpo,), purpose="HRESCH").permitted


@pytest.mark.parametrize(("purpose", "expected"), [("HPAYMT", "404"), ("HOPERAT", "404"), ("TREAT", "permit")])
def test_what_was_paid_by_oneself_does_not_go_to_the_plan(purpose: str, expected: str) -> None:
    facts = (consent("treatment", "permit", P("permit", roles=("ehr_system",))),)
    assert shown(ask(EHR, "read", record("progress_note", RIVERA, "HIPAASelfPay"), facts=facts, purpose=purpose)) == expected
    assert shown(ask(EHR, "read", record("progress_note"), facts=facts, purpose=purpose)) == "permit"


def test_after_revocation_the_care_team_knows_and_may_not() -> None:
    assert shown(ask(THERAPIST, "read", NOTE, facts=TREATED)) == "permit"
    assert shown(ask(THERAPIST, "read", NOTE, facts=(RELATED, consent(status="revoked")))) == "403"


def test_the_basis_names_consent_and_relationship() -> None:
    verdict = ask(THERAPIST, "read", NOTE, facts=(RELATED, consent()))
    assert verdict.basis == ("consent:00000000-0000-0000-0000-000000000001", f"relationship:{RELATED.relationship_id}")
