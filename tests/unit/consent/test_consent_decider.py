"""When a consent holds, and everything that keeps it from holding."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.consent.domain.consent import Amend, Command, Consent, Phase, Revoke, Sign, decide, fold
from services.consent.domain.elements import AUTHORITY, AUTHORIZATIONS, KNOWN, SIGNATURE, required
from services.consent.domain.errors import InvalidForm, NotAllowed, NotNow
from services.consent.domain.events import (
    Attestation,
    ConsentActivated,
    ConsentAmended,
    ConsentProposed,
    ConsentRevoked,
    ConsentSigned,
    Grantor,
    RevocationReasonGiven,
)
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy, GivenProvision
from shared.contracts.consent_policy import ConsentKind, ConsentStatus
from shared.identity.roles import Role
from tests.unit.consent.given import CLIENT_ID, CONSENT_ID, NOW, form, given, propose, proposed, signed

ELEMENT_OF_EACH_KIND = [(kind, name) for kind in ConsentKind for name in required(kind)]
SIGN = Sign("noor", Role.CLIENT, NOW)


def test_a_complete_form_is_proposed_and_lacks_only_the_signature() -> None:
    (event,) = propose(form())
    assert isinstance(event, ConsentProposed)
    assert event.missing == ()
    state = given([event])
    assert state.status(NOW) is ConsentStatus.PROPOSED
    assert state.missing == (SIGNATURE,)


@pytest.mark.parametrize("kind", ConsentKind)
def test_it_becomes_active_when_nothing_is_missing_and_it_is_signed(kind: ConsentKind) -> None:
    events = decide(proposed(form(kind)), SIGN)
    assert [type(e) for e in events] == [ConsentSigned, ConsentActivated]
    state = signed(form(kind))
    assert state.status(NOW) is ConsentStatus.ACTIVE
    assert state.missing == ()


@pytest.mark.parametrize(("kind", "element"), ELEMENT_OF_EACH_KIND)
@pytest.mark.parametrize("left", [None, "", "  \n"])
def test_each_required_element_dropped_in_turn_keeps_it_from_being_active(
    kind: ConsentKind, element: str, left: str | None
) -> None:
    """45 CFR 164.508(c), 42 CFR 2.31: every element counts."""
    elements = dict(form(kind).elements)
    del elements[element]
    if left is not None:
        elements[element] = left
    state = signed(form(kind, elements=elements))
    assert state.phase is Phase.PROPOSED
    assert state.missing == (element,)


@pytest.mark.parametrize("kind", sorted(AUTHORIZATIONS))
def test_who_signs_for_the_client_describes_their_authority(kind: ConsentKind) -> None:
    """45 CFR 164.508(c)(1)(vi)."""
    guardian = Grantor(role="guardian", name="Ines Haddad")
    assert AUTHORITY in proposed(form(kind, grantor=guardian)).missing
    assert signed(form(kind, grantor=guardian)).phase is Phase.PROPOSED
    described = Grantor(role="guardian", name="Ines Haddad", authority="guardian by order of the family court")
    assert signed(form(kind, grantor=described), Role.REPRESENTATIVE).phase is Phase.ACTIVE


def test_a_representative_signing_a_form_that_names_no_authority_leaves_it_incomplete() -> None:
    state = signed(form(ConsentKind.DISCLOSURE), Role.REPRESENTATIVE)
    assert state.phase is Phase.PROPOSED
    assert state.missing == (AUTHORITY,)


def test_treatment_needs_no_described_authority() -> None:
    assert signed(form(grantor=Grantor(role="guardian", name="Ines Haddad"))).phase is Phase.ACTIVE


def test_an_amendment_completes_the_form_and_voids_the_signatures() -> None:
    before = signed(form(elements={}))
    assert before.signatures
    (event,) = decide(before, Amend(form(), "intake-1", NOW))
    assert isinstance(event, ConsentAmended)
    after = fold(before, [event])
    assert after is not None
    assert after.signatures == ()
    assert after.missing == (SIGNATURE,)
    assert [type(e) for e in decide(after, SIGN)] == [ConsentSigned, ConsentActivated]


def test_a_signature_names_the_version_that_was_signed() -> None:
    amended = fold(proposed(), decide(proposed(), Amend(form(), "intake-1", NOW)))
    event = decide(amended, SIGN)[0]
    assert isinstance(event, ConsentSigned)
    assert event.form_version == 2


@pytest.mark.parametrize("command", [Amend(form(), "intake-1", NOW), SIGN])
def test_an_active_consent_is_neither_amended_nor_signed_again(command: Command) -> None:
    with pytest.raises(NotNow):
        decide(signed(), command)


def test_signing_twice_is_refused_also_on_an_incomplete_form() -> None:
    with pytest.raises(NotNow):
        decide(signed(form(elements={})), SIGN)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.CLIENT, Role.REPRESENTATIVE, Role.INTAKE}))
def test_nobody_else_signs_or_revokes(role: Role) -> None:
    with pytest.raises(NotAllowed):
        decide(proposed(), Sign("lena.marsh", role, NOW))
    with pytest.raises(NotAllowed):
        decide(signed(), Revoke("lena.marsh", role, NOW))


def test_intake_signs_only_before_a_witness_and_a_client_needs_none() -> None:
    seen = Attestation(witness="R. Ilves", evidence="paper form, scanned")
    with pytest.raises(InvalidForm) as refused:
        decide(proposed(), Sign("intake-1", Role.INTAKE, NOW))
    assert {f.pointer for f in refused.value.faults} == {"/witness", "/evidence"}
    event = decide(proposed(), Sign("intake-1", Role.INTAKE, NOW, seen))[0]
    assert isinstance(event, ConsentSigned)
    assert event.attestation.value == seen
    with pytest.raises(InvalidForm):
        decide(proposed(), replace(SIGN, attestation=seen))


@pytest.mark.parametrize("state", [proposed(), signed()])
@pytest.mark.parametrize("role", [Role.CLIENT, Role.REPRESENTATIVE, Role.INTAKE])
def test_revoked_is_final(state: Consent, role: Role) -> None:
    events = decide(state, Revoke("noor", role, NOW))
    assert [type(e) for e in events] == [ConsentRevoked]
    after = fold(state, events)
    assert after is not None
    assert after.status(NOW) is ConsentStatus.REVOKED
    for command in (SIGN, Amend(form(), "intake-1", NOW), Revoke("noor", role, NOW)):
        with pytest.raises(NotNow):
            decide(after, command)


def test_a_reason_is_an_event_of_its_own_so_that_revoking_needs_no_key() -> None:
    revoked, reason = decide(signed(), Revoke("noor", Role.CLIENT, NOW, "I want a pause."))
    assert isinstance(revoked, ConsentRevoked)
    assert isinstance(reason, RevocationReasonGiven)
    assert reason.reason.value == "I want a pause."


def test_an_active_consent_whose_period_is_over_is_expired_and_a_date_includes_its_day() -> None:
    state = signed(form(period=GivenPeriod(start="2026-01-01", end="2026-03-02")))
    assert state.status(NOW) is ConsentStatus.ACTIVE
    assert state.status(NOW + timedelta(hours=14)) is ConsentStatus.EXPIRED


def test_an_amendment_keeps_client_and_kind() -> None:
    other = form(ConsentKind.MEASUREMENT, client_id=CONSENT_ID)
    with pytest.raises(InvalidForm) as refused:
        decide(proposed(), Amend(other, "intake-1", NOW))
    assert [f.pointer for f in refused.value.faults] == ["/client_id", "/kind"]


def test_every_fault_of_a_form_is_listed() -> None:
    wrong = form(
        period=GivenPeriod(start="2026-03-02", end="2026-03-01"),
        policy=GivenPolicy(
            base="permit",
            provisions=(GivenProvision(type="deny", period=GivenPeriod(start="2026-03-02", end="2026-01-01")),),
        ),
        elements={"explained_on": "2026-03-04", "mood": "x", "nature": "x" * 10_001, "a/b": ""},
    )
    with pytest.raises(InvalidForm) as refused:
        propose(wrong)
    assert {f.pointer for f in refused.value.faults} == {
        "/period/end",
        "/policy/provisions/0/period/end",
        "/elements/explained_on",
        "/elements/mood",
        "/elements/nature",
        "/elements/a~1b",
    }


def test_faults_name_what_is_allowed_and_never_quote_what_was_sent() -> None:
    with pytest.raises(InvalidForm) as refused:
        propose(form(elements={"explained_on": "the day the kite flew", "mood": "low"}))
    text = " ".join(f.detail for f in refused.value.faults)
    assert "limits_of_confidentiality" in text
    assert "kite" not in text


@pytest.mark.parametrize("kind", ConsentKind)
def test_any_known_element_may_stand_in_any_kind(kind: ConsentKind) -> None:
    (event,) = propose(form(kind, elements=dict.fromkeys(KNOWN, "said") | {"explained_on": "2026-03-02T09:00:00Z"}))
    assert isinstance(event, ConsentProposed)
    assert event.missing == ()


def test_the_form_is_kept_without_its_blanks() -> None:
    (event,) = propose(form(elements={**form().elements, "risks": " "}))
    assert isinstance(event, ConsentProposed)
    assert "risks" not in event.elements.value
    assert event.client_id == CLIENT_ID


def test_only_its_author_amends_a_proposal() -> None:
    """Between reading and signing nobody else changes what the client will sign."""
    with pytest.raises(NotAllowed):
        decide(proposed(), Amend(form(), "lena.marsh", NOW))
    assert decide(proposed(), Amend(form(), "intake-1", NOW))


@pytest.mark.parametrize("depth", [0, 1])
def test_nobody_attests_a_signature_to_a_form_that_names_them(depth: int) -> None:
    names = GivenProvision(type="permit", actors=("desk",))
    policy = GivenPolicy(base="deny", provisions=(names if not depth else GivenProvision(type="deny", provisions=(names,)),))
    attested = Attestation(witness="R. Ilves", evidence="paper form")
    state = proposed(form(ConsentKind.DISCLOSURE, policy=policy))
    with pytest.raises(NotAllowed):
        decide(state, Sign("desk", Role.INTAKE, NOW, attested))
    assert decide(state, Sign("another.desk", Role.INTAKE, NOW, attested))
