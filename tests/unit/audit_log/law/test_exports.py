"""Whether a whole record may be exported, and what is left out with its ground: by the rules, never by what is recorded."""

from typing import Any

import pytest

from services.audit_log.decision.domain.exporting import export_of
from services.audit_log.decision.domain.policy import fold
from services.audit_log.decision.domain.question import Question, Verdict
from services.audit_log.decision.domain.rules.packs import EU, PACKS, US_FEDERAL
from services.audit_log.decision.domain.rules.rule import RULES
from shared.contracts.disclosure import Action, Exclusion, Reach
from shared.contracts.records import IN_CONFIDENCE, RECORD_TYPES, RecordType, ServiceName
from shared.identity.roles import default_purpose
from tests.unit.audit_log.asking import (
    ADMIN,
    CLIENT,
    CLIENT_SELF,
    EHR,
    GUARDIAN,
    INTAKE,
    NOW,
    OFFICER,
    OTHER_CLIENT,
    STRANGER,
    SUPERVISOR,
    THERAPIST,
    TREATED,
    consent,
    provision,
    record,
    shown,
)
from tests.unit.audit_log.law.test_law_by_rule import asked, stands_for

NOTES, ALLIANCE, CONSENT = ServiceName.SESSION_NOTES, ServiceName.ALLIANCE, ServiceName.CONSENT


def export(
    agent: Any, service: ServiceName, facts: Any = TREATED, *, law: Any = US_FEDERAL
) -> tuple[Verdict, tuple[Exclusion, ...]]:
    question = Question(
        agent=agent,
        action=Action.EXPORT,
        purpose=default_purpose(agent.role),
        record=record("client"),
        now=NOW,
        service=service,
        policy=fold(facts),
        law=law,
    )
    return export_of(question, CLIENT)


def left_out(agent: Any, service: ServiceName, facts: Any = TREATED, *, law: Any = US_FEDERAL) -> set[tuple[str, Reach, str]]:
    verdict, exclusions = export(agent, service, facts, law=law)
    assert verdict.permitted
    assert all(e.citation == RULES[e.rule].citation and e.text == RULES[e.rule].text for e in exclusions)
    return {(e.record_type.value, e.reach, e.rule) for e in exclusions}


def test_164_524_a_us_clients_archive_is_without_psychotherapy_notes_and_says_why() -> None:
    verdict, exclusions = export(CLIENT_SELF, NOTES)
    assert verdict.permitted
    (note,) = [e for e in exclusions if e.record_type is RecordType.PSYCHOTHERAPY_NOTE]
    assert (note.reach, note.citation) == (Reach.ALL, "45 CFR 164.524(a)(1)")
    kept = {t for t, row in RECORD_TYPES.items() if row.owner is NOTES and t is not RecordType.PSYCHOTHERAPY_NOTE}
    in_confidence = {(t.value, Reach.SOME, "rule:law.164.524-a-2-v") for t in kept}
    not_yet = {("progress_note", Reach.SOME, f"rule:law.171-{why}") for why in ("signed", "hold")}
    assert left_out(CLIENT_SELF, NOTES) == in_confidence | not_yet | {("psychotherapy_note", Reach.ALL, "rule:law.164.524-a-1")}


def test_gdpr_15_an_eu_clients_archive_has_them_and_is_without_other_people() -> None:
    found = left_out(CLIENT_SELF, NOTES, law=EU)
    assert ("session", Reach.FIELDS, "rule:law.gdpr-15-4") in found
    assert {(t, r) for t, r, _ in found if r is Reach.ALL} == set()
    assert {rule for _, _, rule in found} == {"rule:law.gdpr-15-4"}
    _, exclusions = export(CLIENT_SELF, NOTES, law=EU)
    (others,) = [e for e in exclusions if e.reach is Reach.FIELDS]
    assert others.fields == ("participants",)


@pytest.mark.parametrize(("law", "rule"), [(US_FEDERAL, "rule:law.164.524-a-2-v"), (EU, "rule:law.gdpr-15-4")])
def test_164_524_a_2_v_and_gdpr_15_4_what_was_told_in_confidence_stays_closed(law: Any, rule: str) -> None:
    told = record("progress_note", THERAPIST.id, IN_CONFIDENCE)
    for agent, facts in ((CLIENT_SELF, TREATED), (GUARDIAN, (*TREATED, stands_for("read")))):
        for action in ("read", "search", "export"):
            verdict = asked(agent, action, told, facts, law=law)
            assert (shown(verdict), verdict.basis) == ("404", (rule,))
    assert shown(asked(THERAPIST, "read", told, TREATED, law=law)) == "permit"


def test_the_client_has_all_of_their_measures_and_consents() -> None:
    for service in (ALLIANCE, CONSENT):
        assert {(r, rule) for _, r, rule in left_out(CLIENT_SELF, service)} <= {(Reach.SOME, "rule:law.164.524-a-2-v")}


def test_who_acts_for_a_client_is_told_what_authority_may_leave_out_whether_it_does_or_not() -> None:
    facts = (*TREATED, stands_for("read"))
    found = left_out(GUARDIAN, ALLIANCE, facts)
    assert ("release_choice", Reach.ALL, "rule:law.164.502-g") in found
    assert ("administration", Reach.SOME, "rule:release.client-decides") in found, "ratings of the alliance are the client's own"
    for rule in ("rule:law.164.502-g-3", "rule:law.164.502-g-5"):
        assert ("progress_note", Reach.SOME, rule) in left_out(GUARDIAN, NOTES, facts)
    excluding = (*TREATED, stands_for("read", labels=("SUD",)))
    assert left_out(GUARDIAN, NOTES, facts) == left_out(GUARDIAN, NOTES, excluding), "nobody learns that something is kept back"


@pytest.mark.parametrize(
    ("agent", "sees"),
    [
        (THERAPIST, "403"),
        (INTAKE, "403"),
        (OFFICER, "403"),
        (STRANGER, "403"),
        (SUPERVISOR, "403"),
        (EHR, "403"),
        (ADMIN, "404"),
        (OTHER_CLIENT, "404"),
        (GUARDIAN, "403"),
    ],
    ids=lambda who: getattr(who, "id", who),
)
def test_an_archive_is_made_for_the_client_or_who_acts_for_them(agent: Any, sees: str) -> None:
    """Whatever consents permit: a consent to treatment is no order for a copy of everything. A guardian without authority to
    read has none either."""
    widest = consent("disclosure", "permit", provision("permit", actors=(agent.id,), roles=("ehr_system",)), n=9)
    for service in (NOTES, ALLIANCE):
        verdict, exclusions = export(agent, service, (*TREATED, widest))
        assert shown(verdict) == sees
        assert exclusions == ()


def test_authority_that_ended_gives_none() -> None:
    verdict, _ = export(GUARDIAN, NOTES, (*TREATED, stands_for("read", end=NOW)))
    assert (shown(verdict), verdict.reason) == ("404", "authority-ended")


@pytest.mark.parametrize("law", list(PACKS.values()), ids=list(PACKS))
def test_every_type_that_is_kept_is_asked_about(law: Any) -> None:
    """A new record type is exported, or stands among what is left out: by the same rows that decide."""
    for service in (NOTES, ALLIANCE, CONSENT):
        _, exclusions = export(CLIENT_SELF, service, law=law)
        kept_back = {e.record_type for e in exclusions if e.reach is Reach.ALL}
        for record_type, row in RECORD_TYPES.items():
            if row.owner is service:
                permitted = asked(CLIENT_SELF, "export", record(record_type), TREATED, law=law).permitted
                assert permitted != (record_type in kept_back)


def test_the_rule_on_other_people_has_its_citation() -> None:
    assert all(pack.about_others == "" or RULES[pack.about_others].citation for pack in PACKS.values())
