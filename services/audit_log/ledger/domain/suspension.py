"""A suspension of the accounting as it stands in the ledger (45 CFR 164.528(a)(2))."""

from datetime import datetime
from typing import Final

from services.audit_log.ledger.domain.entry import Entry

ACTION: Final = "suspend-accounting"


def in_force(entry: Entry, now: datetime) -> frozenset[int]:
    """Indexes that a suspension's entry names; none once it is over, or its words are gone."""
    if entry.action != ACTION:
        return frozenset()
    query = entry.detail.get("query") or {}
    return frozenset(query["entries"]) if query and datetime.fromisoformat(query["until"]) > now else frozenset()
