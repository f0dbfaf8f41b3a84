"""The gate learns of what counts for decisions, whole, and of nothing else."""

from services.consent.domain import policy_change
from services.consent.domain.consent import Amend, Consent, Revoke, Sign, decide, fold
from services.consent.domain.periods import GivenPeriod
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus
from shared.identity.roles import Role
from tests.unit.consent.given import NOW, form, proposed, signed


def after(state: Consent, command: Amend | Sign | Revoke) -> ConsentSet | None:
    changed = fold(state, decide(state, command))
    assert changed is not None
    return policy_change.of_consent(state, changed, NOW)


def test_a_proposal_its_amendment_and_its_withdrawal_change_no_decision() -> None:
    assert policy_change.of_consent(None, proposed(), NOW) is None
    assert after(proposed(), Amend(form(), "intake-1", NOW)) is None
    assert after(proposed(form(elements={})), Sign("noor", Role.CLIENT, NOW)) is None
    assert after(proposed(), Revoke("noor", Role.CLIENT, NOW)) is None


def test_an_activation_tells_the_whole_state_in_instants() -> None:
    filled = form(ConsentKind.DISCLOSURE, period=GivenPeriod(start="2026-01-01", end="2026-12-31"))
    change = after(proposed(filled), Sign("noor", Role.CLIENT, NOW))
    assert change is not None
    assert change.status is ConsentStatus.ACTIVE
    assert change.covers == ("progress_note",)
    assert change.period == filled.period.instants()


def test_a_revocation_tells_it() -> None:
    change = after(signed(), Revoke("noor", Role.CLIENT, NOW, "I want a pause."))
    assert change is not None
    assert change.status is ConsentStatus.REVOKED
    assert "pause" not in change.model_dump_json()
