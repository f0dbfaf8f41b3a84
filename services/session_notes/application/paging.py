"""Pages of what the caller may read: refilled after filtering, without a total, without an empty last page."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from services.session_notes.application.ports import Position
from shared.contracts.disclosure import MAX_RECORDS, Action, Decision, RecordRef
from shared.gate.ask import Opened, ask, opened
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.problems import not_found


class Row(Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def created_at(self) -> datetime: ...

    @property
    def ref(self) -> RecordRef: ...


R = TypeVar("R", bound=Row)
Fetch = Callable[[Position | None, int], Awaitable[list[R]]]


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    rows: list[R]
    """those that the caller may read"""
    opened: Opened
    next: Position | None


async def readable(
    gate: Gate,
    call: Call,
    client_id: UUID,
    fetch: Fetch[R],
    *,
    start: Position | None,
    limit: int,
    likely: Callable[[R], bool],
) -> Page[R]:
    """The first `limit` rows behind `start` that the caller may read.

    One question to the gate for as many rows as should fill the page and one more (is there a next page?), counting those
    that are `likely` readable; it asks again only where the gate refused some of these. 404 where the caller may not know
    the client.
    """
    found: list[R] = []
    known = Opened((), {}, {})
    asked = False
    while True:
        rows = await fetch(start, MAX_RECORDS)
        batch = _enough(rows, limit + 1 - len(found), likely)
        if batch or not asked:
            answer = await ask(gate, call, Action.SEARCH, [r.ref for r in batch], subjects=() if batch else (str(client_id),))
            if (
                not asked
                and answer.decision is Decision.DENY
                and not (answer.may_know or any(r.may_know for r in answer.records))
            ):
                problem = not_found()
                problem.headers["Audit-Entry"] = ", ".join(map(str, answer.entries))
                raise problem
            known, asked = _merged(known, opened(answer)), True
        found += [row for row in batch if known.permitted(row.id)]
        if len(found) > limit:
            last = found[limit - 1]
            return Page(found[:limit], known, Position(last.created_at, last.id))
        if len(batch) == len(rows) < MAX_RECORDS:
            return Page(found, known, None)
        start = Position(batch[-1].created_at, batch[-1].id)


def _enough(rows: Sequence[R], wanted: int, likely: Callable[[R], bool]) -> list[R]:
    """The first rows, until `wanted` of them are likely readable."""
    batch: list[R] = []
    for row in rows:
        if wanted == 0:
            break
        batch.append(row)
        wanted -= likely(row)
    return batch


def _merged(first: Opened, second: Opened) -> Opened:
    return Opened(
        (*first.entries, *second.entries),
        {**first.keys, **second.keys},
        {**first.outcomes, **second.outcomes},
        (*first.obligations, *second.obligations),
    )
