"""Older forms hold codes that nobody knows: in a denial such a code means any value, in a permission none."""

from typing import Any, Literal

import pytest

from services.audit_log.decision.domain.rules.dialects import Says, normal
from shared.contracts.consent_policy import Policy, Provision
from tests.unit.audit_log.asking import OKAFOR, RIVERA, THERAPIST, ask, consent, record, relation, shown

TREATED = relation(RIVERA, "therapist")


def decided(base: Literal["permit", "deny"], *labels: str, **provision: Any) -> str:
    about = consent("treatment", base, Provision.model_validate(provision))
    return shown(ask(THERAPIST, "read", record("progress_note", OKAFOR, *labels), facts=(TREATED, about)))


@pytest.mark.parametrize("codes", [{"labels": ["eth"]}, {"labels": ["SUD", "LOCAL_1"]}, {"resource_types": ["ProgressNote"]}])
def test_a_denial_means_any_value(codes: dict[str, Any]) -> None:
    assert decided("permit", type="deny", **codes) == "403"


def test_a_denial_keeps_what_else_it_says() -> None:
    """Any label, but still of that person and class alone."""
    assert decided("permit", type="deny", labels=["eth"], actors=[OKAFOR]) == "permit"
    assert decided("permit", type="deny", labels=["eth"], resource_types=["session"]) == "permit"


_UNKNOWN = [{"labels": ["eth"]}, {"resource_types": ["ProgressNote"]}, {"resource_types": ["progressNote"]}]


@pytest.mark.parametrize("codes", _UNKNOWN)
def test_a_permission_means_none(codes: dict[str, Any]) -> None:
    assert decided("deny", type="permit", **codes) == "403"


def test_a_permission_keeps_the_codes_that_are_known() -> None:
    assert decided("deny", "SUD", type="permit", labels=["SUD", "eth"]) == "permit"
    assert decided("deny", "HIV", type="permit", labels=["SUD", "eth"]) == "403"


def test_what_would_be_taken_out_under_an_unknown_label_is_denied_whole() -> None:
    (node,) = normal(Policy(base="permit", provisions=(Provision(type="deny", labels=("REDACT", "eth")),)))
    assert (node.says, node.labels) == (Says.DENY, frozenset())
    assert "nobody knows" in node.note
