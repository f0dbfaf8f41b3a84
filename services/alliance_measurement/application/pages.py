"""Pages of what the caller may read: refilled after filtering, without a total."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

from shared.contracts.disclosure import RecordRef
from shared.gate.ask import Opened, open_many
from shared.gate.port import Gate
from shared.http.call import Call


class Row(Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def ord(self) -> int: ...

    @property
    def ref(self) -> RecordRef: ...


R = TypeVar("R", bound=Row)
Fetch = Callable[[int | None, int], Awaitable[list[R]]]
Show = Callable[[Sequence[R], Opened], Awaitable[list[tuple[int, dict[str, Any]]]]]
"""items of the rows that may be read, with the place of their row; fewer where a filter looks into what was opened"""


@dataclass(frozen=True, slots=True)
class Page:
    items: list[dict[str, Any]]
    next: int | None
    """place of the last item; None where no more follow"""
    entries: tuple[int, ...]


async def readable(
    gate: Gate, call: Call, client_id: UUID, fetch: Fetch[R], show: Show[R], *, start: int | None, limit: int, batch: int
) -> Page:
    """The first `limit` items behind `start`. One question to the gate for `batch` rows, more only where too few were shown.

    404 where the caller may not know the client.
    """
    found: list[tuple[int, dict[str, Any]]] = []
    entries: tuple[int, ...] = ()
    while True:
        rows = await fetch(start, batch)
        if rows or not entries:
            opened = await open_many(gate, call, [row.ref for row in rows], client_id=str(client_id))
            entries += opened.entries
            found += await show([row for row in rows if opened.permitted(row.id)], opened)
        if len(found) > limit:
            return Page([item for _, item in found[:limit]], found[limit - 1][0], entries)
        if len(rows) < batch:
            return Page([item for _, item in found], None, entries)
        start = rows[-1].ord
