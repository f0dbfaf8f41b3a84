"""Search by columns; what is shown comes from the payload that was committed to, not from the columns."""

from typing import Any, Final

from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.payload import entry_of

SELECT: Final = """
SELECT e.idx, p.payload, e.at, e.kind, e.action, e.outcome, e.purpose, e.agent, e.agent_role, e.service, e.client_id,
       e.request_id
FROM ledger_entry e LEFT JOIN ledger_payload p USING (tenant_id, idx)"""

_AGENT: Final = "(e.agent = ${sub} OR e.agent IN (SELECT sub FROM ledger_agent WHERE name = ${name}))"

AGENTS: Final = """SELECT sub FROM ledger_agent WHERE name = $2
UNION SELECT $1 WHERE EXISTS (SELECT FROM ledger_entry WHERE agent = $1) ORDER BY 1"""

_HIDING: Final = """coalesce(
  (SELECT bool_or(r.record_type <> ?) FROM ledger_record r WHERE r.tenant_id = e.tenant_id AND r.idx = e.idx), true)"""
"""an entry without records stays"""


def search_query(filters: Filters, before: int | None, limit: int, *, first: int | None = None) -> tuple[str, list[Any]]:
    """SQL and its arguments: newest first; with `first`, from that index on and the oldest first."""
    conditions: list[tuple[str, Any]] = [
        (f"e.{column} = ?", value)
        for column, value in (
            ("client_id", filters.client_id),
            ("outcome", filters.outcome),
            ("purpose", filters.purpose),
        )
    ]
    conditions += [
        ("e.at >= ?", filters.since),
        ("e.at < ?", filters.until),
        ("e.idx < ?", before),
        ("e.idx >= ?", first),
        ("e.idx IN (SELECT idx FROM ledger_record WHERE record_id = ?)", filters.record_id),
        ("e.idx = ANY (?)", list(filters.indexes) or None),
        ("e.kind = ANY (?)", list(filters.kinds) or None),
        ("e.action = ANY (?)", list(filters.actions) or None),
        ("e.purpose <> ALL (?)", list(filters.purposes_besides) or None),
        (_HIDING, filters.hiding),
        ("e.idx <> ALL (?)", list(filters.besides) or None),
    ]
    used = [(text.replace("?", f"${number}"), value) for number, (text, value) in enumerate(_given(conditions), 1)]
    texts, arguments = [text for text, _ in used], [value for _, value in used]
    if filters.agent is not None:
        arguments += [filters.agent, filters.agent.casefold()]
        texts.append(_AGENT.format(sub=len(arguments) - 1, name=len(arguments)))
    arguments.append(limit)
    where = f"WHERE {' AND '.join(texts)}" if texts else ""
    return f"{SELECT} {where} ORDER BY e.idx {'DESC' if first is None else 'ASC'} LIMIT ${len(arguments)}", arguments


def stored_entry(row: Any) -> StoredEntry:
    if row["payload"] is not None:
        return StoredEntry(row["idx"], entry_of(row["payload"]))
    entry = Entry(
        kind=EntryKind(row["kind"]),
        at=row["at"],
        action=row["action"],
        outcome=row["outcome"],
        reason="",
        agent=row["agent"],
        agent_role=row["agent_role"],
        service=row["service"],
        request_id=row["request_id"],
        client_id=row["client_id"],
        purpose=row["purpose"],
    )
    return StoredEntry(row["idx"], entry, erased=True)


def _given(conditions: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(text, value) for text, value in conditions if value is not None]
