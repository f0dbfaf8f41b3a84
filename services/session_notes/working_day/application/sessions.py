"""Sessions by day, by attendance and by therapist.

When a session was held is sealed: to be compared it is opened, and so it stands in the entry of its client (ADR 0063).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from services.session_notes.desk.application.ports import Desk, Position, SessionRow, place_of
from services.session_notes.sessions.application.sessions import SessionRead, list_sessions, read_of
from services.session_notes.sessions.domain.sessions import Attendance
from services.session_notes.working_day.application.ports import WorkingDay
from shared.contracts.disclosure import MAX_RECORDS, Action
from shared.gate.ask import Opened, ask, opened
from shared.http.call import Call
from shared.http.showing import UNSHOWABLE
from shared.values.time import CLOCKS_DIFFER

MOST_OPENED = MAX_RECORDS - 1
"""sessions that one page opens; older ones are behind `next`"""
Reader = Callable[[], SessionRead]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions. At least one of the first two is said."""

    client_id: UUID | None
    therapist: str | None
    since: datetime | None = None
    """the first instant at which it may have begun"""
    until: datetime | None = None
    """the first instant at which it may not have begun any more"""
    attendance: Attendance | None = None

    @property
    def compares(self) -> bool:
        """Whether anything has to be opened to tell."""
        return any(one is not None for one in (self.since, self.until, self.attendance))

    def is_met_by(self, read: SessionRead) -> bool:
        """Of an erased session nobody can tell: it is in no list that asks for a day or an attendance."""
        details = read.details
        if self.therapist is not None and read.state.therapist_id != self.therapist:
            return False
        if not self.compares:
            return True
        if details is None:
            return False
        begins_in = (self.since is None or details.started_at >= self.since) and (
            self.until is None or details.started_at < self.until
        )
        return begins_in and self.attendance in (None, details.attendance)


@dataclass(frozen=True, slots=True)
class Found:
    items: list[tuple[UUID, Reader]]
    opened: Opened
    next: Position | None


async def sessions_by(desk: Desk, day: WorkingDay, call: Call, wanted: Wanted, *, start: Position | None, limit: int) -> Found:
    """Newest first. With a client: 404 where the caller may not know of them. Of a page no more is opened than it shows, unless
    something is compared: then at most `MOST_OPENED`."""
    if wanted.client_id is not None:
        most = MOST_OPENED if wanted.compares or wanted.therapist is not None else limit
        found, page = await list_sessions(desk, call, wanted.client_id, start=start, limit=most)
        return _page(page.rows, found, page.opened, wanted, limit, more=page.more)
    since = None if wanted.since is None else wanted.since - CLOCKS_DIFFER
    assert wanted.therapist is not None
    most = MOST_OPENED if wanted.compares else limit
    rows = await day.sessions_of_therapist(call.tenant, wanted.therapist, since, start, most + 1)
    more, rows = len(rows) > most, rows[:most]
    if not rows:
        return Found([], Opened((), {}, {}), None)
    released = opened(await ask(desk.gate, call, Action.SEARCH, [row.ref for row in rows]))
    readable = [row for row in rows if released.permitted(row.id)]
    streams = await desk.index.streams(call.tenant, [row.stream for row in readable])
    items = [(row.id, partial(read_of, streams[row.stream], released)) for row in readable]
    return _page(readable, items, released, wanted, limit, more=more, last=rows[-1])


def _page(
    rows: Sequence[SessionRow],
    items: Sequence[tuple[UUID, Reader]],
    released: Opened,
    wanted: Wanted,
    limit: int,
    *,
    more: bool,
    last: SessionRow | None = None,
) -> Found:
    met = [(row, item) for row, item in zip(rows, items, strict=True) if _is_met(wanted, item[1])]
    if len(met) > limit:
        return Found([item for _, item in met[:limit]], released, place_of(met[limit - 1][0]))
    behind = last or (rows[-1] if rows else None)
    return Found([item for _, item in met], released, place_of(behind) if more and behind is not None else None)


def _is_met(wanted: Wanted, read: Reader) -> bool:
    """One that cannot be shown stays in the list, which names it."""
    try:
        return wanted.is_met_by(read())
    except UNSHOWABLE:
        return True
