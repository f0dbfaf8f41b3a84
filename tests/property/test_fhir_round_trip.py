"""A consent comes back from FHIR as it went: what was sent to the last field, what was made here to the last provision."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit_log.decision.domain.rules.dialects import normal
from services.consent.domain.consent import Consent, Form, Propose, fold
from services.consent.domain.events import Grantor
from services.consent.domain.fhir.criteria import Home
from services.consent.domain.fhir.reading import read_consent
from services.consent.domain.fhir.rendering import Version, render, render_source
from services.consent.domain.life import decide
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy, GivenProvision
from services.consent.domain.strict_readings import notes, readings
from shared.contracts.codes import ACTIONS, PURPOSES, ROLES
from shared.contracts.consent_policy import ConsentKind, ConsentStatus

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLIENT = UUID("c1c1c1c1-0000-4000-8000-000000000001")
HOME = Home("clinic")


def some(values: Any) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(sorted(values)), max_size=2, unique=True).map(tuple)


SUBS = st.lists(st.sampled_from(["lena.marsh", "EHR-1", "a b/c", "ü-mlaut", "x" * 100, "user|7"]), max_size=2, unique=True)
PERIODS = st.none() | st.builds(
    GivenPeriod, start=st.sampled_from(["2026-01-01", "2026-01-01T09:30:00+02:00"]), end=st.sampled_from([None, "2026-12-31"])
)


def provisions(kinds: Any, nested: Any) -> st.SearchStrategy[GivenProvision]:
    fields = {
        "type": kinds,
        "purposes": some(PURPOSES),
        "actions": some(ACTIONS),
        "resource_types": some(["Observation", "progress_note", "measures", "DocumentReference"]),
        "labels": some(["PSY", "SUD", "N", "R", "InConfidence"]),
        "period": PERIODS,
        "data_period": PERIODS,
        "provisions": nested,
    }
    by_name = st.builds(GivenProvision, actors=SUBS.map(tuple), **fields)
    return by_name | st.builds(GivenProvision, roles=some(ROLES), **fields)


TYPES = st.sampled_from(["permit", "deny"])
NONE: st.SearchStrategy[tuple[GivenProvision, ...]] = st.just(())
TREES = provisions(TYPES, st.lists(provisions(TYPES, NONE), max_size=2).map(tuple))
PROVISIONS = st.lists(TREES, max_size=3).map(tuple)
POLICIES = st.one_of(
    st.builds(GivenPolicy, base=st.sampled_from(["permit", "deny", "silent"]), dialect=st.just("r4"), provisions=PROVISIONS),
    st.builds(GivenPolicy, base=TYPES, dialect=st.just("pcf"), provisions=PROVISIONS),
)
KINDS = st.sampled_from([k for k in ConsentKind if k is not ConsentKind.PSYCHOTHERAPY_NOTES])


def version(kind: ConsentKind, policy: GivenPolicy) -> Version:
    form = Form(CLIENT, kind, Grantor(role="client", name="Noor Haddad"), policy, GivenPeriod(start="2026-01-01"), {})
    state: Consent | None = fold(None, decide(None, Propose(UUID(int=1), form, "intake-1", AT)))
    assert state is not None
    return Version(state, ConsentStatus.PROPOSED, AT, HOME.tenant)


@settings(max_examples=300, deadline=None)
@given(KINDS, POLICIES)
def test_a_consent_made_here_means_the_same_when_it_is_read_back(kind: ConsentKind, policy: GivenPolicy) -> None:
    shown = render(version(kind, policy), Grantor(role="client", name="Noor Haddad"))
    again = read_consent(json.loads(json.dumps(shown)), HOME)
    read_back = again.form.policy
    assert (read_back.dialect, read_back.provisions) == (policy.dialect, policy.provisions)
    # R4 has no word for a base of deny that leaves others alone: it comes back as silent, which decides the same
    assert normal(read_back.machine()) == normal(policy.machine())
    assert (read_back.base == "permit") == (policy.base == "permit")
    assert (again.form.kind, again.form.period.start, again.form.client_id) == (kind, "2026-01-01", CLIENT)
    assert again.form.grantor.name == "Noor Haddad"
    told = {w.because for w in (*readings(policy, kind), *notes(policy))}
    said = {said.partition(" (as read here")[0] for _, said in again.warnings}
    assert said <= told, "nothing else had to be read cautiously"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=3),
    max_leaves=8,
)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        "text": JSON,
        "language": st.just("en"),
        "contained": st.lists(st.dictionaries(st.text("abcdef", min_size=1), JSON), max_size=2),
        "extension": st.lists(JSON, max_size=2),
        "identifier": st.lists(JSON, max_size=2),
        "verification": st.lists(JSON, max_size=2),
        "_status": JSON,
    },
)


@settings(max_examples=200, deadline=None)
@given(
    KINDS, POLICIES, OTHERS, st.dictionaries(st.sampled_from(["source", "tag", "profile", "extension"]), st.just([]), max_size=3)
)
def test_what_was_sent_is_given_back_whole(
    kind: ConsentKind, policy: GivenPolicy, others: dict[str, Any], meta: dict[str, Any]
) -> None:
    there = version(kind, policy)
    sent = {**render(there, Grantor(role="client", name="N")), **others, "meta": meta, "id": "elsewhere-7"}
    shown = render_source(there, json.dumps(sent))
    assert shown["id"] == str(there.state.consent_id)
    assert {k: v for k, v in shown["meta"].items() if k not in ("versionId", "lastUpdated")} == meta
    assert {k: v for k, v in shown.items() if k not in ("id", "meta")} == {
        k: v for k, v in sent.items() if k not in ("id", "meta")
    }
