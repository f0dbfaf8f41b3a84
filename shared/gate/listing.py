"""Pages of what a caller may read, in one question to the gate and with one entry a client, whatever else there is (ADR 0037)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import UUID

from shared.contracts.disclosure import MAX_RECORDS, RecordRef
from shared.gate.ask import Opened, open_many
from shared.gate.port import Gate
from shared.http.call import Call

R = TypeVar("R")
P = TypeVar("P")
Fetch = Callable[[P | None, int], Awaitable[list[R]]]
"""so many rows behind a place"""


@dataclass(frozen=True, slots=True)
class Listed(Generic[R]):
    rows: list[R]
    """those that the caller may read, or know of"""
    opened: Opened
    more: bool
    """whether there are more of them behind"""
    looked_at: list[R] = field(default_factory=list)
    """the rows from the page's beginning to its last, those that stay closed too"""


@dataclass(frozen=True, slots=True)
class Rows(Generic[R, P]):
    """A client's rows of one kind, in the order in which they are listed."""

    fetch: Fetch[P, R]
    ref: Callable[[R], RecordRef]
    place: Callable[[R], P]


async def listed(
    gate: Gate, call: Call, client_id: UUID, rows: Rows[R, P], *, start: P | None, limit: int, refused_too: bool = False
) -> Listed[R]:
    """The first `limit` rows behind `start` that the caller may read; with `refused_too` also those that the caller may know of
    and not read. 404 where the caller may not know the client.

    The gate is asked about every row there is, and answers about those that the caller may know of; keys and the entry are for
    the page. A client with more rows than one question holds is first asked about without an entry.
    """
    found = await rows.fetch(start, MAX_RECORDS)
    if len(found) == MAX_RECORDS or refused_too:
        found = await _known(gate, call, client_id, rows, found, limit + 1)
    if refused_too:
        found = found[: limit + 1]
    opened = await open_many(gate, call, [rows.ref(row) for row in found], client_id=str(client_id), most=limit + 1)
    ids = [(row, rows.ref(row).record_id) for row in found]
    shown = [row for row, id_ in ids if (id_ in opened.outcomes if refused_too else opened.permitted(id_))]
    more = len(shown) > limit
    return Listed(shown[:limit], opened, more, found[: found.index(shown[limit - 1]) + 1] if more else found)


async def _known(gate: Gate, call: Call, client_id: UUID, rows: Rows[R, P], found: list[R], wanted: int) -> list[R]:
    """Read on until `wanted` rows are open to the caller: these, and those refused that the caller may know of, as many as one
    question holds."""
    known: list[tuple[R, bool]] = []
    while found:
        seen = await open_many(gate, call, [rows.ref(row) for row in found], client_id=str(client_id), most=0)
        ids = [(row, rows.ref(row).record_id) for row in found]
        known += [(row, seen.permitted(id_)) for row, id_ in ids if id_ in seen.outcomes]
        if sum(readable for _, readable in known) >= wanted or len(found) < MAX_RECORDS:
            break
        found = await rows.fetch(rows.place(found[-1]), MAX_RECORDS)
    refused = MAX_RECORDS - min(wanted, sum(readable for _, readable in known))
    kept = []
    for row, readable in known:
        if readable or refused > 0:
            kept.append(row)
            refused -= not readable
    return kept[:MAX_RECORDS]
