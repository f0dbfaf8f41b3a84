"""A disclosure that was made by telephone, letter, fax or in person, entered afterwards (45 CFR 164.528(b)(2))."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.audit_log.ledger.domain.accounting import BY_HAND
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.records import RECORD_TYPES, RecordType, ServiceName
from shared.http.call import Call


@dataclass(frozen=True, slots=True)
class ByHand:
    client_id: str
    on: date
    how: str
    """a key of `words.WAYS`"""
    recipient: str
    address: str | None
    what: tuple[RecordType, ...]
    purpose: str
    by: str | None
    """who disclosed it, where that is somebody else than who enters it"""


def entry_of(told: ByHand, call: Call, at: datetime) -> Entry:
    """Its entry. What was disclosed stands there by kind: a description in free words could be clinical."""
    detail: dict[str, Any] = {"on": told.on.isoformat(), "how": told.how, "recipient": told.recipient}
    detail |= {k: v for k, v in (("address", told.address), ("by", told.by)) if v}
    return Entry(
        kind=EntryKind.DISCLOSURE,
        at=at,
        action=BY_HAND,
        outcome="permit",
        reason="entered-by-hand",
        agent=call.principal.sub,
        agent_name=call.principal.name,
        agent_role=str(call.principal.role),
        service=str(ServiceName.AUDIT_LOG),
        request_id=call.request_id,
        client_id=told.client_id,
        purpose=told.purpose,
        records=tuple(EntryRecord(t, t, RECORD_TYPES[t].key_class, "permit", "entered-by-hand") for t in told.what),
        basis=("rule:law.164.528",),
        detail=detail,
    )
