"""Psychotherapy notes, release of alliance ratings, break-glass."""

from datetime import timedelta
from typing import Any

import pytest

from services.audit_log.decision.domain.grants import GrantStatus
from services.audit_log.decision.domain.release import RELEASE_DELAY, ReleaseChoice
from shared.contracts.disclosure import ReleaseAudience
from shared.contracts.records import ALLIANCE_RATING
from tests.unit.audit_log.asking import (
    CLIENT,
    CLIENT_SELF,
    DAY,
    INTAKE,
    LIND,
    NOVAK,
    NOW,
    OFFICER,
    OKAFOR,
    RECORD,
    RIVERA,
    STRANGER,
    SUPERVISOR,
    THERAPIST,
    TRAINEE,
    TREATED,
    ask,
    consent,
    grant,
    provision,
    rating,
    record,
    relation,
    shown,
)

MINE = record("psychotherapy_note", RIVERA)
TRAINEES = record("psychotherapy_note", NOVAK)
OTHER_THERAPIST = relation(OKAFOR, "therapist")
TRAINING = (relation(LIND, "supervisor"), relation(NOVAK, "trainee"))


def test_another_therapist_with_treatment_and_tpo_consent_is_denied() -> None:
    facts = (*TREATED, OTHER_THERAPIST, consent("part2_tpo", covers=("psychotherapy_note",), n=3))
    verdict = ask(STRANGER, "read", MINE, facts=facts)
    assert (shown(verdict), verdict.reason) == ("404", "law-psychotherapy-note")


def test_the_originator_reads_it() -> None:
    verdict = ask(THERAPIST, "read", MINE, facts=())
    assert verdict.permitted and verdict.basis == ("rule:law.164.508-a-2-i-A",)
    assert shown(ask(THERAPIST, "export", MINE)) == "403"


@pytest.mark.parametrize("action", ["read", "search", "export"])
def test_the_clients_right_of_access_excludes_it(action: str) -> None:
    verdict = ask(CLIENT_SELF, action, MINE)
    assert (shown(verdict), verdict.basis) == ("404", ("rule:law.164.524-a-1",))


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (consent("psychotherapy_notes", "deny", provision("permit", actors=(OKAFOR,))), "permit"),
        (consent("psychotherapy_notes", "deny", provision("permit", roles=("therapist",))), "permit"),
        (consent("psychotherapy_notes", "deny", provision("permit", roles=("supervisor",))), "404"),
        (consent("psychotherapy_notes", "deny"), "404"),
        (consent("psychotherapy_notes", "permit"), "404"),
        (consent("psychotherapy_notes", "permit", provision("permit", actors=(OKAFOR,))), "permit"),
        (consent("psychotherapy_notes", "permit", provision("deny", actors=(OKAFOR,))), "404"),
        (consent("psychotherapy_notes", "permit", status="revoked"), "404"),
        (consent("disclosure", "permit", covers=("psychotherapy_note",)), "404"),
    ],
)
def test_a_separate_authorization_opens_it(authorization: Any, expected: str) -> None:
    assert shown(ask(STRANGER, "read", MINE, facts=(OTHER_THERAPIST, authorization))) == expected


@pytest.mark.parametrize(
    ("facts", "purpose", "expected"),
    [
        (TRAINING, "TRAIN", "permit"),
        (TRAINING, "TREAT", "404"),
        (TRAINING[:1], "TRAIN", "404"),
        (TRAINING[1:], "TRAIN", "404"),
        ((relation(LIND, "supervisor", end=NOW), TRAINING[1]), "TRAIN", "404"),
        ((TRAINING[0], relation(NOVAK, "trainee", end=NOW)), "TRAIN", "404"),
        ((TRAINING[0], relation(NOVAK, "therapist")), "TRAIN", "404"),
    ],
)
def test_a_trainees_supervisor_with_train(facts: Any, purpose: str, expected: str) -> None:
    for action in ("read", "search", "cosign"):
        assert shown(ask(SUPERVISOR, action, TRAINEES, facts=facts, purpose=purpose)) == expected
    assert not ask(SUPERVISOR, "update", TRAINEES, facts=facts, purpose=purpose).permitted


@pytest.mark.parametrize(
    "recorded",
    [
        {"recorded_at": TRAINEES.created_at + timedelta(seconds=1)},
        {"recorded_at": TRAINEES.created_at},
        {"recorded_by": LIND},
        {"recorded_by": ""},
        {"recorded_at": None, "at": NOW},
    ],
)
def test_training_that_was_recorded_afterwards_or_by_the_reader_opens_nothing(recorded: dict[str, Any]) -> None:
    backdated = relation(NOVAK, "trainee", start=NOW - 3_000 * DAY).model_copy(update=recorded)
    for action in ("read", "search", "cosign"):
        assert shown(ask(SUPERVISOR, action, TRAINEES, facts=(TRAINING[0], backdated), purpose="TRAIN")) == "404"
    honest = relation(NOVAK, "trainee", n=2)
    assert ask(SUPERVISOR, "read", TRAINEES, facts=(TRAINING[0], backdated, honest), purpose="TRAIN").permitted


def test_a_cosigner_outside_training_is_denied() -> None:
    assert shown(ask(SUPERVISOR, "cosign", MINE, facts=(*TREATED, relation(LIND, "supervisor")))) == "404"


@pytest.mark.parametrize("purpose", ["BTG", "ETREAT"])
def test_break_glass_does_not_open_it(purpose: str) -> None:
    for scope in ((), ("psychotherapy_note",), (RECORD,)):
        assert shown(ask(STRANGER, "read", MINE, purpose=purpose, grants=[grant(purpose, *scope)])) == "404"


def test_no_emergency_grant_reaches_it_whatever_its_scope() -> None:
    for scope in ((), ("psychotherapy_note",), (RECORD,)):
        assert not grant("BTG", *scope).opens(MINE)
        assert not grant("ETREAT", *scope, approved_by=LIND).opens(MINE)


def test_asking_under_break_glass_does_not_tell_the_care_team_that_it_exists() -> None:
    assert shown(ask(STRANGER, "read", MINE, purpose="BTG", facts=(*TREATED, OTHER_THERAPIST))) == "404"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (grant("THREAT", RECORD, approved_by=LIND), "permit"),
        (grant("THREAT", RECORD), "404"),
        (grant("THREAT", RECORD, approved_by=OKAFOR), "404"),
        (grant("THREAT", RECORD, approved_by=LIND, status=GrantStatus.AWAITING), "404"),
        (grant("THREAT", "psychotherapy_note", approved_by=LIND), "404"),
        (grant("THREAT", RECORD, RECORD[:-1] + "2", approved_by=LIND), "404"),
        (grant("THREAT", RECORD[:-1] + "2", approved_by=LIND), "404"),
        (grant("THREAT", RECORD, approved_by=LIND, until=NOW), "404"),
        (grant("THREAT", RECORD, approved_by=LIND, sub=RIVERA), "404"),
        (grant("THREAT", RECORD, approved_by=LIND, client_id=RECORD), "404"),
    ],
)
def test_threat_opens_the_one_record_that_was_approved(made: Any, expected: str) -> None:
    assert shown(ask(STRANGER, "read", MINE, purpose="THREAT", grants=[made])) == expected
    assert not ask(STRANGER, "update", MINE, purpose="THREAT", grants=[made]).permitted


@pytest.mark.parametrize("kind", ["client", "session", "progress_note", "outcome", "consent"])
@pytest.mark.parametrize("purpose", ["BTG", "ETREAT"])
def test_break_glass_opens_what_an_emergency_needs(purpose: str, kind: str) -> None:
    denying = (consent("treatment", "permit", provision("deny")),)
    verdict = ask(STRANGER, "read", record(kind), purpose=purpose, facts=denying, grants=[grant(purpose)])
    assert verdict.permitted and "grant:g1" in verdict.basis
    assert shown(ask(STRANGER, "read", record(kind), purpose=purpose, facts=denying)) == "404"
    assert shown(ask(STRANGER, "read", record(kind), purpose="TREAT", facts=denying, grants=[grant(purpose)])) == "404"
    assert shown(ask(STRANGER, "update", record(kind), purpose=purpose, facts=(), grants=[grant(purpose)])) == "403"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (grant("BTG", "progress_note"), "permit"),
        (grant("BTG", "identity"), "403"),
        (grant("BTG", RECORD), "permit"),
        (grant("BTG", "identity", RECORD), "permit"),
        (grant("BTG", until=NOW), "404"),
        (grant("BTG", until=NOW + timedelta(seconds=1)), "permit"),
        (grant("ETREAT"), "404"),
        (grant("BTG", sub=RIVERA), "404"),
        (grant("BTG", client_id=RECORD), "404"),
    ],
)
def test_a_grants_scope_time_person_and_client(made: Any, expected: str) -> None:
    assert shown(ask(STRANGER, "read", record("progress_note"), purpose="BTG", facts=(), grants=[made])) == expected


def test_a_purpose_of_break_glass_counts_for_nothing_without_its_grant_even_for_an_author() -> None:
    assert shown(ask(THERAPIST, "read", record("progress_note"), purpose="BTG")) == "403"
    assert shown(ask(THERAPIST, "read", record("progress_note", OKAFOR), purpose="ETREAT")) == "403"


def test_outside_its_scope_a_grant_does_not_fall_back_to_consent() -> None:
    evading = consent("treatment", "permit", provision("deny", purposes=("TREAT",)))
    mine = grant("BTG", "identity", sub=RIVERA)
    facts = (relation(RIVERA, "therapist"), evading)
    assert shown(ask(THERAPIST, "read", record("progress_note", OKAFOR), purpose="BTG", facts=facts, grants=[mine])) == "403"


OPEN, D, W = ReleaseAudience.IMMEDIATE, ReleaseAudience.DELAYED, ReleaseAudience.WITHHELD
PEOPLE = (*TREATED, relation(LIND, "supervisor"), relation(NOVAK, "trainee"), relation(OKAFOR, "care_team"))


@pytest.mark.parametrize(
    ("choice", "therapist", "supervisor"),
    [
        (ReleaseChoice(), "permit", "403"),
        (ReleaseChoice(OPEN, OPEN), "permit", "permit"),
        (ReleaseChoice(W, OPEN), "403", "permit"),
        (ReleaseChoice(W, W), "403", "403"),
        (ReleaseChoice(D, D), "403", "403"),
    ],
)
@pytest.mark.parametrize("about", [rating(), record("repair_prompt", None, ALLIANCE_RATING)])
def test_the_client_decides_who_sees_ratings(about: Any, choice: ReleaseChoice, therapist: str, supervisor: str) -> None:
    assert shown(ask(THERAPIST, "read", about, facts=PEOPLE, release=choice)) == therapist
    assert shown(ask(SUPERVISOR, "read", about, facts=PEOPLE, release=choice)) == supervisor
    for other in (TRAINEE, STRANGER):
        verdict = ask(other, "read", about, facts=PEOPLE, release=choice)
        assert (shown(verdict), verdict.reason) == ("403", "released-no")
    for outside in (INTAKE, OFFICER):
        assert shown(ask(outside, "read", about, facts=PEOPLE, release=choice)) == "404"
    assert shown(ask(CLIENT_SELF, "read", about, facts=PEOPLE, release=choice)) == "permit"


def test_delayed_is_visible_seven_days_after_it_was_made() -> None:
    delayed = ReleaseChoice(D, W)
    before = rating(created_at=NOW - RELEASE_DELAY + timedelta(seconds=1))
    assert shown(ask(THERAPIST, "read", before, release=delayed)) == "403"
    assert shown(ask(THERAPIST, "read", rating(created_at=NOW - RELEASE_DELAY), release=delayed)) == "permit"
    assert timedelta(days=7) == RELEASE_DELAY


def test_release_binds_before_authorship_consent_and_break_glass() -> None:
    withheld = ReleaseChoice(W, W)
    by_therapist = record("administration", RIVERA, ALLIANCE_RATING)
    assert shown(ask(THERAPIST, "read", by_therapist, release=withheld)) == "403"
    named = consent("measurement", "permit", provision("permit", actors=(RIVERA,)), n=2)
    assert shown(ask(THERAPIST, "read", rating(), facts=(TREATED[0], named), release=withheld)) == "403"
    assert not ask(STRANGER, "read", rating(), purpose="BTG", grants=[grant("BTG")], release=withheld).permitted
    assert not ask(
        STRANGER, "read", rating(), purpose="THREAT", grants=[grant("THREAT", RECORD, approved_by=LIND)], release=withheld
    ).permitted


def test_release_alone_opens_nothing() -> None:
    assert shown(ask(THERAPIST, "read", rating(), facts=(TREATED[0],))) == "403"
    revoked = (TREATED[0], consent("measurement", status="revoked"))
    assert shown(ask(THERAPIST, "read", rating(), facts=revoked)) == "403"


def test_making_an_administration_shows_no_rating() -> None:
    withheld = ReleaseChoice(W, W)
    assert shown(ask(THERAPIST, "create", rating(created_at=NOW), release=withheld)) == "permit"
    assert shown(ask(CLIENT_SELF, "answer", rating(), release=withheld)) == "permit"


def test_what_is_no_rating_is_not_withheld() -> None:
    assert shown(ask(THERAPIST, "read", record("administration", CLIENT), release=ReleaseChoice(W, W))) == "permit"


def test_two_days_are_not_seven() -> None:
    assert shown(ask(THERAPIST, "read", rating(created_at=NOW - 2 * DAY), release=ReleaseChoice(D, W))) == "403"
