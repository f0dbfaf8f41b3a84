"""Who may learn that a record exists: 403 for them, 404 for everybody else."""

from typing import Final

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.rules.tables import REPRESENTATIVE_ROWS, ROLE_ROWS, Row
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass, RecordType


def _types(rows: tuple[Row, ...]) -> frozenset[RecordType]:
    return frozenset(t for row in rows for t in row.types)


_BY_ROLE: Final = {role: _types(rows) for role, rows in ROLE_ROWS.items()}
_REPRESENTED: Final = _types(REPRESENTATIVE_ROWS)


def _of_role(agent: Agent) -> frozenset[RecordType]:
    return _BY_ROLE.get(agent.role, frozenset()) if agent.role is not None else frozenset()


def may_know(q: Question) -> bool:
    """The author always; of a psychotherapy note nobody else. Of the rest: the client, who holds a current relationship or
    grant, and who may act on such records by role."""
    agent, record = q.agent, q.record
    if q.action is not Action.CREATE and record.is_authored_by(agent):
        return True
    if record.key_class is KeyClass.PSYCHOTHERAPY_NOTE and q.action is not Action.CREATE:
        return False
    if q.action is Action.CREATE and (record.record_type is RecordType.CLIENT or RecordType.CLIENT in _of_role(agent)):
        return True  # nothing is there yet; or who keeps identities knows the client
    return (
        agent.is_client(record.client_id)
        or (agent.represents(record.client_id) and record.record_type in _REPRESENTED)
        or record.record_type in _of_role(agent)
        or bool(q.relationships())
        or q.grant() is not None
    )
