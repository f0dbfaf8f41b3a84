"""Entries for the officers' pages, newest first by their own time: each filter has an index to walk (ADR 0028).

`(at, idx)` orders, because a date range and the order then share an index. What is shown comes from the committed payload.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from services.audit_log.adapters.ledger_search import SELECT, stored_entry
from services.audit_log.application.ledger_view import Filters, StoredEntry
from shared.eventstore.store import EventStore

Place = tuple[datetime, int]
"""time and index of the last entry shown"""
_EXPORT_PAGE: Final = 1_000
_SUBS: Final = "SELECT sub FROM ledger_agent WHERE tenant_id = $1 AND name LIKE $2 LIMIT 200"


class EntrySearch:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def page(self, tenant: str, filters: Filters, after: Place | None, limit: int) -> list[StoredEntry]:
        subs = None if filters.agent is None else [filters.agent, *await self.named(tenant, filters.agent)]
        query, arguments = _query(tenant, filters, subs, after, limit)
        return [stored_entry(row) for row in await self._store.fetch(tenant, query, *arguments)]

    async def all(self, tenant: str, filters: Filters) -> AsyncIterator[list[StoredEntry]]:
        """Page after page, so that an export of any size needs one page of memory."""
        after: Place | None = None
        while found := await self.page(tenant, filters, after, _EXPORT_PAGE):
            yield found
            if len(found) < _EXPORT_PAGE:
                return
            after = found[-1].entry.at, found[-1].index

    async def named(self, tenant: str, who: str) -> list[str]:
        """`sub`s of staff whose name holds the word, in any case."""
        word = who.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = await self._store.fetch(tenant, _SUBS, tenant, f"%{word}%")
        return [row["sub"] for row in rows]


def _query(tenant: str, filters: Filters, subs: list[str] | None, after: Place | None, limit: int) -> tuple[str, list[Any]]:
    given: list[tuple[str, Any]] = [
        ("e.tenant_id = ?", tenant),
        ("e.client_id = ?", filters.client_id),
        ("e.agent = ANY (?)", subs),
        ("e.at >= ?", filters.since),
        ("e.at < ?", filters.until),
        ("e.purpose = ?", filters.purpose),
        ("e.action = ANY (?)", list(filters.actions) or None),
        ("e.kind = ANY (?)", list(filters.kinds) or None),
        ("e.idx IN (SELECT idx FROM ledger_record WHERE record_id = ?)", filters.record_id),
    ]
    used = [(text, value) for text, value in given if value is not None]
    texts = [text.replace("?", f"${n}") for n, (text, _) in enumerate(used, 1)]
    arguments = [value for _, value in used]
    if filters.outcome in _OUTCOMES:
        texts.append(_OUTCOMES[filters.outcome])  # written out: a partial index serves refusals
    if after is not None:
        arguments += list(after)
        n = len(arguments)
        # the first comparison bounds the index, the second one tells entries of one instant apart
        texts.append(f"e.at <= ${n - 1} AND (e.at, e.idx) < (${n - 1}, ${n})")
    arguments.append(limit)
    return f"{SELECT} WHERE {' AND '.join(texts)} ORDER BY e.at DESC, e.idx DESC LIMIT ${len(arguments)}", arguments


_OUTCOMES: Final = {o: f"e.outcome = '{o}'" for o in ("permit", "deny", "done")}
