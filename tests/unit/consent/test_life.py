"""The talk, and every end of a consent, at the decider."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.consent.domain import jurisdictions, policy_change
from services.consent.domain.consent import Amend, Consent, Form, Phase, Revoke, Sign, fold
from services.consent.domain.errors import InvalidForm, NotAllowed, NotNow
from services.consent.domain.jurisdictions import MinorAlone
from services.consent.domain.life import (
    CallForTalk,
    Command,
    Expire,
    Explain,
    Refuse,
    RevokeRecipient,
    Supersede,
    decide,
)
from services.consent.domain.life_events import Because, Talk
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy, GivenProvision
from services.consent.domain.standing import Signer, Standing
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, RepresentativePower
from shared.identity.roles import Role
from tests.unit.consent.given import CONSENT_ID, NOW, form, proposed, signed

LATER = NOW + timedelta(days=30)
TALK = Talk(method="teach_back")
MINOR = Standing(minor=True)


def after(state: Consent, *commands: Command) -> Consent:
    for command in commands:
        changed = fold(state, decide(state, command))
        assert changed is not None
        state = changed
    return state


def explained(understood: bool = True, at: datetime = NOW) -> Explain:
    return Explain("lena.marsh", Role.THERAPIST, "2026-03-02", understood, TALK, at)


def told(before: Consent, now: Consent) -> ConsentSet | None:
    return policy_change.of_consent(before, now, LATER)


# the talk


def test_who_explained_it_and_when_is_kept() -> None:
    state = after(proposed(), explained())
    (talk,) = state.explanations
    assert (talk.by, talk.role, talk.on, talk.understood, talk.form_version) == ("lena.marsh", "therapist", "2026-03-02", True, 1)


def test_what_was_not_understood_is_not_signed_until_it_is_explained_again() -> None:
    state = after(proposed(), explained(understood=False))
    with pytest.raises(NotNow, match="not understood"):
        decide(state, Sign("noor", Role.CLIENT, NOW))
    assert after(state, explained(), Sign("noor", Role.CLIENT, NOW)).phase is Phase.ACTIVE


def test_an_amended_form_was_not_explained_yet() -> None:
    assert after(proposed(), explained(), Amend(form(), "intake-1", NOW)).explanations == ()


@pytest.mark.parametrize("on", ["2026-03-04", "2026-02-30", "soon"])
def test_a_talk_was_on_a_day_that_was(on: str) -> None:
    with pytest.raises(InvalidForm):
        decide(proposed(), Explain("lena.marsh", Role.THERAPIST, on, True, TALK, NOW))


@pytest.mark.parametrize("role", [Role.CLIENT, Role.REPRESENTATIVE, Role.ADMINISTRATOR, Role.EHR_SYSTEM])
def test_who_explains(role: Role) -> None:
    with pytest.raises(NotAllowed):
        decide(proposed(), Explain("somebody", role, "2026-03-02", True, TALK, NOW))


# due again


@pytest.mark.parametrize("because", [Because.MODALITY, Because.PLAN, Because.RISK])
def test_a_change_makes_the_talk_due_and_closes_nothing(because: Because) -> None:
    before = signed()
    state = after(before, CallForTalk(because, "lena.marsh", Role.THERAPIST, LATER))
    assert state.due_for(LATER) == (because,)
    assert state.phase is Phase.ACTIVE
    assert told(before, state) is None
    assert decide(state, CallForTalk(because, "lena.marsh", Role.THERAPIST, LATER)) == []


def test_it_is_affirmed_by_another_talk_and_another_signature() -> None:
    state = after(signed(), CallForTalk(Because.RISK, "lena.marsh", Role.THERAPIST, LATER))
    with pytest.raises(NotNow, match="explained again"):
        decide(state, Sign("noor", Role.CLIENT, LATER))
    state = after(state, explained(at=LATER), Sign("noor", Role.CLIENT, LATER))
    assert state.due_for(LATER) == ()
    with pytest.raises(NotNow):
        decide(state, Sign("noor", Role.CLIENT, LATER))


def test_it_is_due_by_date() -> None:
    state = signed(form(review_on="2026-03-20"))
    assert state.due_for(NOW) == ()
    assert state.due_for(LATER) == (Because.DATE,)
    assert state.next_time() == datetime(2026, 3, 20, tzinfo=UTC)
    affirmed = after(state, explained(at=LATER), Sign("noor", Role.CLIENT, LATER))
    assert affirmed.due_for(LATER) == ()
    assert affirmed.next_time() is None


# refused, expired, superseded


def test_refusing_is_final_and_opens_nothing() -> None:
    state = after(proposed(), Refuse("noor", Role.CLIENT, NOW))
    assert state.status(NOW) is ConsentStatus.REFUSED
    assert told(proposed(), state) is None
    for command in (Sign("noor", Role.CLIENT, NOW), Revoke("noor", Role.CLIENT, NOW), Refuse("noor", Role.CLIENT, NOW)):
        with pytest.raises(NotNow):
            decide(state, command)
    with pytest.raises(NotNow):
        decide(signed(), Refuse("noor", Role.CLIENT, NOW))
    with pytest.raises(NotAllowed):
        decide(proposed(), Refuse("lena.marsh", Role.THERAPIST, NOW))


def test_an_event_ends_it() -> None:
    before = signed(form(ConsentKind.DISCLOSURE, ends_with_event=True))
    state = after(before, Expire("intake-1", Role.INTAKE, LATER, "2026-03-15"))
    change = told(before, state)
    assert (state.expired_by, change and change.status) == ("event", ConsentStatus.EXPIRED)
    with pytest.raises(NotNow):
        decide(state, Expire("intake-1", Role.INTAKE, LATER, "2026-03-15"))


@pytest.mark.parametrize("depth", [1, 2])
def test_nobody_notes_an_event_that_would_lift_the_clients_denial(depth: int) -> None:
    """Whoever is denied could else say that it had ended; by date it ends as the client said."""
    deny = GivenProvision(type="deny", actors=("t-okoye",))
    policy = GivenPolicy(base="permit", provisions=(deny if depth == 1 else GivenProvision(type="permit", provisions=(deny,)),))
    period = GivenPeriod(start="2026-01-01", end="2026-03-10")
    state = signed(form(ConsentKind.DISCLOSURE, policy=policy, period=period, ends_with_event=True))
    for by, role in (("t-okoye", Role.THERAPIST), ("intake-1", Role.INTAKE)):
        with pytest.raises(NotAllowed, match="the client alone"):
            decide(state, Expire(by, role, NOW, "2026-03-01"))
    assert after(state, Expire("service:consent", None, LATER)).expired_by == "date"
    assert after(state, Expire("t-okoye", Role.THERAPIST, LATER, "2026-03-11")).expired_by == "date"


def test_a_form_that_names_no_event_ends_with_none() -> None:
    with pytest.raises(NotAllowed, match="does not say"):
        decide(signed(form(ConsentKind.DISCLOSURE)), Expire("intake-1", Role.INTAKE, LATER, "2026-03-15"))
    with pytest.raises(InvalidForm) as refused:
        proposed(form(ends_with_event=True))
    assert [f.pointer for f in refused.value.faults] == ["/ends_with_event"]


@pytest.mark.parametrize("by", ["sam.okoye", "cmhc-billing"])
def test_nobody_notes_the_end_of_a_form_that_names_them(by: str) -> None:
    state = signed(named("sam.okoye", recipients=("cmhc-billing",), ends_with_event=True))
    with pytest.raises(NotAllowed, match="names them"):
        decide(state, Expire(by, Role.INTAKE, LATER, "2026-03-15"))
    assert after(state, Expire("intake-1", Role.INTAKE, LATER, "2026-03-15")).expired_by == "event"


DENIED = GivenPolicy(base="permit", provisions=(GivenProvision(type="deny", actors=("sam.okoye",)),))
NAMED_ABOVE_A_DENIAL = GivenPolicy(
    base="permit",
    provisions=(
        GivenProvision(type="permit", actors=("sam.okoye",), provisions=(GivenProvision(type="deny", labels=("PSY",)),)),
    ),
)


@pytest.mark.parametrize("policy", [DENIED, NAMED_ABOVE_A_DENIAL])
@pytest.mark.parametrize("role", [Role.INTAKE, Role.REPRESENTATIVE])
def test_whom_it_denies_withdraws_replaces_and_refuses_it_for_nobody(policy: GivenPolicy, role: Role) -> None:
    offered, state = proposed(form(policy=policy)), signed(form(policy=policy))
    for held, command in (
        (state, Revoke("sam.okoye", role, LATER)),
        (state, Supersede(signed(), Sign("sam.okoye", role, LATER))),
        (offered, Refuse("sam.okoye", role, LATER)),
    ):
        with pytest.raises(NotAllowed, match="Nobody but the client"):
            decide(held, command)
    assert after(state, Revoke("intake-1", Role.INTAKE, LATER)).phase is Phase.REVOKED
    assert after(state, Revoke("sam.okoye", Role.CLIENT, LATER)).phase is Phase.REVOKED
    allowing = named("sam.okoye")
    assert after(signed(allowing), Revoke("sam.okoye", role, LATER)).phase is Phase.REVOKED


def test_what_somebody_may_not_withdraw_they_do_not_end_by_signing_another() -> None:
    may_sign = Standing(powers=frozenset({RepresentativePower.SIGN}))
    with pytest.raises(NotAllowed, match="No authority"):
        decide(signed(), Supersede(signed(), Sign("ines", Role.REPRESENTATIVE, LATER, standing=may_sign)))
    alone = form(jurisdiction="US-CA", limits_explained=("duty_to_protect", "child_abuse"),
                 minor_alone=MinorAlone("outpatient_mental_health", 14))  # fmt: skip
    both = Standing(powers=frozenset(RepresentativePower))
    for role, said in ((Role.REPRESENTATIVE, None), (Role.INTAKE, Signer.REPRESENTATIVE)):
        with pytest.raises(NotAllowed, match="alone"):
            decide(signed(alone), Supersede(signed(), Sign("x", role, LATER, signer=said, standing=both)))


def test_a_period_that_is_over_is_noted_and_one_that_is_not_is_not() -> None:
    state = signed(form(period=GivenPeriod(start="2026-01-01", end="2026-03-10")))
    with pytest.raises(NotNow, match="not over"):
        decide(state, Expire("service:consent", None, NOW))
    assert after(state, Expire("service:consent", None, LATER)).expired_by == "date"
    with pytest.raises(NotAllowed):
        decide(state, Expire("noor", Role.CLIENT, LATER, "2026-03-11"))


BY_NOOR = Sign("noor", Role.CLIENT, LATER)


def test_a_new_one_of_the_same_kind_takes_its_place() -> None:
    old, new = signed(), replace(signed(), consent_id=CONSENT_ID)
    over = after(old, Supersede(new, BY_NOOR))
    change = told(old, over)
    assert (over.superseded_by, change and change.status) == (CONSENT_ID, ConsentStatus.SUPERSEDED)
    with pytest.raises(InvalidForm):
        decide(signed(form(ConsentKind.MEASUREMENT)), Supersede(new, BY_NOOR))
    assert decide(over, Supersede(new, BY_NOOR)) == []


# one recipient


def named(*actors: str, **changes: Any) -> Form:
    provisions = tuple(GivenProvision(type="permit", actors=(a,)) for a in actors)
    return form(ConsentKind.DISCLOSURE, policy=GivenPolicy(base="deny", provisions=provisions), **changes)


def test_only_that_recipient_flips() -> None:
    before = signed(named("sam.okoye", "ada.lind"))
    state = after(before, RevokeRecipient("sam.okoye", "noor", Role.CLIENT, LATER))
    change = told(before, state)
    assert change is not None
    assert (change.status, change.revoked_recipients) == (ConsentStatus.ACTIVE, ("sam.okoye",))
    with pytest.raises(NotNow):
        decide(state, RevokeRecipient("sam.okoye", "noor", Role.CLIENT, LATER))


def test_a_misspelt_recipient_is_said_not_swallowed() -> None:
    with pytest.raises(InvalidForm) as refused:
        decide(signed(named("sam.okoye")), RevokeRecipient("sam.okoy", "noor", Role.CLIENT, LATER))
    assert [f.pointer for f in refused.value.faults] == ["/recipient"]
    assert after(signed(), RevokeRecipient("anybody", "noor", Role.CLIENT, LATER)).revoked_recipients == ("anybody",)


# for whom somebody speaks


def test_a_minors_agreement_makes_nothing_active_and_a_parents_does() -> None:
    state = after(proposed(), Sign("noor", Role.CLIENT, NOW, standing=MINOR))
    assert (state.phase, state.missing) == (Phase.PROPOSED, ("signature",))
    assert state.signatures[0].assent
    state = after(state, Sign("ines", Role.REPRESENTATIVE, NOW, standing=MINOR))
    assert (state.phase, state.given_by) == (Phase.ACTIVE, Signer.REPRESENTATIVE)


def test_intake_says_whose_signature_it_saw() -> None:
    seen = Sign("intake-1", Role.INTAKE, NOW, attestation=None)
    with pytest.raises(InvalidForm):
        decide(proposed(), seen)


def test_a_service_a_minor_consented_to_alone_shuts_representatives_out() -> None:
    alone = form(jurisdiction="US-CA", limits_explained=("duty_to_protect", "child_abuse"),
                 minor_alone=MinorAlone("outpatient_mental_health", 14))  # fmt: skip
    state = after(proposed(alone), Sign("noor", Role.CLIENT, NOW, standing=MINOR))
    change = told(proposed(alone), state)
    assert change is not None
    assert (change.consented_by, change.confidential_from_representatives) == ("client", True)
    mighty = Standing(minor=True, powers=frozenset(RepresentativePower))
    for command in (Revoke("ines", Role.REPRESENTATIVE, NOW, standing=mighty),):
        with pytest.raises(NotAllowed):
            decide(state, command)
    with pytest.raises(NotAllowed):
        decide(proposed(alone), Sign("ines", Role.REPRESENTATIVE, NOW, standing=mighty))
    assert change.model_dump_json().find("outpatient") == -1  # which service it is stays sealed


@pytest.mark.parametrize(
    ("jurisdiction", "service", "age", "pointer"),
    [
        ("US-CA", "outpatient_mental_health", 11, "/minor_alone/age"),
        ("US-CA", "outpatient_mental_health", 18, "/minor_alone/age"),
        ("US-CA", "surgery", 17, "/minor_alone/service"),
        ("US-MS", "outpatient_mental_health", 17, "/minor_alone/service"),
        (None, "outpatient_mental_health", 17, "/minor_alone/service"),
    ],
)
def test_a_minor_consents_alone_where_a_sourced_row_says_so(
    jurisdiction: str | None, service: str, age: int, pointer: str
) -> None:
    with pytest.raises(InvalidForm) as refused:
        proposed(form(jurisdiction=jurisdiction, minor_alone=MinorAlone(service, age)))
    assert [f.pointer for f in refused.value.faults] == [pointer]


def test_without_capacity_nothing_is_signed_and_everything_can_be_withdrawn() -> None:
    lost = Standing(incapacitated_since=NOW)
    with pytest.raises(NotNow, match="capacity"):
        decide(proposed(), Sign("noor", Role.CLIENT, NOW, standing=lost))
    assert after(signed(), Revoke("noor", Role.CLIENT, NOW, standing=lost)).phase is Phase.REVOKED
    assert after(proposed(), Refuse("noor", Role.CLIENT, NOW, standing=lost)).phase is Phase.REFUSED


def test_a_registered_representative_has_the_powers_that_are_registered() -> None:
    reader = Standing(powers=frozenset({RepresentativePower.READ}))
    with pytest.raises(NotAllowed):
        decide(proposed(), Sign("ines", Role.REPRESENTATIVE, NOW, standing=reader))
    with pytest.raises(NotAllowed):
        decide(signed(), Revoke("ines", Role.REPRESENTATIVE, NOW, standing=reader))


def test_limits_of_confidentiality_are_explained_one_by_one() -> None:
    state = proposed(form(jurisdiction="US-CA", limits_explained=("child_abuse",)))
    assert state.missing == ("limits_of_confidentiality/duty_to_protect", "signature")
    assert proposed(form(jurisdiction="FR")).missing == ("signature",)  # no sourced row: the words have to say it
    with pytest.raises(InvalidForm):
        proposed(form(jurisdiction="US-CA", limits_explained=("gossip",)))


def test_every_row_of_a_jurisdiction_has_its_citation() -> None:
    for table in (jurisdictions.MAJORITY, jurisdictions.MINORS_ALONE, jurisdictions.LIMITS):
        for row in table:
            assert row.source.citation and row.source.reviewer == ""
