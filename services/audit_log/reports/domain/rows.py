"""Rows of a report as they stand in CSV and PDF: columns that never shift, and cells that no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable
from typing import Final

from services.audit_log.ledger.domain.entry import Entry
from services.audit_log.ledger.domain.payload import instant

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
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""what a spreadsheet takes for the beginning of a formula, the full-width forms too (CWE-1236)"""


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


def neutral(cell: str) -> str:
    """A cell that a spreadsheet shows as text: an apostrophe goes before what would be a formula. Line ends become spaces."""
    text = cell.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").replace("\x00", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or cell.startswith(_FORMULA) else text


def csv_lines(rows: Iterable[tuple[str, ...]]) -> bytes:
    """RFC 4180, every cell quoted, UTF-8."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
