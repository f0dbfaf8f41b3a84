"""Ledger entries of what was written while the gate was away: each says so under `late`."""

from dataclasses import replace
from datetime import datetime

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.downtime.domain.late_writes import LateVerdict, late_detail
from services.audit_log.gate.application.identity import UNVERIFIED
from services.audit_log.gate.application.steps import Asked, Decided
from services.audit_log.gate.application.writing_entries import entries_of, role_of
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.disclosure import Action, Decision
from shared.contracts.downtime import LateWrite
from shared.contracts.records import RECORD_TYPES

ERASURE_FENCE = "rule:erasure.fence"


def decided_entry(
    asked: Asked, decided: Decided, sequence: int, write: LateWrite, late: LateVerdict, changed: list[str], at: datetime
) -> Entry:
    """The late entry of a decision: who wrote and on what ground, as if it had been asked, entered now."""
    (entry,) = entries_of(asked, replace(decided, records=(late.verdict,)), sequence)
    told = late_detail(datetime.fromisoformat(write.written_at), write.key_id, verdict=late, changed=changed)
    return replace(entry, at=at, detail=entry.detail | {"late": told})


def stopped_entry(service: str, write: LateWrite, agent: Agent, reason: str, at: datetime, *, alarm: bool, fence: bool) -> Entry:
    """Of one that is refused or dropped before any rule is asked."""
    return Entry(
        kind=EntryKind.ALARM if alarm else EntryKind.DISCLOSURE,
        at=at,
        action=str(Action.CREATE),
        outcome=str(Decision.DENY),
        reason=reason,
        agent=agent.label if agent is not UNVERIFIED else f"service:{service}",
        agent_role=role_of(agent) if agent is not UNVERIFIED else "service",
        agent_name=agent.name,
        service=service,
        request_id=write.request_id,
        client_id=write.client_id,
        records=(_record(write, Decision.DENY, reason),),
        basis=(ERASURE_FENCE,) if fence else (),
        detail={"late": late_detail(datetime.fromisoformat(write.written_at), write.key_id), "author": write.author},
    )


def repeated_entry(service: str, write: LateWrite, first: int, at: datetime) -> Entry:
    """The answer was lost and is given again: computed for the same record, seen by nobody."""
    return Entry(
        kind=EntryKind.DISCLOSURE,
        at=at,
        action=str(Action.COMPUTE),
        outcome=str(Decision.PERMIT),
        reason="late-write-repeated",
        agent=f"service:{service}",
        agent_role="service",
        service=service,
        request_id=write.request_id,
        client_id=write.client_id,
        records=(_record(write, Decision.PERMIT, "late-write-repeated"),),
        detail={"late": late_detail(datetime.fromisoformat(write.written_at), write.key_id), "entry": first},
    )


def _record(write: LateWrite, decision: Decision, reason: str) -> EntryRecord:
    key_class = RECORD_TYPES[write.record_type].key_class
    return EntryRecord(write.record_id, str(write.record_type), str(key_class), str(decision), reason)
