"""Ledger entries of a request: one a client, however many records."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.decision import may_look_up
from services.audit_log.decision.domain.question import Verdict, deny
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.decision.domain.rules.tables import JOBS
from services.audit_log.gate.application.steps import Asked, ClaimDiffers, Decided
from services.audit_log.ledger.domain.agent_kind import AgentKind
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.disclosure import Action, Decision, DisclosureRequest
from shared.contracts.records import RECORD_TYPES, RecordType, ServiceName


def role_of(agent: Agent) -> str:
    return str(agent.role) if agent.role is not None else str(agent.kind)


def entries_of(asked: Asked, decided: Decided, sequence: int) -> list[Entry]:
    """Entries of a decided request, in the order in which its clients are first named. An entry is about psychotherapy notes or
    about the rest, never about both: so that it is shown to its client whole, or not at all (ADR 0037)."""
    if asked.request.action is Action.LOOKUP:
        return [_entry(asked, decided, sequence, None, [(None, v) for v in decided.subjects])]
    parts: dict[tuple[str, bool], list[tuple[BoundRecord | None, Verdict]]] = {}
    for record, verdict in zip(asked.records, decided.records, strict=True):
        hidden = record.record_type is RecordType.PSYCHOTHERAPY_NOTE
        parts.setdefault((record.client_id, hidden), []).append((record, verdict))
    for client_id, verdict in zip(asked.request.subjects, decided.subjects, strict=True):
        parts.setdefault((client_id, False), []).append((None, verdict))
    return [_entry(asked, decided, sequence, client_id, found) for (client_id, _), found in parts.items()]


def lookup_entry(asked: Asked, decided: Decided, sequence: int) -> Entry:
    """Of a look-up's clients, those who were refused: one entry however many they are, also where there are none, so that the
    caller cannot count them. It names its client where there is one."""
    clients = [r.client_id for r in asked.records]
    found = list(zip(asked.records, decided.records, strict=True))
    if found:
        return _entry(asked, decided, sequence, clients[0] if len(clients) == 1 else None, [*found])
    nobody = may_look_up(asked.agent, asked.purpose.code)
    return _entry(asked, decided, sequence, None, [(None, nobody)])


def missing_entry(asked: Asked, sequence: int) -> Entry:
    """Of a record that does not exist: whoever asks for one that is not theirs to know of leaves as many entries."""
    return _entry(
        asked, Decided((), ()), sequence, None, [(None, deny("no-such-record", "rule:deny-by-default", may_know=False))]
    )


def _entry(
    asked: Asked, decided: Decided, sequence: int, client_id: str | None, found: list[tuple[BoundRecord | None, Verdict]]
) -> Entry:
    agent = asked.agent
    detail = decided.circumstances.detail(agent, client_id or "", [r.record_id for r, _ in found if r])
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
    # what a search would have found is not for its caller to know: only what was claimed falsely is kept
    claimed = request.records if alarm or request.action is not Action.SEARCH else ()
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
                for r in claimed
                if r.client_id == client_id
            ),
            detail=detail,
        )
        for client_id in clients
    ]
