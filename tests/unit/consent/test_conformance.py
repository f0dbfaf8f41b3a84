"""Each published case is read as its sender would send it and decided by the gate's own engine; docs/consent-conformance.md is
made of what comes out."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.audit_log.decision.domain.decision import decide
from services.audit_log.decision.domain.grants import Grant, GrantStatus
from services.audit_log.decision.domain.policy import fold
from services.audit_log.decision.domain.question import Question
from services.consent.domain.consent import Propose
from services.consent.domain.consent import fold as fold_consent
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.criteria import Home
from services.consent.domain.fhir.reading import read_consent
from services.consent.domain.life import decide as decide_consent
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, Period, Policy, PolicyChange
from shared.contracts.disclosure import Action
from shared.identity.roles import Role
from tests.unit.audit_log.asking import CLIENT, person, record, relation
from tests.unit.consent.published_cases import CASES, NAMED, ORGANISATION, Ask, Published

PAGE = Path(__file__).parents[3] / "docs" / "consent-conformance.md"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
UNRELATED = frozenset({NAMED, ORGANISATION})


def resource(sent: dict[str, Any]) -> dict[str, Any]:
    scope = sent.get("scope", "patient-privacy")
    base = {
        "resourceType": "Consent",
        "status": "active",
        "category": [{"coding": [{"system": codes.LOINC, "code": "59284-0"}]}],
        "performer": [{"reference": f"Patient/{CLIENT}"}],
        "organization": [{"reference": "Organization/riverside"}],
        "sourceReference": {"reference": "DocumentReference/signed"},
    }
    if "decision" in sent:
        said = {name: value for name, value in sent.items() if value not in ([], {})}  # nothing empty is taken
        return {"resourceType": "Consent", "subject": {"reference": f"Patient/{CLIENT}"}, **said}
    scoped = {"scope": {"coding": [{"system": codes.SCOPE, "code": scope}]}, "patient": {"reference": f"Patient/{CLIENT}"}}
    return {**base, **sent, **scoped}


def set_of(sent: dict[str, Any], version: str, n: int) -> ConsentSet:
    """What the gate would hold of it, once it is active."""
    imported = read_consent(resource(sent), Home("riverside"), "r5" if version == "r5" else None)
    at = LONG_AGO + timedelta(days=n)
    state = fold_consent(None, decide_consent(None, Propose(UUID(int=n), imported.form, "intake", at)))
    assert state is not None
    return ConsentSet(
        consent_id=UUID(int=n),
        client_id=imported.form.client_id,
        kind=imported.form.kind,
        status=ConsentStatus.ACTIVE if imported.status == "active" else ConsentStatus.REVOKED,
        policy=imported.form.policy.machine(),
        period=imported.form.period.instants(),
        covers=state.form.covers,
        at=at,
    )


TREATMENT = tuple(
    ConsentSet(
        consent_id=UUID(int=900 + n),
        client_id=UUID(CLIENT),
        kind=kind,
        status=ConsentStatus.ACTIVE,
        policy=Policy(base="permit"),
        period=Period(start=LONG_AGO),
        at=LONG_AGO,
    )
    for n, kind in enumerate((ConsentKind.TREATMENT, ConsentKind.MEASUREMENT))
)


def question(case: Published) -> Question:
    ask = case.ask
    facts: list[PolicyChange] = [set_of(sent, case.version, n) for n, sent in enumerate(case.consents, start=1)]
    facts += [] if ask.alone else TREATMENT
    if ask.who not in UNRELATED or not ask.alone:
        facts.append(relation(ask.who, "therapist", start=LONG_AGO))
    about = record(ask.record, "somebody-else", *ask.labels, created_at=ask.made)
    grant = Grant(
        id="g", sub=ask.who, client_id=CLIENT, purpose=ask.purpose, scope=frozenset({about.key_class}), status=GrantStatus.ACTIVE,
        expires_at=ask.at + timedelta(hours=1), approved_by=None,
    )  # fmt: skip
    return Question(
        person(ask.who, Role.THERAPIST), Action.READ, ask.purpose, about, ask.at, about.service, policy=fold(facts),
        grants=(grant,) if ask.granted else (),
    )  # fmt: skip


def ours(case: Published) -> str:
    return "permit" if decide(question(case)).permitted else "deny"


@pytest.mark.parametrize("source", ["IHE", "LEAP", "HAPI"])
def test_no_case_is_more_open_than_its_source(source: str) -> None:
    cases = [c for c in CASES if c.source == source]
    assert len(cases) >= 40
    opened = [(c.name, c.ask) for c in cases if c.ask.expected != "permit" and ours(c) == "permit"]
    assert not opened


def test_where_we_differ_the_case_says_why() -> None:
    assert len(CASES) >= 120
    stricter = [(c.name, c.ask) for c in CASES if c.ask.expected == "permit" and ours(c) == "deny"]
    unexplained = [(c.name, c.ask) for c in CASES if (c.name, c.ask) in stricter and not c.why]
    assert not unexplained


def test_the_page_is_what_comes_out() -> None:
    text = page()
    if os.environ.get("WRITE_PAGES"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text, "run this test once with WRITE_PAGES=1"


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    agree = Counter(c.source for c in CASES if not differs(c))
    yield from HEAD.format(all=len(CASES), agreed=agree.total(), stricter=len(CASES) - agree.total()).splitlines()
    yield "| source | cases | same decision | stricter here | more open here |"
    yield "|---|---|---|---|---|"
    for source in SOURCES:
        cases = [c for c in CASES if c.source == source]
        yield f"| {SOURCES[source]} | {len(cases)} | {agree[source]} | {len(cases) - agree[source]} | 0 |"
    for source, those in groupby(CASES, key=lambda c: c.source):
        yield from ("", f"## {SOURCES[source]}", "", "| case | asked | theirs | ours | why we differ |", "|---|---|---|---|---|")
        for c in those:
            version = f" ({c.version.upper()})" if source == "LEAP" else ""
            yield f"| {c.name}{version} | {asked(c.ask)} | {c.ask.expected} | {ours(c)} | {c.why if differs(c) else ''} |"


def differs(case: Published) -> bool:
    return (case.ask.expected == "permit") != (ours(case) == "permit")


def asked(ask: Ask) -> str:
    usual = Ask("deny")
    expiring = ask.at.year in (2022, 2023) and ask.at != usual.at and ask.made == usual.made
    parts = [
        ask.purpose,
        f"a record labelled {', '.join(ask.labels)}" if ask.labels else "",
        ask.what,
        f"a record of {ask.made:%Y-%m-%d}" if ask.made != Ask("deny").made else "",
        f"on {ask.at:%Y-%m-%d}" if expiring else "",
        f"by {ask.who}" if ask.who in (NAMED, ORGANISATION) else "by whom it names" if ask.who in ("54", "001") else "",
        "with a break-glass grant" if ask.granted else "",
        "of this consent alone" if ask.alone else "",
    ]
    return ", ".join(part for part in parts if part)


SOURCES = {
    "IHE": "IHE ITI Privacy Consent on FHIR, examples (IHE/ITI.PCF)",
    "LEAP": "LEAP consent decision service (sdhealthconnect/leap-cds, leap-fhir-ces)",
    "HAPI": "HAPI FHIR, votes of consent services and ConsentInterceptor (hapifhir/hapi-fhir)",
}
HEAD = """# Consent decisions beside published cases

Made by `tests/unit/consent/test_conformance.py`: it reads each case as its sender would send it, and asks the gate's own engine.
Facts of the cases are theirs, the form is ours. Of {all} cases {agreed} come out as their source says; {stricter} are stricter
here, each with its reason; none is more open.

- **Asked**: the purpose of use, and what is special about the record or the reader. The reader holds a relationship to the
  client, unless the consent names them.
- A source knows one consent a client. What it permits or denies is asked beside the client's ordinary consent to treatment.
  What a permission does not name is asked *of this consent alone*: a permission narrows no other consent, and its sender is
  told so.
- **Theirs**: `silence` where the source says that no consent speaks. Nothing opens by it.
"""
