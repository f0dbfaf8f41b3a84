"""An entry as JSON, what the commitment is made over and what the API shows; and the columns by which it is found."""

from datetime import datetime
from typing import Any

import orjson

from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord

Columns = tuple[datetime | str | None, ...]
"""at, kind, action, outcome, purpose, agent, agent_role, service, client_id, request_id"""
RecordRows = tuple[tuple[str, str, str], ...]
"""record id, type and decision"""


def payload_of(entry: Entry) -> dict[str, Any]:
    """`at` is RFC 3339 in UTC. ValueError where it has no zone."""
    return {
        "at": instant(entry.at),
        "kind": entry.kind.value,
        "action": entry.action,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "agent": {"sub": entry.agent, "name": entry.agent_name, "role": entry.agent_role, "service": entry.service},
        "purpose": {"code": entry.purpose, "defaulted": entry.purpose_defaulted},
        "client_id": entry.client_id,
        "records": [
            {"record_id": r.record_id, "record_type": r.record_type, "key_class": r.key_class}
            | {"decision": r.decision, "reason": r.reason}
            for r in entry.records
        ],
        "basis": list(entry.basis),
        "request_id": entry.request_id,
        "policy_sequence": entry.policy_sequence,
        "detail": entry.detail,
    }


def entry_of(payload: bytes) -> Entry:
    """The entry that a payload says. ValueError or KeyError where it is not one."""
    doc = orjson.loads(payload)
    agent, purpose = doc["agent"], doc["purpose"]
    return Entry(
        kind=EntryKind(doc["kind"]),
        at=datetime.fromisoformat(doc["at"]),
        action=doc["action"],
        outcome=doc["outcome"],
        reason=doc["reason"],
        agent=agent["sub"],
        agent_name=agent["name"],
        agent_role=agent["role"],
        service=agent["service"],
        request_id=doc["request_id"],
        client_id=doc["client_id"],
        purpose=purpose["code"],
        purpose_defaulted=purpose["defaulted"],
        records=tuple(EntryRecord(**r) for r in doc["records"]),
        basis=tuple(doc["basis"]),
        policy_sequence=doc["policy_sequence"],
        detail=doc["detail"],
    )


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds. ValueError for a naive time."""
    offset = at.utcoffset()
    if offset is None:
        raise ValueError("a ledger time needs its zone")
    return (at - offset).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def columns_of(entry: Entry) -> Columns:
    return (
        entry.at,
        entry.kind.value,
        entry.action,
        entry.outcome,
        entry.purpose,
        entry.agent,
        entry.agent_role,
        entry.service,
        entry.client_id,
        entry.request_id,
    )


def records_of(entry: Entry) -> RecordRows:
    """A record named twice stands there once, as it was decided last."""
    return tuple({r.record_id: (r.record_id, r.record_type, r.decision) for r in entry.records}.values())
