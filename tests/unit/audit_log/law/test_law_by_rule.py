"""The law, rule by rule, as the gate decides it. What other parts keep stands in `test_law_elsewhere.py`.

Engineering readings of the cited text, not legal advice: each rule carries its citation so that a lawyer can correct it.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.audit_log.decision.domain.decision import decide, may_search
from services.audit_log.decision.domain.open_notes import OPEN, NoteStanding
from services.audit_log.decision.domain.policy import fold
from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.decision.domain.rules.labels import COUNSELLING_NOTE
from services.audit_log.decision.domain.rules.pack import DutyToWarn
from services.audit_log.decision.domain.rules.packs import EU, PACKS, US_FEDERAL
from services.audit_log.decision.domain.rules.rule import RULES, Reading, Rule
from shared.contracts.consent_policy import Period, RepresentativeKind, RepresentativePower, RepresentativeSet, RestrictionSet
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass, ServiceName
from shared.identity.roles import default_purpose
from tests.unit.audit_log.asking import (
    CLIENT,
    CLIENT_SELF,
    DAY,
    EHR,
    GUARDIAN,
    LIND,
    NOVAK,
    NOW,
    OKAFOR,
    RECORD,
    RIVERA,
    STRANGER,
    SUPERVISOR,
    THERAPIST,
    TREATED,
    ask,
    consent,
    given,
    grant,
    provision,
    record,
    relation,
    shown,
)

NOTE = record("psychotherapy_note", RIVERA)
PROGRESS = record("progress_note", RIVERA)
COLLEAGUE = relation(OKAFOR, "therapist")


def asked(
    agent: Any,
    action: str,
    about: BoundRecord,
    facts: Any,
    *,
    purpose: str | None = None,
    law: Any = US_FEDERAL,
    standing: NoteStanding | None = OPEN,
) -> Any:
    return decide(
        Question(
            agent=agent,
            action=Action(action),
            purpose=purpose or default_purpose(agent.role),
            record=about,
            now=NOW,
            service=about.service,
            policy=fold(facts),
            law=law,
            notes={} if standing is None else {about.record_id: standing},
        )
    )


def stands_for(*may: str, end: Any = None, records: tuple[str, ...] = (), labels: tuple[str, ...] = ()) -> RepresentativeSet:
    return RepresentativeSet(
        representative_id=UUID(int=5),
        client_id=UUID(CLIENT),
        person=GUARDIAN.id,
        kind=RepresentativeKind.PARENT,
        authority="parental-responsibility",
        start=NOW - 30 * DAY,
        end=end,
        may=tuple(RepresentativePower(m) for m in may),
        excluded_record_ids=records,
        excluded_labels=labels,
        at=NOW - 30 * DAY,
    )


def restriction(**other: Any) -> RestrictionSet:
    values: dict[str, Any] = {"payer": EHR.id, "start": NOW - DAY, "at": NOW - DAY} | other
    return RestrictionSet(restriction_id=UUID(int=6), client_id=UUID(CLIENT), **values)


def test_164_501_psychotherapy_notes_are_a_class_of_their_own() -> None:
    """A stream and key class of its own: what opens progress notes opens none of these, by no relationship and no export."""
    assert NOTE.key_class is KeyClass.PSYCHOTHERAPY_NOTE
    for agent, facts in (
        (STRANGER, (*TREATED, COLLEAGUE)),
        (EHR, (consent("treatment", "permit", provision("permit", actors=("ehr-1",))),)),
    ):
        for action in ("read", "search", "export"):
            assert shown(asked(agent, action, NOTE, facts)) == "404"
    assert shown(asked(STRANGER, "read", PROGRESS, (*TREATED, COLLEAGUE))) == "permit"


def test_164_508_a_2_denied_without_a_separate_authorization() -> None:
    facts = (*TREATED, COLLEAGUE, consent("part2_tpo", covers=("psychotherapy_note", "progress_note"), n=3))
    assert shown(asked(STRANGER, "read", NOTE, facts)) == "404"
    assert shown(asked(THERAPIST, "read", NOTE, facts)) == "permit"
    training = (relation(LIND, "supervisor"), relation(NOVAK, "trainee"))
    trainees = record("psychotherapy_note", NOVAK)
    assert shown(asked(SUPERVISOR, "read", trainees, training, purpose="TRAIN")) == "permit"
    assert shown(asked(SUPERVISOR, "cosign", NOTE, (*TREATED, relation(LIND, "supervisor")))) == "404"
    own = consent("psychotherapy_notes", "deny", provision("permit", actors=(OKAFOR,)), n=4)
    assert shown(asked(STRANGER, "read", NOTE, (*facts, own))) == "permit"


def test_164_508_a_2_ii_break_glass_stays_out_and_threat_opens_one_record() -> None:
    for purpose in ("BTG", "ETREAT"):
        assert shown(ask(STRANGER, "read", NOTE, purpose=purpose, grants=[grant(purpose, RECORD)])) == "404"
    approved = grant("THREAT", RECORD, approved_by=LIND)
    verdict = ask(STRANGER, "read", NOTE, purpose="THREAT", grants=[approved])
    assert verdict.permitted and verdict.basis[0] == "rule:law.164.512-j-1-i"
    another = record("psychotherapy_note", RIVERA, record_id=RECORD[:-1] + "2")
    assert not ask(STRANGER, "read", another, purpose="THREAT", grants=[approved]).permitted
    assert not ask(STRANGER, "read", NOTE, purpose="THREAT", grants=[grant("THREAT", RECORD)]).permitted


def test_164_508_b_5_revocation_denies_the_next_read() -> None:
    facts = (relation(RIVERA, "therapist"), COLLEAGUE)
    assert asked(STRANGER, "read", PROGRESS, (*facts, consent())).basis[0] == f"consent:{consent().consent_id}"
    assert shown(asked(STRANGER, "read", PROGRESS, (*facts, consent(), consent(status="revoked")))) == "403"


def test_164_524_a_1_the_right_of_access_follows_the_pack() -> None:
    """A US client's export holds the one and not the other, and names the ground; an EU client's holds both."""
    for action in ("read", "export"):
        us, eu = asked(CLIENT_SELF, action, NOTE, TREATED), asked(CLIENT_SELF, action, NOTE, TREATED, law=EU)
        assert (shown(us), us.basis) == ("404", ("rule:law.164.524-a-1",))
        assert (shown(eu), eu.basis) == ("permit", ("rule:law.gdpr-15", "rule:law.gdpr-6-1-c", "rule:law.gdpr-9-2-h"))
        assert shown(asked(CLIENT_SELF, action, PROGRESS, TREATED)) == "permit"
    assert shown(asked(CLIENT_SELF, "update", NOTE, TREATED, law=EU)) == "404"


@pytest.mark.parametrize("purpose", ["HPAYMT", "HOPERAT"])
def test_164_522_a_a_restriction_towards_a_payer_is_honoured(purpose: str) -> None:
    opening = consent("treatment", "permit", provision("permit", roles=("ehr_system",)))
    about = record("progress_note", RIVERA)

    def to_plan(made: RestrictionSet, agent: Any = EHR, of: BoundRecord = about, why: str = purpose) -> str:
        return shown(asked(agent, "read", of, (opening, made), purpose=why))

    assert to_plan(restriction(end=NOW)) == "permit"
    assert to_plan(restriction(payer="another-plan")) == "permit"
    assert to_plan(restriction(purposes=("HMARKT",))) == "permit"
    assert to_plan(restriction(), why="TREAT") == "permit"
    for made in (
        restriction(),
        restriction(record_ids=(RECORD,)),
        restriction(resource_types=("DocumentReference",)),
        restriction(data_period=Period(start=NOW - 3 * DAY)),
    ):
        verdict = asked(EHR, "read", about, (opening, made), purpose=purpose)
        assert (verdict.reason, verdict.basis) == ("self-pay", ("rule:law.164.522-a", f"restriction:{made.restriction_id}"))
    assert to_plan(restriction(record_ids=(RECORD[:-1] + "2",))) == "permit"
    assert to_plan(restriction(resource_types=("Observation",))) == "permit"
    assert to_plan(restriction(data_period=Period(start=NOW - DAY))) == "permit"
    assert to_plan(restriction(labels=("SUD",))) == "permit"
    assert to_plan(restriction(labels=("SUD",)), of=record("progress_note", RIVERA, "OPIOIDUD")) == "404"
    # a level of confidentiality that is kept back takes those above it along, and none below
    levels = {level: to_plan(restriction(labels=("R",)), of=record("progress_note", RIVERA, level)) for level in ("N", "R", "V")}
    assert levels == {"N": "permit", "R": "404", "V": "404"}
    assert to_plan(restriction(end=NOW), of=record("progress_note", RIVERA, "HIPAASelfPay")) == "404"
    assert to_plan(restriction(end=NOW), of=record("progress_note", RIVERA, "HIPAASelfPay"), why="TREAT") == "permit"


def test_42_cfr_part_2_sud_counselling_notes_need_their_own_consent() -> None:
    note = record("progress_note", RIVERA, "SUD", COUNSELLING_NOTE)
    naming = provision("permit", actors=(STRANGER.id,))
    tpo = consent("part2_tpo", "permit", naming, covers=("progress_note",), n=2)
    own = consent("part2_counselling_notes", "permit", naming, covers=("progress_note",), n=3)
    assert shown(asked(STRANGER, "read", note, (COLLEAGUE, consent(), tpo))) == "403"
    assert shown(asked(STRANGER, "read", note, (COLLEAGUE, own))) == "permit"
    assert shown(asked(STRANGER, "read", record("progress_note", RIVERA, "SUD"), (COLLEAGUE, tpo))) == "permit"


def test_42_cfr_2_32_the_notice_and_an_explanation_of_the_consent_go_along() -> None:
    naming = provision("permit", actors=("ehr-1",), purposes=("TREAT",))
    for tpo in (
        consent("part2_tpo", "deny", naming, covers=("progress_note",)),
        consent("disclosure", "deny", naming, covers=("progress_note",)).model_copy(update={"part2": True}),
    ):
        verdict = asked(EHR, "read", record("progress_note", RIVERA, "SUD"), (tpo,))
        notice, scope = verdict.obligations
        assert (notice.code, notice.args) == ("notice", ("42-cfr-2.32",))
        assert (scope.code, scope.args[0]) == ("consent-scope", str(tpo.consent_id))
        text = scope.args[1]
        assert "It covers progress note." in text and "- Permits: to ehr-1, for TREAT." in text
        assert "Nothing is permitted that no line below permits." in text and "revoked at any time" in text
        assert "rule:law.42cfr2.32" in verdict.basis
    plain = asked(STRANGER, "read", PROGRESS, (COLLEAGUE, consent()))
    assert plain.obligations == ()


def test_42_cfr_part_2_legal_proceedings_need_a_consent_that_names_them_alone() -> None:
    sud = record("progress_note", RIVERA, "OPIOIDUD")

    def to_court(kind: str, *purposes: str) -> str:
        rules = provision("permit", actors=(EHR.id,), purposes=purposes)
        return shown(asked(EHR, "read", sud, (consent(kind, "deny", rules, covers=("progress_note",)),), purpose="HLEGAL"))

    assert to_court("part2_tpo", "HLEGAL") == "404"
    assert to_court("part2_tpo") == "404"
    assert to_court("treatment", "HLEGAL") == "404"
    assert to_court("disclosure", "HLEGAL", "TREAT") == "404"
    assert to_court("disclosure") == "404"
    assert to_court("disclosure", "HLEGAL") == "permit"


def test_42_cfr_2_51_an_emergency_is_opened_by_its_grant_alone() -> None:
    """A reason was asked when the grant was made; consents are in the way of nothing."""
    denying = (consent("treatment", "permit", provision("deny")),)
    sud = record("progress_note", RIVERA, "SUD", COUNSELLING_NOTE)
    for purpose in ("BTG", "ETREAT"):
        assert ask(STRANGER, "read", sud, purpose=purpose, facts=denying, grants=[grant(purpose)]).permitted


def test_samhsa_revoking_one_party_keeps_the_others() -> None:
    rules = (provision("permit", actors=("ehr-1", "ehr-2")),)
    whole = consent("part2_tpo", "deny", *rules, covers=("progress_note",))
    part = whole.model_copy(update={"revoked_recipients": ("ehr-1",)})
    second = type(EHR)(EHR.kind, "ehr-2", EHR.role)
    for agent, before, after in ((EHR, "permit", "404"), (second, "permit", "permit")):
        assert shown(asked(agent, "read", PROGRESS, (whole,))) == before
        assert shown(asked(agent, "read", PROGRESS, (part,))) == after


def test_164_508_a_2_i_a_the_originator_uses_a_note_for_treatment_alone() -> None:
    """Not for operations, coordination or supervised work; with the client's authorization as far as that goes."""
    allowed = consent("psychotherapy_notes", "deny", provision("permit", actors=(RIVERA,), purposes=("HOPERAT",)), n=4)
    for action in ("read", "search", "update", "sign"):
        assert shown(asked(THERAPIST, action, NOTE, TREATED, purpose="TREAT")) == "permit"
        for purpose in ("HOPERAT", "COC", "SUPNWK", "HPAYMT", "HRESCH", "TRAIN"):
            assert shown(asked(THERAPIST, action, NOTE, TREATED, purpose=purpose)) == "403", (action, purpose)
            assert shown(asked(THERAPIST, action, NOTE, TREATED, purpose=purpose, law=EU)) == "permit"
    assert shown(asked(THERAPIST, "read", NOTE, (*TREATED, allowed), purpose="HOPERAT")) == "permit"
    assert shown(asked(THERAPIST, "read", NOTE, (*TREATED, allowed), purpose="SUPNWK")) == "403"
    assert shown(ask(THERAPIST, "read", NOTE, purpose="BTG", facts=TREATED, grants=[grant("BTG")])) == "403"


def test_164_522_a_1_vi_what_was_paid_by_oneself_is_kept_from_a_plan() -> None:
    """A registered record system of the practice is no plan, unless a restriction names it as payer."""
    opening = consent("treatment", "permit", provision("permit", roles=("ehr_system",)))
    paid = record("progress_note", RIVERA, "HIPAASelfPay")
    own = replace(EHR, registration="r-1")
    ended = restriction(end=NOW)
    for purpose in ("HPAYMT", "HOPERAT"):
        assert shown(asked(own, "read", paid, (opening,), purpose=purpose)) == "permit"
        assert shown(asked(EHR, "read", paid, (opening,), purpose=purpose)) == "404"
        verdict = asked(own, "read", paid, (opening, ended), purpose=purpose)
        assert verdict.basis == ("rule:law.164.522-a", f"restriction:{ended.restriction_id}")
    assert shown(asked(EHR, "read", paid, (opening,), purpose="HLEGAL")) == "permit"


@pytest.mark.parametrize(
    ("agent", "purpose", "article_6", "article_9"),
    [
        (STRANGER, "TREAT", "6-1-b", "9-2-h"),
        (THERAPIST, "TREAT", "6-1-b", "9-2-h"),
        (CLIENT_SELF, "PATRQT", "6-1-c", "9-2-h"),
        (EHR, "HRESCH", "6-1-f", "9-2-j"),
        (EHR, "HMARKT", "6-1-a", "9-2-a"),
        (EHR, "HLEGAL", "6-1-f", "9-2-f"),
        (EHR, "PUBHLTH", "6-1-c", "9-2-i"),
    ],
)
def test_gdpr_6_and_9_each_read_records_both_bases(agent: Any, purpose: str, article_6: str, article_9: str) -> None:
    facts = (*TREATED, COLLEAGUE, consent("treatment", "deny", provision("permit", actors=("ehr-1",)), n=7))
    basis = asked(agent, "read", PROGRESS, facts, purpose=purpose, law=EU).basis
    bases = [b for b in basis if b.startswith(("rule:law.gdpr-6-", "rule:law.gdpr-9-"))]
    assert bases == [f"rule:law.gdpr-{article_6}", f"rule:law.gdpr-{article_9}"]
    assert ("rule:law.gdpr-15" in basis) is (purpose == "PATRQT")
    assert not set(bases) & set(asked(agent, "read", PROGRESS, facts, purpose=purpose).basis)


def test_gdpr_9_2_c_only_where_the_client_cannot_consent() -> None:
    """By law, for which a parent or guardian is registered who holds authority now; a proxy may be named by who still can."""
    child = stands_for("read")
    proxy = child.model_copy(update={"kind": RepresentativeKind.HEALTHCARE_PROXY})
    guardian = child.model_copy(update={"kind": RepresentativeKind.GUARDIAN})
    for facts, purpose, article_9 in (
        ((), "BTG", "9-2-h"),
        ((), "ETREAT", "9-2-h"),
        ((), "THREAT", "9-2-g"),
        ((proxy,), "BTG", "9-2-h"),
        ((stands_for("read", end=NOW),), "BTG", "9-2-h"),
        ((child,), "BTG", "9-2-c"),
        ((guardian,), "ETREAT", "9-2-c"),
        ((child,), "THREAT", "9-2-c"),
    ):
        approved = grant(purpose, RECORD, approved_by=LIND) if purpose == "THREAT" else grant(purpose)
        verdict = decide(
            Question(
                STRANGER,
                Action.READ,
                purpose,
                PROGRESS,
                NOW,
                ServiceName.SESSION_NOTES,
                policy=fold(facts),
                grants=(approved,),
                law=EU,
            )
        )
        assert verdict.basis[-2:] == ("rule:law.gdpr-6-1-d", f"rule:law.gdpr-{article_9}"), (facts, purpose)


def test_gdpr_7_withdrawing_consent_does_not_close_the_authors_own_record() -> None:
    gone = (relation(RIVERA, "therapist", end=NOW - DAY), consent(status="revoked"))
    for law in PACKS.values():
        assert shown(asked(THERAPIST, "read", PROGRESS, gone, law=law)) == "permit"


def test_gdpr_15_the_subject_reads_all_that_is_their_own_and_nobody_elses() -> None:
    for kind in ("client", "session", "progress_note", "psychotherapy_note", "administration", "outcome"):
        assert shown(asked(CLIENT_SELF, "export", record(kind), (), law=EU)) == "permit"
        assert shown(asked(CLIENT_SELF, "export", record(kind, client_id=RECORD), (), law=EU)) == "404"


def test_duty_to_warn_stands_only_where_it_is_sourced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pack states one yet: a jurisdiction without a source that was read gets none, and cannot be given one."""
    assert all(not pack.duty_to_warn for pack in PACKS.values())
    monkeypatch.setitem(
        RULES, "rule:law.read", Rule("rule:law.read", "45 CFR 1", "warn", read_on="2026-01-05", text_of="2025-12-31")
    )
    monkeypatch.setitem(RULES, "rule:law.unread", Rule("rule:law.unread", "45 CFR 1", "warn"))
    said = ("who is threatened", "by whom", "what was said")
    assert DutyToWarn("rule:law.read", "XX", said).minimum == said
    for rule, place, minimum in (
        ("rule:law.unread", "XX", said),
        ("rule:law.nowhere", "XX", said),
        ("rule:law.read", "XX", ()),
        ("rule:law.read", "", said),
    ):
        with pytest.raises(ValueError, match="duty to warn"):
            DutyToWarn(rule, place, minimum)


def test_164_502_g_a_representative_acts_within_their_authority_while_it_holds() -> None:
    reading, signing = stands_for("read"), stands_for("sign", "revoke")
    assert shown(asked(GUARDIAN, "read", PROGRESS, (*TREATED, reading))) == "permit"
    assert shown(asked(GUARDIAN, "export", PROGRESS, (*TREATED, reading))) == "permit"
    assert shown(asked(GUARDIAN, "read", NOTE, (*TREATED, reading))) == "404"
    assert shown(asked(GUARDIAN, "sign", record("consent"), (*TREATED, reading))) == "403"
    assert shown(asked(GUARDIAN, "read", PROGRESS, (*TREATED, signing))) == "404"
    for action in ("sign", "revoke"):
        assert shown(asked(GUARDIAN, action, record("consent"), (*TREATED, signing))) == "permit"
    restricted = stands_for("read", labels=("R",))
    levels = {
        level: shown(asked(GUARDIAN, "read", record("progress_note", RIVERA, level), (*TREATED, restricted))) for level in "NRV"
    }
    assert levels == {"N": "permit", "R": "404", "V": "404"}
    for kept_out in (stands_for("read", records=(RECORD,)), stands_for("read", labels=("SUD",))):
        assert shown(asked(GUARDIAN, "read", record("progress_note", RIVERA, "ETHUD"), (*TREATED, kept_out))) == "404"


def test_164_502_g_an_authority_that_waits_gives_less_than_none_would() -> None:
    """Registered, and holding at no time: what the identity provider says alone does not count any more."""
    waiting = stands_for("read", "sign", end=NOW - 30 * DAY)
    for kind in ("client", "consent", "progress_note"):
        verdict = asked(GUARDIAN, "read", record(kind), (*TREATED, waiting))
        assert (shown(verdict), verdict.reason) == ("404", "authority-ended")


def test_164_502_g_where_somebody_is_registered_nobody_else_stands_for_the_client() -> None:
    another = stands_for("read").model_copy(update={"person": "u-another"})
    assert shown(asked(GUARDIAN, "read", record("client"), TREATED)) == "permit", "nobody is registered"
    verdict = asked(GUARDIAN, "read", record("client"), (*TREATED, another))
    assert (shown(verdict), verdict.reason) == ("404", "not-registered")
    for facts, reason in (((another,), "not-registered"), ((stands_for("read", end=NOW),), "authority-ended")):
        policy = given(*TREATED, *facts)
        found = may_search(GUARDIAN, CLIENT, purpose="PATRQT", policy=policy, grants=(), now=NOW)
        assert (shown(found), found.reason) == ("404", reason)


def test_164_502_g_the_age_of_majority_ends_the_proxy() -> None:
    """Its `end` is the birthday that ends it: the consent service computes it by jurisdiction."""
    of_age = stands_for("read", end=NOW)
    assert shown(asked(GUARDIAN, "read", PROGRESS, (*TREATED, of_age))) == "404"
    assert shown(asked(GUARDIAN, "read", record("client"), (*TREATED, of_age))) == "404"
    day_before = stands_for("read", end=NOW + timedelta(seconds=1))
    assert shown(asked(GUARDIAN, "read", PROGRESS, (*TREATED, day_before))) == "permit"


@pytest.mark.parametrize("law", list(PACKS.values()), ids=list(PACKS))
def test_164_502_g_3_a_service_that_a_minor_consented_to_alone_shuts_parents_out(law: Any) -> None:
    parent = stands_for("read")
    alone = consent(start=NOW - 3 * DAY).model_copy(update={"confidential_from_representatives": True})
    within, before = PROGRESS, record("progress_note", RIVERA, created_at=NOW - 9 * DAY)
    verdict = asked(GUARDIAN, "read", within, (parent, alone), law=law)
    assert (shown(verdict), verdict.reason) == ("404", "minor-consented-alone")
    assert shown(asked(GUARDIAN, "read", before, (parent, alone), law=law)) == "permit"
    assert shown(asked(GUARDIAN, "read", record("client"), (parent, alone), law=law)) == "permit"
    evidence = record("consent", record_id=str(alone.consent_id))
    assert shown(asked(GUARDIAN, "read", evidence, (parent, alone), law=law)) == "404"
    assert shown(asked(GUARDIAN, "read", record("consent"), (parent, alone), law=law)) == "permit"
    assert shown(asked(CLIENT_SELF, "read", within, (parent, alone), law=law)) == "permit"


def test_supervision_is_a_dated_relationship() -> None:
    by_role = consent("treatment", "deny", provision("permit", roles=("supervisor",)))
    assert shown(asked(SUPERVISOR, "read", PROGRESS, (relation(LIND, "supervisor"), by_role))) == "permit"
    assert shown(asked(SUPERVISOR, "read", PROGRESS, (relation(LIND, "supervisor", end=NOW), by_role))) == "404"


@pytest.mark.parametrize("pack", list(PACKS.values()), ids=list(PACKS))
def test_every_row_names_a_rule_with_its_citation(pack: Any) -> None:
    assert {part.rule for part in (*pack.rows, *pack.limits, *pack.notices)} <= set(pack.rules)
    assert all(RULES[rule].citation and RULES[rule].text for rule in pack.rules)


def test_nobody_has_read_or_reviewed_a_row_yet_and_each_says_so() -> None:
    """Whoever reads one in its source fills `read_on` and `text_of`, and changes this test with it."""
    law = [rule for rule in RULES.values() if rule.sources]
    assert law and all((rule.reading, rule.review) == (Reading.UNREAD, "not reviewed by a lawyer") for rule in law)
    assert all(rule.reading is Reading.NOT_LAW for rule in RULES.values() if not rule.sources)
    assert RULES["rule:law.42cfr2-legal"].sources[0].sections == ("2.12(d)(1)", "2.31(d)", "2.61")
    both = RULES["rule:export.to-the-client"].sources
    assert [s.sections for s in both] == [("15", "20"), ("164.524(c)",)] and both[0].title.endswith("(GDPR)")


@pytest.mark.parametrize(
    "fields",
    [
        {"citation": "a statute"},
        {"citation": "GDPR 9; from memory"},
        {"citation": "GDPR 9", "read_on": "2026-01-05"},
        {"citation": "GDPR 9", "text_of": "2016-05-04"},
        {"citation": "organisation rule", "read_on": "2026-01-05", "text_of": "2016-05-04"},
        {"citation": "GDPR 9", "reviewer": "A. Jurist"},
    ],
)
def test_a_rule_claims_no_reading_that_it_cannot_show(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="rule:x"):
        Rule("rule:x", text="words", **fields)
    read = Rule("rule:x", "GDPR 9", "words", "2026-01-05", "2016-05-04", "A. Jurist")
    assert (read.reading, read.review) == (Reading.READ, "reviewed by A. Jurist")


@pytest.mark.parametrize("who", [CLIENT_SELF, GUARDIAN], ids=["the client", "who acts for them"])
def test_45_cfr_171_a_progress_note_is_open_to_its_client_once_it_is_signed(who: Any) -> None:
    facts = (*TREATED, stands_for("read"))
    for action in ("read", "search", "export"):
        draft = asked(who, action, PROGRESS, facts, standing=NoteStanding(signed=False))
        assert (shown(draft), draft.reason) == ("404", "draft"), "that it is being written, nobody need know"
        assert shown(asked(who, action, PROGRESS, facts, standing=None)) == "404", "not known to be signed: closed"
        assert asked(who, action, PROGRESS, facts).permitted
    assert asked(THERAPIST, "read", PROGRESS, facts, standing=NoteStanding(signed=False)).permitted
    assert asked(who, "read", record("session", RIVERA), facts, standing=None).permitted


def test_45_cfr_171_201_and_202_a_hold_keeps_one_note_back_until_its_end_and_from_nobody_else() -> None:
    held = NoteStanding(True, NOW + DAY)
    verdict = asked(CLIENT_SELF, "read", PROGRESS, TREATED, standing=held)
    assert (shown(verdict), verdict.reason, verdict.basis) == ("403", "held", ("rule:law.171-hold",))
    assert not {"harm", "privacy"} & {word for b in (verdict.reason, *verdict.basis) for word in b.split("-")}
    assert asked(CLIENT_SELF, "read", PROGRESS, TREATED, standing=NoteStanding(True, NOW)).permitted, "it is over"
    assert asked(THERAPIST, "read", PROGRESS, TREATED, standing=held).permitted
    assert asked(CLIENT_SELF, "read", PROGRESS, TREATED, law=EU, standing=held).permitted, "a law without the row has no hold"


def test_45_cfr_171_psychotherapy_notes_stay_outside() -> None:
    assert shown(asked(CLIENT_SELF, "read", NOTE, TREATED)) == "404"
