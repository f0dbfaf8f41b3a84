"""The specification's Consent examples decide as written down: read by consent, decided by the gate's own engine."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.audit_log.decision.domain.rules.dialects import covers
from services.consent.domain.consent import Propose, fold
from services.consent.domain.elements import missing
from services.consent.domain.fhir.criteria import Home
from services.consent.domain.fhir.reading import Imported, read_consent
from services.consent.domain.life import decide
from shared.contracts.consent_policy import ConsentSet, RelationshipSet
from shared.identity.roles import Role
from tests.support.fhir_examples import consent_examples
from tests.unit.audit_log.asking import CLIENT, RIVERA, STRANGER, THERAPIST, ask, person, record, relation
from tests.unit.consent.fhir_cases import ACTIVE, CASES, OVER, TODAY, Case

OWN = Path(__file__).parent / "fhir_examples"


def own(case: Case) -> Imported:
    return read_consent(json.loads((OWN / f"{case.own}.json").read_text()), Home("riverside"))


def spec(case: Case) -> Imported:
    """The specification's own file, with a client of ours in it. Its practice is f001."""
    folder = consent_examples()
    if folder is None:
        pytest.skip("the specification's own examples cannot be had here")
    resource: dict[str, Any] = json.loads((folder / f"Consent-consent-example-{case.spec}.json").read_text())
    return read_consent({**resource, "patient": {"reference": f"Patient/{CLIENT}"}}, Home("f001"))


def set_of(imported: Imported, at: datetime) -> ConsentSet:
    """What the gate would hold of it, once it is active."""
    form = imported.form
    state = fold(None, decide(None, Propose(UUID(int=7), form, "intake", at)))
    assert state is not None
    return ConsentSet(
        consent_id=UUID(int=7),
        client_id=form.client_id,
        kind=form.kind,
        status=ACTIVE,
        policy=form.policy.machine(),
        period=form.period.instants(),
        covers=state.form.covers,
        at=at,
    )


def reads(sub: str, imported: Imported, at: datetime, *, related: bool) -> bool:
    agent = THERAPIST if sub == RIVERA else STRANGER if related else person(sub, Role.THERAPIST)
    facts: list[ConsentSet | RelationshipSet] = [set_of(imported, at)]
    if related:
        facts.append(relation(agent.id, "therapist", start=at.replace(year=2000)))
    note = record("progress_note", "somebody-else", created_at=at.replace(year=2014))
    return ask(agent, "read", note, facts=facts, now=at).permitted


@pytest.mark.parametrize("read", [own, spec], ids=["own", "spec"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.own)
def test_each_example_decides_as_written_down(case: Case, read: Any) -> None:
    imported = read(case)
    at = case.inside if read is own else case.spec_inside
    assert imported.dialect == "r4"
    assert reads(RIVERA, imported, at, related=True) is case.therapist, case.why
    if read is own:
        assert reads("t-okafor", imported, at, related=True) is case.other, case.why
    assert not reads("stranger", imported, at, related=False), case.why
    if case.named is not None:
        assert reads(case.named[read is spec], imported, at, related=False) is case.named_reads, case.why
    form = imported.form
    lacking = missing(form.kind, form.elements, form.grantor.role, bool(form.grantor.authority))
    assert (not lacking) is case.complete, lacking


@pytest.mark.parametrize("case", [c for c in CASES if c.own in OVER], ids=lambda c: c.own)
def test_what_is_over_opens_nothing(case: Case) -> None:
    period = set_of(own(case), case.inside).period
    assert covers(period, case.inside)
    assert not covers(period, TODAY)
    assert not reads(RIVERA, own(case), TODAY, related=True)


def test_every_example_of_the_specification_has_its_row() -> None:
    assert {c.own for c in CASES} == {f.stem for f in OWN.glob("*.json")}
    if (folder := consent_examples()) is not None:
        assert {c.spec for c in CASES} == {f.stem.removeprefix("Consent-consent-example-") for f in folder.glob("*.json")}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.own)
def test_a_cautious_reading_is_said(case: Case) -> None:
    """Whoever sent a consent that opens less than it may have meant is told so."""
    if case.own != "not-org":
        assert own(case).warnings
