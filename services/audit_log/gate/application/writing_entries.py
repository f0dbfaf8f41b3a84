"""Ledger entries of a request: one a client, however many records."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.question import Verdict
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.decision.domain.rules.tables import JOBS
from services.audit_log.gate.application.steps import Asked, ClaimDiffers, Decided
from services.audit_log.ledger.domain.agent_kind import AgentKind
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.disclosure import Action, Decision, DisclosureRequest
from shared.contracts.records import RECORD_TYPES, ServiceName


def role_of(agent: Agent) -> str:
    return str(agent.role) if agent.role is not None else str(agent.kind)


def entries_of(asked: Asked, decided: Decided, sequence: int) -> list[Entry]:
    """Entries of a decided request, in the order in which its clients are first named."""
    if asked.request.action is Action.LOOKUP:
        return [_entry(asked, decided, sequence, None, [(None, v) for v in decided.subjects])]
    by_client: dict[str, list[tuple[BoundRecord | None, Verdict]]] = {}
    for record, verdict in zip(asked.records, decided.records, strict=True):
        by_client.setdefault(record.client_id, []).append((record, verdict))
    for client_id, verdict in zip(asked.request.subjects, decided.subjects, strict=True):
        by_client.setdefault(client_id, []).append((None, verdict))
    return [_entry(asked, decided, sequence, client_id, found) for client_id, found in by_client.items()]


def _entry(
    asked: Asked, decided: Decided, sequence: int, client_id: str | None, found: list[tuple[BoundRecord | None, Verdict]]
) -> Entry:
    agent = asked.agent
    detail = decided.circumstances.detail(agent, client_id or "")
    if asked.request.index_fields:
        detail["index"] = [str(f) for f in asked.request.index_fields]
    if agent.kind is AgentKind.JOB:
        detail["ground"] = JOBS[agent.id].ground
    if asked.request.sealed_for is not None:
        detail["sealed_for"] = asked.request.sealed_for
    verdicts = [v for _, v in found]
    permitted = any(v.permitted for v in verdicts)
    return Entry(
        kind=EntryKind.DISCLOSURE,
        at=asked.now,
        action=str(asked.request.action),
        outcome=str(Decision.PERMIT if permitted else Decision.DENY),
        reason=_one({v.reason: None for v in verdicts}),
        agent=agent.label,
        agent_role=role_of(agent),
        agent_name=agent.name,
        service=str(asked.service),
        request_id=asked.request.request_id,
        client_id=client_id,
        purpose=asked.purpose.code,
        purpose_defaulted=asked.purpose.defaulted,
        records=tuple(
            EntryRecord(r.record_id, str(r.record_type), str(r.key_class), str(v.decision), v.reason) for r, v in found if r
        ),
        basis=tuple(dict.fromkeys(b for v in verdicts for b in v.basis)),
        policy_sequence=sequence,
        detail=detail,
    )


def _one(reasons: dict[str, None]) -> str:
    return next(iter(reasons)) if len(reasons) == 1 else "mixed"


def refusal_entries(
    service: ServiceName, request: DisclosureRequest, agent: Agent, refused: Refused, now: datetime, *, alarm: bool
) -> list[Entry]:
    """Entries of a request that was refused whole: by what it claimed, since nothing of it is known to be true."""
    named = dict.fromkeys([*(r.client_id for r in request.records), *request.subjects])
    clients: Iterable[str | None] = named or (None,)
    detail: dict[str, Any] = {"refusal": str(refused.refusal)}
    if isinstance(refused, ClaimDiffers):
        detail["records"] = list(refused.record_ids)
    return [
        Entry(
            kind=EntryKind.ALARM if alarm else EntryKind.DISCLOSURE,
            at=now,
            action=str(request.action),
            outcome=str(Decision.DENY),
            reason=refused.reason,
            agent=agent.label,
            agent_role=role_of(agent),
            agent_name=agent.name,
            service=str(service),
            request_id=request.request_id,
            client_id=client_id,
            purpose=request.purpose[:16] if request.purpose else None,
            records=tuple(
                EntryRecord(
                    r.record_id,
                    str(r.record_type),
                    str(RECORD_TYPES[r.record_type].key_class),
                    str(Decision.DENY),
                    refused.reason,
                )
                for r in request.records
                if r.client_id == client_id
            ),
            detail=detail,
        )
        for client_id in clients
    ]
