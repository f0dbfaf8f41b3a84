"""Entries for the officers' pages, newest first by their own time: each filter has an index to walk (ADR 0028).

`(at, idx)` orders, because a date range and the order then share an index. Codes behind them in the index are compared there, so
that what hardly anything fits costs no row. A filter of one value is an equation, which keeps the index's order: a list would
not. What is shown comes from the committed payload.
"""

from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Any, Final

from services.audit_log.ledger.adapters.search import SELECT, stored_entry
from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from shared.eventstore.store import EventStore

Place = tuple[datetime, int]
"""time and index of the last entry shown"""
_EXPORT_PAGE: Final = 100
"""decoding a page holds the loop for some milliseconds; larger ones are no faster"""
MOST_PEOPLE: Final = 200
"""whom one word may name: every one of them is looked for, or none"""
_SUBS: Final = f"SELECT DISTINCT sub FROM ledger_agent WHERE tenant_id = $1 AND name LIKE $2 LIMIT {MOST_PEOPLE + 1}"  # noqa: S608

_ACTIVE: Final = """SELECT sub FROM unnest($2::text[]) AS sub
WHERE EXISTS (SELECT FROM ledger_entry WHERE tenant_id = $1 AND agent = sub)"""
"""what was typed is rarely a `sub` as well, and a name without entries finds none"""
_SPAN: Final = """SELECT min(at) AS oldest, max(at) AS newest FROM ledger_entry
WHERE tenant_id = $1 AND at >= coalesce($2, '-infinity'::timestamptz) AND at < coalesce($3, 'infinity'::timestamptz)"""


class TooManyPeople(Exception):
    """The word fits more names than a search takes."""


class EntrySearch:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def page(self, tenant: str, filters: Filters, after: Place | None, limit: int) -> list[StoredEntry]:
        subs: Collection[str] = () if filters.agent is None else {filters.agent, *await self.named(tenant, filters.agent)}
        if len(subs) > 1:
            subs = [r["sub"] for r in await self._store.fetch(tenant, _ACTIVE, tenant, sorted(subs))] or subs
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

    async def span(self, tenant: str, filters: Filters) -> tuple[datetime, datetime] | None:
        """Times of the oldest and the newest entry between the days asked for, whatever else is asked; None without any."""
        (row,) = await self._store.fetch(tenant, _SPAN, tenant, filters.since, filters.until)
        return None if row["oldest"] is None else (row["oldest"], row["newest"])

    async def named(self, tenant: str, who: str) -> list[str]:
        """`sub`s of staff whose name holds the word, in any case. Raises TooManyPeople rather than leave some out."""
        word = who.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = await self._store.fetch(tenant, _SUBS, tenant, f"%{word}%")
        if len(rows) > MOST_PEOPLE:
            raise TooManyPeople
        return [row["sub"] for row in rows]


def _query(tenant: str, filters: Filters, subs: Collection[str], after: Place | None, limit: int) -> tuple[str, list[Any]]:
    given: list[tuple[str, Any]] = [
        ("e.tenant_id = ?", tenant),
        ("e.client_id = ?", filters.client_id),
        _among("e.agent", subs),
        ("e.at >= ?", filters.since),
        ("e.at < ?", filters.until),
        ("e.purpose = ?", filters.purpose),
        _among("e.action", filters.actions),
        _among("e.kind", filters.kinds),
        ("e.idx IN (SELECT idx FROM ledger_record WHERE record_id = ?)", filters.record_id),
    ]
    used = [(text, value) for text, value in given if value is not None]
    texts = [text.replace("?", f"${n}") for n, (text, _) in enumerate(used, 1)]
    arguments = [value for _, value in used]
    if filters.outcome in _OUTCOMES:
        texts.append(_OUTCOMES[filters.outcome])  # written out: a partial index serves what was not permitted
    if after is not None:
        arguments += list(after)
        n = len(arguments)
        # the first comparison bounds the index, the second one tells entries of one instant apart
        texts.append(f"e.at <= ${n - 1} AND (e.at, e.idx) < (${n - 1}, ${n})")
    arguments.append(limit)
    return f"{SELECT} WHERE {' AND '.join(texts)} ORDER BY e.at DESC, e.idx DESC LIMIT ${len(arguments)}", arguments


def _among(column: str, values: Collection[str]) -> tuple[str, Any]:
    if len(values) == 1:
        return f"{column} = ?", next(iter(values))
    return f"{column} = ANY (?)", list(values) or None


_OUTCOMES: Final = {o: f"e.outcome = '{o}'" for o in ("permit", "deny", "done")}
