"""A refusal refuses, a denial in a frame denies, and to agree anew lifts an earlier denial (ADR 0042, 0044)."""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.audit_log.decision.domain.explaining import explain, in_words
from services.audit_log.decision.domain.policy import fold
from services.audit_log.decision.domain.question import Question
from shared.contracts.consent_policy import (
    ConsentSet,
    PolicyChange,
    Provision,
    RepresentativeKind,
    RepresentativePower,
    RepresentativeSet,
)
from shared.contracts.disclosure import Action
from tests.unit.audit_log.asking import DAY, LIND, NOW, OKAFOR, RIVERA, THERAPIST, ask, consent, record, relation, shown
from tests.unit.audit_log.asking import provision as P  # noqa: N812

NOTE = record("progress_note", OKAFOR)
RELATED = relation(RIVERA, "therapist")
Dialect = Literal["r4", "pcf", "r5"]


def given(n: int, days_ago: int, base: Any, *rules: Provision, kind: str = "treatment", **changes: Any) -> ConsentSet:
    """A consent that was given so many days ago; `dialect` and whatever else a ConsentSet has may be changed."""
    made = consent(kind, base, *rules, n=n, covers=("progress_note",))
    policy = made.policy.model_copy(update={"dialect": changes.pop("dialect", "r4")})
    return made.model_copy(update={"policy": policy, "at": NOW - days_ago * DAY, **changes})


def reads(*facts: PolicyChange, about: Any = NOTE, purpose: str = "TREAT", now: datetime = NOW) -> str:
    return shown(ask(THERAPIST, "read", about, facts=(RELATED, *facts), purpose=purpose, now=now))


TREATMENT = given(1, 1, "permit")


@pytest.mark.parametrize("dialect", ["r4", "pcf", "r5"])
@pytest.mark.parametrize("exceptions", [(), (P("permit", purposes=("BTG",), actors=(LIND,)),)], ids=["alone", "with break-glass"])
def test_a_consent_that_refuses_everything_is_a_denial(dialect: Dialect, exceptions: tuple[Provision, ...]) -> None:
    assert reads(TREATMENT) == "permit"
    assert reads(TREATMENT, given(2, 9, "deny", *exceptions, dialect=dialect, kind="disclosure")) == "403"
    assert reads(TREATMENT, given(2, 9, "silent", *exceptions, dialect=dialect, kind="disclosure")) == "permit"


@pytest.mark.parametrize("dialect", ["pcf", "r5"])
def test_exceptions_of_a_refusal_are_nested_in_it(dialect: Dialect) -> None:
    research = P("permit", purposes=("HRESCH",), actors=(RIVERA,))
    refusal = given(2, 9, "deny", research, dialect=dialect, kind="disclosure")
    assert (reads(refusal, TREATMENT), reads(refusal, TREATMENT, purpose="HRESCH")) == ("403", "permit")


def test_an_authorization_in_r4_leaves_those_whom_it_does_not_name_to_the_other_consents() -> None:
    assert reads(TREATMENT, given(2, 9, "deny", P("permit", actors=(LIND,)), kind="disclosure")) == "permit"


@pytest.mark.parametrize("dialect", ["r4", "pcf", "r5"])
@pytest.mark.parametrize(
    "frame", [P("permit", P("deny", labels=("PSY",)), labels=("N",)), P("deny", P("deny", labels=("PSY",)), labels=("V",))]
)
def test_a_denial_inside_a_frame_that_does_not_match_still_denies(dialect: Dialect, frame: Provision) -> None:
    framed = given(2, 9, "silent", frame, dialect=dialect, kind="disclosure")
    assert reads(TREATMENT, framed, about=record("progress_note", OKAFOR, "PSY")) == "403"
    assert reads(TREATMENT, framed, about=record("progress_note", OKAFOR, "HIV")) == "permit"


def test_what_is_excepted_from_a_denial_in_a_frame_is_permitted_within_the_frame_alone() -> None:
    frame = P("permit", P("deny", P("permit", actors=(RIVERA,)), labels=("PSY",)), labels=("N",))
    framed = given(2, 9, "silent", frame, kind="disclosure")
    both, one = record("progress_note", OKAFOR, "PSY", "N"), record("progress_note", OKAFOR, "PSY")
    assert (reads(framed, about=both), reads(framed, about=one)) == ("permit", "403")
    assert reads(framed, TREATMENT, about=one) == "permit", "the exception lifts the denial for whom it names"


def test_agreeing_anew_lifts_the_earlier_denial_and_both_stand_in_the_explanation() -> None:
    denied, agreed = given(2, 700, "deny"), given(3, 5, "permit")
    assert (reads(denied), reads(denied, agreed)) == ("403", "permit")
    assert reads(given(2, 5, "deny"), given(3, 700, "permit")) == "403", "the order of signing decides"
    words = in_words(explain(_question(denied, agreed)))
    old = next(line for line in words if str(denied.consent_id) in line and "says" in line)
    assert f"agreed anew: consent:{agreed.consent_id}" in old
    assert any(str(agreed.consent_id) in line and "← decided" in line for line in words)


def _question(*facts: PolicyChange) -> Question:
    return Question(THERAPIST, Action.READ, "TREAT", NOTE, NOW, NOTE.service, policy=fold((RELATED, *facts)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(given(2, 9, "deny", kind="disclosure"), given(3, 1, "permit"), id="of another kind"),
        pytest.param(given(2, 9, "deny"), given(3, 1, "silent", P("permit", actors=(RIVERA,))), id="about other recipients"),
        pytest.param(given(2, 9, "deny", recipients=("plan-1",)), given(3, 1, "permit"), id="of a form for other recipients"),
        pytest.param(given(2, 9, "permit", P("deny", actors=(RIVERA,))), given(3, 1, "permit"), id="a person denied by name"),
        pytest.param(given(2, 9, "deny"), given(3, 1, "silent", P("permit", purposes=("HRESCH",))), id="for another purpose"),
        pytest.param(given(2, 9, "deny"), given(3, 1, "permit", P("deny", roles=("therapist",))), id="which denies it as well"),
        pytest.param(given(2, 9, "deny"), given(3, 1, "permit", revoked_recipients=(RIVERA,)), id="withdrawn from this person"),
        pytest.param(given(2, 9, "deny"), given(3, 9, "permit"), id="given at the same time"),
        pytest.param(given(2, 9, "deny", consented_by="representative"), given(3, 1, "permit"), id="another grantor"),
        pytest.param(given(2, 9, "deny"), given(3, 1, "permit", consented_by="representative"), id="a grantor who is not known"),
    ],
)
def test_a_denial_stays_beside_a_later_consent(old: ConsentSet, new: ConsentSet) -> None:
    assert reads(old, new) == "403"


def test_the_same_recipients_denied_and_permitted_by_name() -> None:
    old = given(2, 9, "permit", P("deny", actors=(RIVERA,)), P("deny", roles=("therapist",)))
    by_name, by_role = P("permit", actors=(RIVERA,)), P("permit", P("permit", purposes=("TREAT",)), roles=("therapist",))
    assert reads(old, given(3, 1, "permit", by_name)) == "403", "each denial is lifted for itself"
    assert reads(old, given(3, 1, "silent", by_name, by_role)) == "permit"
    assert reads(old, given(3, 2, "silent", by_name), given(4, 1, "silent", by_role)) == "permit"


def test_what_is_over_or_ended_lifts_nothing_and_permits_nothing() -> None:
    denied = given(2, 700, "deny")
    period = TREATMENT.period.model_copy(update={"end": NOW})
    over = given(3, 5, "permit", period=period)
    assert reads(over) == "403", "its status still says active"
    assert reads(denied, over) == "403"
    assert reads(denied, over, now=NOW - timedelta(seconds=1)) == "permit"
    assert reads(denied, given(3, 5, "permit", status="revoked")) == "403"


def authority(person: str, kind: RepresentativeKind = RepresentativeKind.GUARDIAN, **changes: Any) -> RepresentativeSet:
    return RepresentativeSet(
        representative_id=uuid5(NAMESPACE_URL, person),
        client_id=TREATMENT.client_id,
        person=person,
        kind=kind,
        authority="court-order",
        start=NOW - 900 * DAY,
        may=(RepresentativePower.SIGN,),
        at=NOW - 900 * DAY,
    ).model_copy(update=changes)


BY_CLIENT: dict[str, Any] = {}
BY_G = {"consented_by": "representative", "granted_by": "g"}
BY_H = {"consented_by": "representative", "granted_by": "h"}
ENDED = NOW - 100 * DAY


@pytest.mark.parametrize(
    ("old", "new", "authorities", "expected"),
    [
        pytest.param(BY_G, BY_G, (), "permit", id="the same representative"),
        pytest.param(BY_G, BY_H, (authority("g"), authority("h")), "403", id="another representative"),
        pytest.param(BY_G, BY_H, (authority("g", end=ENDED), authority("h")), "permit", id="the one who holds the power now"),
        pytest.param(BY_G, BY_H, (authority("g", end=ENDED), authority("h", end=ENDED)), "403", id="one whose power is over"),
        pytest.param(BY_G, BY_H, (authority("h"),), "403", id="after one who was never registered"),
        pytest.param(BY_G, BY_CLIENT, (authority("g", end=ENDED),), "permit", id="the client, who decides again"),
        pytest.param(BY_G, BY_CLIENT, (authority("g"),), "403", id="the client, while a guardian decides"),
        pytest.param(BY_G, BY_CLIENT, (authority("g", end=ENDED), authority("h")), "403", id="the client, under a new guardian"),
        pytest.param(BY_G, BY_CLIENT, (), "403", id="the client, after one who was never registered"),
        pytest.param(BY_CLIENT, BY_G, (authority("g"),), "permit", id="a guardian in the client's place"),
        pytest.param(BY_CLIENT, BY_G, (authority("g", RepresentativeKind.PARENT),), "permit", id="a parent in their place"),
        pytest.param(
            BY_CLIENT, BY_G, (authority("g", RepresentativeKind.HEALTHCARE_PROXY),), "permit", id="a proxy in their place"
        ),
        pytest.param(BY_CLIENT, BY_G, (authority("g", start=NOW + DAY),), "403", id="a guardian to be"),
        pytest.param(BY_CLIENT, BY_G, (authority("g", may=(RepresentativePower.READ,)),), "403", id="who may not sign"),
        pytest.param(BY_CLIENT, BY_G, (authority("g", RepresentativeKind.OTHER),), "403", id="one who decides beside the client"),
        pytest.param(
            {"confidential_from_representatives": True}, BY_G, (authority("g"),), "403", id="what a minor decided alone"
        ),
    ],
)
def test_who_may_agree_anew(old: Any, new: Any, authorities: tuple[RepresentativeSet, ...], expected: str) -> None:
    assert reads(given(2, 700, "deny", **old), given(3, 5, "permit", **new), *authorities) == expected


def test_the_power_to_agree_anew_ends_with_the_authority() -> None:
    facts = (given(2, 700, "deny"), given(3, 5, "permit", **BY_G), authority("g", end=NOW + DAY))
    policy = fold((RELATED, *facts))

    def at(now: datetime) -> str:
        return str(explain(Question(THERAPIST, Action.READ, "TREAT", NOTE, now, NOTE.service, policy=policy)).verdict.decision)

    assert [at(NOW), at(NOW + 2 * DAY), at(NOW)] == ["permit", "deny", "permit"]
