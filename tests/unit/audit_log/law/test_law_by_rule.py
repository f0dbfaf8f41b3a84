"""The law, rule by rule, as the gate decides it. What other parts keep stands in `test_law_elsewhere.py`.

Engineering readings of the cited text, not legal advice: each rule carries its citation so that a lawyer can correct it.
"""

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
from services.audit_log.decision.domain.rules.rule import RULES, Rule
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
        assert (shown(eu), eu.basis) == ("permit", ("rule:law.gdpr-15",))
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


@pytest.mark.parametrize(
    ("agent", "purpose", "ground"),
    [
        (STRANGER, "TREAT", "rule:law.gdpr-9-2-h"),
        (THERAPIST, "TREAT", "rule:law.gdpr-9-2-h"),
        (CLIENT_SELF, "PATRQT", "rule:law.gdpr-15"),
        (EHR, "HRESCH", "rule:law.gdpr-9-2-a"),
        (EHR, "PUBHLTH", "rule:law.gdpr-9-2-i"),
    ],
)
def test_gdpr_7_9_each_read_records_its_basis(agent: Any, purpose: str, ground: str) -> None:
    facts = (*TREATED, COLLEAGUE, consent("treatment", "deny", provision("permit", actors=("ehr-1",)), n=7))
    assert asked(agent, "read", PROGRESS, facts, purpose=purpose, law=EU).basis[-1] == ground
    assert ground not in asked(agent, "read", PROGRESS, facts, purpose=purpose).basis


def test_gdpr_9_an_emergency_rests_on_vital_interests() -> None:
    verdict = decide(
        Question(STRANGER, Action.READ, "BTG", PROGRESS, NOW, ServiceName.SESSION_NOTES, grants=(grant("BTG"),), law=EU)
    )
    assert verdict.basis[-1] == "rule:law.gdpr-9-2-c"


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
    monkeypatch.setitem(RULES, "rule:law.read", Rule("rule:law.read", "a statute", "warn", read_on="2026-01-05"))
    monkeypatch.setitem(RULES, "rule:law.unread", Rule("rule:law.unread", "a statute", "warn"))
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
    for part in (*pack.rows, *pack.limits, *pack.notices, *pack.grounds):
        rule = RULES[part.rule]
        assert rule.citation and rule.text
        assert rule.reviewer == "" or rule.read_on


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
