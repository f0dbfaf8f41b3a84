"""The clients whom the caller may read now: the gate decides on each of the tenant, and opens the page alone (ADR 0063)."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from services.session_notes.clients.application.clients import client_of
from services.session_notes.desk.application.ports import Desk, Position, client_stream, place_of
from services.session_notes.working_day.application.ports import ClientRow, WorkingDay
from shared.contracts.disclosure import MAX_RECORDS, Action
from shared.gate.ask import Opened, ask, opened
from shared.gate.listing import Listed
from shared.http.call import Call


@dataclass(frozen=True, slots=True)
class MyClients:
    page: Listed[ClientRow]
    read: dict[ClientRow, Any]
    """how to open each of the page"""


async def my_clients(desk: Desk, day: WorkingDay, call: Call, *, start: Position | None, limit: int) -> MyClients:
    """Newest first, one entry a client of the page; one entry of a look that found nobody where it is empty."""
    found: list[ClientRow] = []
    place = start
    while len(found) <= limit:
        rows = await day.clients(call.tenant, place, MAX_RECORDS)
        if rows:
            seen = opened(await ask(desk.gate, call, Action.SEARCH, [row.ref for row in rows], most=0))
            found += [row for row in rows if seen.permitted(row.id)]
            place = place_of(rows[-1])
        if len(rows) < MAX_RECORDS:
            break
    shown = found[:limit]
    released = await _released(desk, call, shown)
    streams = await desk.index.streams(call.tenant, [client_stream(row.id) for row in shown])
    read = {row: partial(client_of, streams[client_stream(row.id)], released) for row in shown}
    return MyClients(Listed(shown, released, len(found) > limit), read)


async def _released(desk: Desk, call: Call, shown: list[ClientRow]) -> Opened:
    return opened(await ask(desk.gate, call, Action.SEARCH, [row.ref for row in shown], looked_up=not shown))
