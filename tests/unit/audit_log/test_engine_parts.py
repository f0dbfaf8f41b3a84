"""The parts of the engine one by one: dialects, labels, combining, redaction, grounds, the organisation's layer, replay."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import pytest

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.circumstances import Circumstances, grants_of, release_of
from services.audit_log.decision.domain.decision import decide, may_search
from services.audit_log.decision.domain.explaining import explain, in_words
from services.audit_log.decision.domain.organisation import ADDS_NOTHING, OrganisationPolicy
from services.audit_log.decision.domain.policy import TenantPolicy, fold
from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.release import UNCHOSEN, ReleaseChoice
from services.audit_log.decision.domain.rules.dialects import Says, normal
from services.audit_log.decision.domain.rules.labels import SUBSTANCE_USE, reach, within
from services.audit_log.decision.domain.rules.packs import EU, US_FEDERAL
from services.audit_log.decision.domain.rules.rule import RULES
from services.audit_log.decision.domain.rules.scope import scope_of
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.consent_policy import ConsentSet, Period, Policy, Provision
from shared.contracts.disclosure import Action, ReleaseAudience
from tests.unit.audit_log.asking import (
    CLIENT,
    DAY,
    EHR,
    GUARDIAN,
    LIND,
    NOW,
    OKAFOR,
    RIVERA,
    STRANGER,
    THERAPIST,
    consent,
    given,
    grant,
    provision,
    record,
    relation,
    shown,
)
from tests.unit.audit_log.law.test_law_by_rule import stands_for

P = provision
NOTE = record("progress_note", OKAFOR)
RELATED = relation(RIVERA, "therapist")


def says(dialect: Any, base: Literal["permit", "deny", "silent"], *rules: Provision) -> list[Any]:
    def flat(nodes: Any) -> Any:
        return [(n.says, flat(n.children)) if n.children else n.says for n in nodes]

    return list(flat(normal(Policy(base=base, dialect=dialect, provisions=rules))))


Y, N, O, R, X = Says.PERMIT, Says.DENY, Says.NOTHING, Says.REDACT, Says.EXCEPT  # noqa: E741


@pytest.mark.parametrize(
    ("dialect", "base", "rules", "expected"),
    [
        ("r4", "permit", (P("deny", P("permit", P("deny"))),), [(N, [Y]), N]),
        ("r4", "permit", (P("permit", P("deny", P("permit"))),), [(Y, [(O, [Y])]), (N, [X])]),
        ("r4", "permit", (P("permit", P("deny", P("deny", P("permit")))),), [(Y, [(O, [(O, [Y])])]), (N, [(O, [X])]), (N, [X])]),
        ("r4", "permit", (P("permit", P("deny", labels=("SUD", "REDACT"))),), [Y, R]),
        ("r4", "deny", (), [N]),
        ("r4", "deny", (P("permit", purposes=("BTG",)),), [(N, [Y])]),
        ("r4", "silent", (P("deny"),), [N]),
        ("pcf", "silent", (P("permit"),), [Y]),
        ("r4", "deny", (P("permit", actions=("read",)),), [Y]),
        ("pcf", "deny", (P("permit", purposes=("TREAT",)),), [(N, [Y])]),
        ("pcf", "deny", (P("permit", actions=("read",)), P("permit", resource_types=("session",))), [(N, [O, O])]),
        ("pcf", "permit", (P("deny", actions=("read",)), P("deny", resource_types=("session",))), [N, N]),
        ("pcf", "permit", (P("deny", P("permit"), P("deny")),), [(N, [O]), N]),
        ("r5", "permit", (P("deny", P("permit", P("deny"))),), [(N, [Y]), N]),
        ("r5", "deny", (P("permit", P("deny")),), [(N, [Y]), N]),
        ("r5", "permit", (P("permit"),), [O]),
        ("r5", "permit", (P("permit", P("permit"), P("deny")),), [(O, [O]), N]),
        ("r5", "deny", (P("deny"),), [N, N]),
        ("r4", "permit", (P("deny", labels=("SUD", "REDACT")), P("deny", labels=("REDACT",))), [R, N]),
        ("r4", "permit", (P("permit", labels=("SUD", "REDACT")),), [O]),
    ],
)
def test_each_dialect_in_normal_form(dialect: Any, base: Any, rules: Any, expected: Any) -> None:
    assert says(dialect, base, *rules) == expected


def test_a_node_says_where_it_stands_and_why_it_is_read_so() -> None:
    (node,) = normal(Policy(base="permit", dialect="pcf", provisions=(P("deny", P("permit"), actions=("read",)),)))
    assert (node.pointer, node.children[0].pointer) == ("/provisions/0", "/provisions/0/provisions/0")
    assert node.actions == node.resources == frozenset()
    assert node.note == "pcf knows no action or class: the denial holds without it"
    assert node.children[0].note == "pcf knows no second level: a permission that leans on it gives nothing"
    contradicting = normal(Policy(base="permit", dialect="r5", provisions=(P("permit", P("permit")), P("deny", P("deny")))))
    assert "gives nothing" in contradicting[0].note and "that stands" in contradicting[2].note
    assert contradicting[0].children[0].note == "stands under a provision that gives nothing"
    assert normal(Policy(base="permit", provisions=(P("deny"),)))[0].note == ""


def test_actions_imply_others() -> None:
    permit, deny = normal(Policy(base="deny", provisions=(P("permit", actions=("read",)), P("deny", actions=("read",)))))
    assert permit.actions == {"read", "search"} and deny.actions == {"read", "search", "export"}
    (only,) = normal(Policy(base="deny", provisions=(P("permit", actions=("export",)),)))
    assert only.actions == {"export"}


def test_labels_have_a_tree_and_confidentiality_an_order() -> None:
    assert within("SUD") == {"SUD", "ETHUD", "OPIOIDUD"}
    assert within("BH") == {"BH", "MH", "PSY", "PSYTHPN", "SUD", "ETHUD", "OPIOIDUD", "COGN", "DVD", "EMOTDIS"}
    assert within("ETH") == {"ETH", "SUD", "ETHUD", "OPIOIDUD"} and within("HIV") == {"HIV"}
    assert {"42CFRPart2", "SUD", "ETHUD", "OPIOIDUD", "ETH"} == SUBSTANCE_USE
    assert reach(frozenset({"N"}), permits=True) == {"U", "L", "M", "N"}
    assert reach(frozenset({"R"}), permits=False) == {"R", "V"}
    assert (
        reach(frozenset({"MH", "V"}), permits=False) == {"MH", "PSY", "PSYTHPN", "V"}
        and reach(frozenset(), permits=True) == set()
    )


@pytest.mark.parametrize(
    ("named", "carried", "expected"),
    [("SUD", "OPIOIDUD", "403"), ("BH", "ETHUD", "403"), ("OPIOIDUD", "SUD", "permit"), ("R", "V", "403"), ("R", "N", "permit")],
)
def test_who_denies_a_label_denies_what_lies_under_it(named: str, carried: str, expected: str) -> None:
    facts = (RELATED, consent("treatment", "permit", P("deny", labels=(named,))))
    assert shown(asked(THERAPIST, record("progress_note", OKAFOR, carried), facts)) == expected


def asked(agent: Any, about: Any, facts: Any, *, action: str = "read", purpose: str = "TREAT", **other: Any) -> Any:
    return decide(Question(agent, Action(action), purpose, about, NOW, about.service, policy=fold(facts), **other))


Base = Literal["permit", "deny", "silent"]


def recent(n: int, hours: int, *rules: Provision, base: Base = "silent", **other: Any) -> ConsentSet:
    made = consent("treatment", base, *rules, n=n)
    policy = made.policy.model_copy(update={"combining": "most-recent"})
    return made.model_copy(update={"policy": policy, "at": NOW - timedelta(hours=hours)} | other)


def test_most_recent_gives_way_to_the_newest_that_says_something() -> None:
    deny, permit, silent = recent(1, 9, P("deny")), recent(2, 5, P("permit")), recent(3, 1)
    for facts, expected in (
        ((deny, permit), "permit"),
        ((deny, permit, silent), "permit"),
        ((deny, recent(4, 10, P("permit"))), "403"),
        ((permit, consent("treatment", "permit", P("deny"), n=5).model_copy(update={"at": NOW})), "403"),
        ((deny, consent(n=5)), "403"),
        ((deny, permit, recent(6, 2, P("deny", purposes=("TRAIN",)))), "permit"),
        ((deny, recent(7, 4, base="permit")), "permit"),
        ((recent(8, 3, P("permit"), status="revoked"), deny), "403"),
    ):
        assert shown(asked(THERAPIST, NOTE, (RELATED, *facts))) == expected


def test_a_later_change_of_an_old_consent_does_not_make_it_the_newest() -> None:
    old, new = recent(1, 9, P("permit")), recent(2, 5, P("deny"))
    withdrawn = old.model_copy(update={"revoked_recipients": ("ehr-1",), "at": NOW})
    assert shown(asked(THERAPIST, NOTE, (RELATED, old, new))) == "403"
    assert shown(asked(THERAPIST, NOTE, (RELATED, old, new, withdrawn))) == "403"


def test_what_is_held_back_is_taken_out_where_the_service_does_so_else_it_stays_closed() -> None:
    held_back = consent("treatment", "permit", P("deny", labels=("SUD", "REDACT")))
    about = record("progress_note", OKAFOR, "OPIOIDUD")
    verdict = asked(THERAPIST, about, (RELATED, held_back))
    (obligation,) = verdict.obligations
    assert verdict.permitted and (obligation.code, obligation.args) == ("redact", ("ETHUD", "OPIOIDUD", "SUD"))
    assert (obligation.record_id, verdict.basis[-1]) == (about.record_id, "rule:consent.redact")
    assert asked(THERAPIST, NOTE, (RELATED, held_back)).obligations == ()
    measures = consent("measurement", "permit", P("deny", labels=("SUD", "REDACT")))
    refused = asked(THERAPIST, record("outcome", OKAFOR, "SUD"), (RELATED, measures))
    assert (shown(refused), refused.reason) == ("403", "consent-redacts")
    by_another = consent("treatment", "permit", P("deny", P("permit", actors=(RIVERA,)), labels=("SUD", "REDACT")))
    assert asked(THERAPIST, about, (RELATED, by_another)).obligations == ()


def test_an_authorization_that_holds_something_back_opens_no_psychotherapy_note() -> None:
    own = consent("psychotherapy_notes", "permit", P("permit", roles=("therapist",)), P("deny", labels=("SUD", "REDACT")))
    note = record("psychotherapy_note", OKAFOR, "SUD")
    assert shown(asked(THERAPIST, note, (RELATED, own))) == "404"
    assert shown(asked(THERAPIST, record("psychotherapy_note", OKAFOR), (RELATED, own))) == "permit"


HOUSE = OrganisationPolicy(
    4, (P("permit", roles=("therapist",)), P("deny", purposes=("TRAIN",)), P("deny", labels=("HIV", "REDACT")))
)


@pytest.mark.parametrize(
    ("facts", "about", "purpose", "expected"),
    [
        ((RELATED,), NOTE, "TREAT", ("permit", "organisation")),
        ((RELATED,), NOTE, "TRAIN", ("403", "organisation-denies")),
        ((RELATED, consent()), NOTE, "TRAIN", ("permit", "consent")),
        ((RELATED, consent("treatment", "permit", P("deny"))), NOTE, "TREAT", ("403", "consent-denies")),
        ((RELATED,), record("psychotherapy_note", OKAFOR), "TREAT", ("404", "law-psychotherapy-note")),
        ((RELATED,), record("progress_note", OKAFOR, "ETHUD"), "TREAT", ("403", "no-consent")),
        ((), NOTE, "TREAT", ("404", "no-relationship")),
    ],
)
def test_the_organisation_lies_under_the_consents_and_over_nothing_else(
    facts: Any, about: Any, purpose: str, expected: tuple[str, str]
) -> None:
    verdict = asked(THERAPIST, about, facts, purpose=purpose, organisation=HOUSE)
    assert (shown(verdict), verdict.reason) == expected
    if verdict.reason.startswith("organisation"):
        assert verdict.basis[:2] == ("rule:organisation.policy", "organisation:4")
        assert f"relationship:{RELATED.relationship_id}" in verdict.basis
    assert asked(THERAPIST, about, facts, purpose=purpose, organisation=ADDS_NOTHING).reason != "organisation"


def test_what_the_organisation_holds_back_is_taken_out_too() -> None:
    verdict = asked(THERAPIST, record("progress_note", OKAFOR, "HIV"), (RELATED,), organisation=HOUSE)
    assert [o.args for o in verdict.obligations] == [("HIV",)]
    silent = consent("treatment", "silent", P("deny", labels=("R", "REDACT")))
    both = asked(THERAPIST, record("progress_note", OKAFOR, "HIV", "V"), (RELATED, silent), organisation=HOUSE)
    assert [o.args for o in both.obligations] == [("HIV", "R", "V")]


def test_grounds_are_of_uses_that_were_permitted() -> None:
    facts = (RELATED, consent())
    assert asked(THERAPIST, NOTE, facts, law=EU).basis[-1] == "rule:law.gdpr-9-2-h"
    assert "gdpr" not in str(asked(THERAPIST, NOTE, (RELATED,), law=EU).basis)
    made = asked(THERAPIST, record("progress_note", RIVERA), facts, action="create", law=EU)
    assert made.permitted and "gdpr" not in str(made.basis)
    own = consent("psychotherapy_notes", "deny", P("permit", roles=("therapist",)), n=3)
    assert asked(THERAPIST, record("psychotherapy_note", OKAFOR), (RELATED, own), law=EU).basis[-1] == "rule:law.gdpr-9-2-a"


def test_the_packs_rules_are_looked_up_by_class_and_action() -> None:
    for pack in (US_FEDERAL, EU):
        for row in pack.rows:
            for action in row.actions or [Action.READ]:
                for key_class in row.classes:
                    assert row in pack.rows_for(key_class, action)
            assert row.rule in RULES
    assert US_FEDERAL.limits_on(frozenset()) == US_FEDERAL.limits[:1]
    assert US_FEDERAL.grounds_of("TREAT", "consent", lambda _: True) == ()
    assert EU.grounds_of("HLEGAL", "consent", lambda _: True) == ("rule:law.gdpr-6-1-f", "rule:law.gdpr-9-2-f")


def test_a_scope_in_words() -> None:
    made = consent(
        "disclosure", "permit", P("deny", P("permit", actors=("x", "y")), labels=("SUD",)), P("permit"), covers=("measures",)
    )
    whole = made.model_copy(update={"revoked_recipients": ("z",), "period": Period(start=NOW, end=NOW + DAY)})
    assert scope_of(whole).splitlines() == [
        "A consent of kind disclosure, from 2026-03-02 until 2026-03-03.",
        "It covers measures.",
        "Who has a current relationship to the client is permitted, unless a line below says otherwise.",
        "- Denies: labelled SUD.",
        "  - Permits except: to x or y.",
        "- Permits: everything.",
        "It was withdrawn from z.",
        "It may be revoked at any time; what was done in reliance on it before stays done.",
    ]
    plain = scope_of(consent("part2_counselling_notes", "deny"))
    assert plain.startswith("A consent under 42 CFR Part 2 to disclosures of substance") and "with no end date." in plain
    assert "It covers" not in plain and "withdrawn" not in plain


def test_what_a_decision_rested_on_can_be_read_back() -> None:
    choice = ReleaseChoice(ReleaseAudience.DELAYED, ReleaseAudience.IMMEDIATE, timedelta(days=3))
    used = replace(grant("THREAT", "r", approved_by=LIND), sub="x")
    detail = Circumstances(2, {CLIENT: choice}, (used,)).detail(GUARDIAN, CLIENT)
    assert (detail["settings"], release_of(detail), grants_of(detail), detail["acts_for"]) == (2, choice, (used,), CLIENT)
    assert Circumstances(0, {CLIENT: choice}).detail(THERAPIST, "another") == {}
    assert (release_of({}), grants_of({})) == (UNCHOSEN, ())
    link = Agent(AgentKind.LINK, "x", link_digest="d")
    assert Circumstances().detail(link, CLIENT) == {"link": "d"}


def test_known_by_name_may_be_searched() -> None:
    naming = consent("treatment", "deny", P("deny", P("permit", actors=("ehr-1",))))
    for facts, expected in (
        ((naming,), True),
        ((naming.model_copy(update={"revoked_recipients": ("ehr-1",)}),), False),
        ((consent("treatment", "deny", P("permit", actors=("ehr-1",)), end=NOW),), False),
        ((consent("treatment", "deny", P("deny", actors=("ehr-1",))),), False),
        ((consent("treatment", "deny", P("permit", roles=("ehr_system",))),), True),
    ):
        verdict = may_search(EHR, CLIENT, purpose="TREAT", policy=given(*facts), grants=(), now=NOW)
        assert verdict.permitted is expected
    by_role = given(consent("treatment", "deny", P("permit", roles=("ehr_system",))))
    assert not may_search(STRANGER, CLIENT, purpose="TREAT", policy=by_role, grants=(), now=NOW).permitted


def test_an_authority_that_ended_searches_nothing() -> None:
    for facts, expected in (((), "permit"), ((stands_for("read"),), "permit"), ((stands_for("read", end=NOW),), "404")):
        policy = fold(facts)
        assert shown(may_search(GUARDIAN, CLIENT, purpose="PATRQT", policy=policy, grants=(), now=NOW)) == expected


def test_policy_waits_for_what_is_missing_and_can_be_taken_back_to_any_sequence() -> None:
    tenant, ended = TenantPolicy(), relation(RIVERA, "therapist", end=NOW)
    assert not tenant.add(2, ended) and tenant.watermark == 0
    assert tenant.add(1, RELATED) and tenant.watermark == 2
    assert not tenant.add(2, RELATED) and not tenant.add(1, RELATED)
    assert tenant.client(CLIENT).relationships == (ended,)
    assert tenant.client(CLIENT) is tenant.client(CLIENT)
    assert tenant.client_as_of(CLIENT, 1).relationships == (RELATED,)
    assert tenant.client_as_of(CLIENT, 0).relationships == () and tenant.client("nobody").relationships == ()
    assert tenant.add(3, consent()) and len(tenant.client(CLIENT).consents) == 1
    assert fold([consent(), consent(status="revoked")]).given_at == {UUID(int=1): consent().at}


def test_an_explanation_names_what_was_looked_at() -> None:
    facts = (RELATED, consent("treatment", "permit", P("deny", purposes=("TRAIN",)), n=1), consent("measurement", n=2))
    q = Question(THERAPIST, Action.READ, "TRAIN", NOTE, NOW, NOTE.service, policy=fold(facts))
    words = in_words(explain(q))
    assert words[0].startswith("Denied (consent-denies), resting on rule:consent.deny-overrides, consent:")
    text = "\n".join(words)
    assert "provision /provisions/0, read as deny says deny: it matches." in text
    assert "a consent of kind measurement does not cover progress_note; it was not counted" in text
    assert text.count("← decided") == 2
