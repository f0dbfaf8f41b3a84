"""Who may open the records of a course, by the gate's rules alone."""

from typing import Any

import pytest

from services.audit_log.decision.domain.question import Verdict
from shared.contracts.disclosure import Action
from shared.contracts.records import about
from shared.identity.roles import Role
from tests.unit.audit_log.asking import (
    CLIENT_SELF,
    INTAKE,
    LIND,
    OFFICER,
    OTHER_CLIENT,
    RIVERA,
    STRANGER,
    SUPERVISOR,
    THERAPIST,
    ask,
    consent,
    person,
    record,
    relation,
)

TREATED = (relation(RIVERA, "therapist"), consent())
SUPERVISED = (*TREATED, relation(LIND, "supervisor"), consent("treatment", "deny", n=2))


def asked(agent: Any, action: Action, kind: str, *labels: str, author: str = RIVERA, facts: Any = TREATED) -> Verdict:
    return ask(agent, action, record(kind, author, *labels), facts=facts)


@pytest.mark.parametrize("agent", [THERAPIST, STRANGER, INTAKE, OTHER_CLIENT, person("e", Role.EHR_SYSTEM)])
def test_a_concern_opens_to_no_therapist_and_nobody_elses_system(agent: Any) -> None:
    facts = (*TREATED, consent("disclosure", covers=("concern",), n=3))
    for action in (Action.READ, Action.SEARCH, Action.UPDATE):
        assert not asked(agent, action, "concern", author="u-client", facts=facts).permitted


def test_a_concern_opens_to_the_client_supervisors_and_officers() -> None:
    for agent in (CLIENT_SELF, SUPERVISOR, OFFICER):
        assert asked(agent, Action.READ, "concern", author="u-client").permitted


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.COMPLIANCE_OFFICER])
def test_but_not_where_it_is_about_them(role: Role) -> None:
    verdict = asked(person("x-1", role), Action.READ, "concern", about("x-1"), author="u-client")
    assert not verdict.permitted and not verdict.may_know
    assert asked(person("x-2", role), Action.READ, "concern", about("x-1"), author="u-client").permitted


@pytest.mark.parametrize("kind", ["boundary_event", "adverse_effect"])
def test_who_supervises_looks_at_harm_without_a_consent(kind: str) -> None:
    assert asked(SUPERVISOR, Action.READ, kind, facts=SUPERVISED).permitted
    assert not asked(SUPERVISOR, Action.READ, kind).permitted, "a supervisor of somebody else"
    assert not asked(SUPERVISOR, Action.READ, "progress_note", facts=(*TREATED[:1], relation(LIND, "supervisor"))).permitted


def test_the_client_agrees_to_a_plan_and_begins_none() -> None:
    assert asked(CLIENT_SELF, Action.UPDATE, "treatment_plan").permitted
    assert not asked(CLIENT_SELF, Action.CREATE, "treatment_plan").permitted
    assert not asked(OTHER_CLIENT, Action.UPDATE, "treatment_plan").permitted
