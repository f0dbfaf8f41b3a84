"""Who may learn that a record exists: 403 for them, 404 for everybody else."""

from typing import Final

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.rules.tables import REPRESENTATIVE_ROWS, ROLE_ROWS, Row, granted
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass, RecordType


def _searched(rows: tuple[Row, ...]) -> frozenset[RecordType]:
    return frozenset(t for row in rows if Action.SEARCH in row.actions for t in row.types)


_BY_ROLE: Final = {role: _searched(rows) for role, rows in ROLE_ROWS.items()}
_REPRESENTED: Final = _searched(REPRESENTATIVE_ROWS)


def _of_role(agent: Agent) -> frozenset[RecordType]:
    return _BY_ROLE.get(agent.role, frozenset()) if agent.role is not None else frozenset()


def _by_role(q: Question) -> bool:
    """A role knows of all records that it may search. Of others it learns by the very action that it may do to them: who may
    write, and not search, learns nothing by searching."""
    if q.record.record_type in _of_role(q.agent):
        return True
    rows = ROLE_ROWS.get(q.agent.role, ()) if q.agent.role is not None else ()
    return granted(rows, q.action, q.record.record_type) is not None


def may_know(q: Question) -> bool:
    """The author always; of a psychotherapy note nobody else. Of the rest: the client, who holds a current relationship or
    grant, and whose role may search such records or do this to them."""
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
        or _by_role(q)
        or bool(q.relationships())
        or q.grant() is not None
    )
