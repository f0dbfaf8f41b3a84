"""Rows of a report as they stand in CSV and PDF: columns that never shift, and cells that no spreadsheet takes for a formula."""

from typing import Final

from services.audit_log.ledger.domain.entry import Entry
from services.audit_log.ledger.domain.payload import instant
from shared.values.csv_text import neutral

COLUMNS: Final = (
    "index",
    "at",
    "kind",
    "action",
    "outcome",
    "reason",
    "agent",
    "agent_name",
    "agent_role",
    "service",
    "purpose",
    "purpose_defaulted",
    "client_id",
    "records",
    "basis",
    "request_id",
    "erased",
)
"""New ones are added at the end; none is taken away or moved (a test holds them)."""


def cells(index: int, entry: Entry, *, erased: bool) -> tuple[str, ...]:
    """One cell a column. Lists are joined by spaces: ids and codes have none."""
    values = (
        str(index),
        instant(entry.at),
        entry.kind.value,
        entry.action,
        entry.outcome,
        entry.reason,
        entry.agent,
        entry.agent_name,
        entry.agent_role,
        entry.service,
        entry.purpose or "",
        "yes" if entry.purpose_defaulted else "no",
        entry.client_id or "",
        " ".join(f"{r.record_type}:{r.record_id}:{r.decision}" for r in entry.records),
        " ".join(entry.basis),
        entry.request_id,
        "yes" if erased else "no",
    )
    return tuple(map(neutral, values))
