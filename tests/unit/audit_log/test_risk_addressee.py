"""A risk alert opens to the practitioner whom it is addressed to, and to nobody else without another ground."""

import pytest

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.disclosure import Action
from shared.contracts.records import RecordType
from shared.identity.roles import PRACTITIONERS, Role
from tests.unit.audit_log.asking import ask, record, shown

ON_CALL = "on-call.person"
OPENED = {Action.READ, Action.SEARCH, Action.UPDATE}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", [a for a in Action if a not in (Action.CREATE, Action.LOOKUP)])
def test_by_role_and_action(role: Role, action: Action) -> None:
    agent = Agent(AgentKind.PERSON, ON_CALL, role)
    verdict = ask(agent, str(action), record("risk_alert", ON_CALL), facts=())
    assert (shown(verdict) == "permit") is (role in PRACTITIONERS and action in OPENED)
    if shown(verdict) == "permit":
        assert verdict.basis == ("rule:risk.addressee",)


@pytest.mark.parametrize("role", sorted(PRACTITIONERS))
def test_another_persons_alert_stays_closed(role: Role) -> None:
    agent = Agent(AgentKind.PERSON, ON_CALL, role)
    assert shown(ask(agent, "read", record("risk_alert", "somebody.else"), facts=())) == "404"
    assert shown(ask(agent, "read", record("risk_alert", None), facts=())) == "404"


@pytest.mark.parametrize("kind", [t for t in RecordType if t not in (RecordType.RISK_ALERT,)])
def test_the_row_opens_risk_alerts_alone(kind: RecordType) -> None:
    agent = Agent(AgentKind.PERSON, ON_CALL, Role.THERAPIST)
    assert "rule:risk.addressee" not in ask(agent, "read", record(str(kind), ON_CALL), facts=()).basis
