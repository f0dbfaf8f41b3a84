"""`/v1/me`, `/v1/clients`, `/v1/sessions`, `/v1/worklist`: what a practitioner's program asks for each morning."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.clients.api.views import client_view
from services.session_notes.clients.application.clients import ClientRead
from services.session_notes.course.application.ports import CourseIndex
from services.session_notes.desk.api.surface import Surface, bound_to, respond
from services.session_notes.sessions.api.views import session_view
from services.session_notes.sessions.application.sessions import SessionRead
from services.session_notes.sessions.domain.sessions import Attendance
from services.session_notes.working_day.application.clients import my_clients
from services.session_notes.working_day.application.ports import WorkingDay
from services.session_notes.working_day.application.sessions import Wanted, sessions_by
from services.session_notes.working_day.application.worklist import worklist
from shared.gate.ask import Opened
from shared.http.call import Call
from shared.http.problems import Fault, invalid
from shared.http.query import CLIENT_ID, PAGING, parameter
from shared.http.showing import shown
from shared.identity.roles import PURPOSES, Role
from shared.values.time import begin_of, end_of

_NOT_KEPT: Final = ("amendments_due", "risk_to_acknowledge")
"""lists of other services, or of records that this release does not have: they are empty because nobody looked"""
_ME: Final = "me"
_DAY: Final = "a day (YYYY-MM-DD, UTC) or an instant with its zone: "
_SESSIONS: Final[list[dict[str, Any]]] = [
    {**CLIENT_ID, "required": False, "description": "this client's; or `therapist_id`, or both"},
    {"name": "therapist_id", "in": "query", "description": "`me`: your own", "schema": {"type": "string", "enum": [_ME]}},
    {"name": "from", "in": "query", "description": f"{_DAY}begun then or later", "schema": {"type": "string"}},
    {"name": "to", "in": "query", "description": f"{_DAY}begun before; a day is included whole", "schema": {"type": "string"}},
    {"name": "attendance", "in": "query", "schema": {"type": "string", "enum": list(Attendance)}},
    *PAGING,
]


def working_day_routes(surface: Surface, day: WorkingDay, course: CourseIndex) -> APIRouter:
    router = APIRouter()
    desk = surface.desk

    @router.get("/v1/me", tags=["working day"])
    async def me(request: Request) -> Response:
        """Who you are by your token, and which purposes of use you may claim; the first is the one without a header."""
        person = surface.call(request).principal
        return respond(
            {
                "sub": person.sub,
                "name": person.name,
                "role": str(person.role),
                "roles": [str(role) for role in person.roles],
                "tenant": person.tenant,
                "client_id": person.client_id,
                "purposes": list(PURPOSES[person.role]),
            }
        )

    @router.get("/v1/clients", tags=["clients"], openapi_extra={"parameters": PAGING})
    async def clients(request: Request) -> Response:
        """The clients whom you may read now, newest first. One entry in the ledger a client of the page."""
        call = surface.call(request)
        bound = bound_to(call, "clients", None)
        start, limit = surface.start(request, bound)
        mine = await my_clients(desk, day, call, start=start, limit=limit)
        items = [shown(row.id, partial(_client, read, mine.page.opened)) for row, read in mine.read.items()]
        return surface.page(items, mine.page, bound)

    @router.get("/v1/sessions", tags=["sessions"], openapi_extra={"parameters": _SESSIONS})
    async def sessions(request: Request) -> Response:
        """Sessions of a client, or your own, newest first; by day and attendance. One entry in the ledger a client and page.

        When a session was held is sealed. A page opens up to 499 sessions to compare them, and may be shorter than `limit` though
        `next` leads on.
        """
        call = surface.call(request)
        wanted = _wanted(request, call)
        bound = bound_to(call, f"sessions/{wanted}", wanted.client_id)
        start, limit = surface.start(request, bound)
        found = await sessions_by(desk, day, call, wanted, start=start, limit=limit)
        items = [shown(i, partial(_session, read, found.opened, call.principal.role)) for i, read in found.items]
        return surface.listed(items, found.next, bound, found.opened)

    @router.get("/v1/worklist", tags=["working day"])
    async def work(request: Request) -> Response:
        """What waits for you, oldest first: ids and dates, no text. One entry in the ledger a client.

        `more` names the lists that go on behind their first 60. `not_kept` names those that this service does not fill: that one
        of them is empty does not say that nothing is due.
        """
        call = surface.call(request)
        found = await worklist(desk, day, course, call)
        body: dict[str, Any] = {str(queue): items for queue, items in found.queues.items()}
        body |= {name: [] for name in _NOT_KEPT}
        return respond(body | {"more": found.more, "not_kept": list(_NOT_KEPT)}, headers=found.opened.headers)

    return router


def _wanted(request: Request, call: Call) -> Wanted:
    client_id = parameter(request, "client_id", _uuid, None)
    mine = parameter(request, "therapist_id", _me, None)
    since, until = (_utc(parameter(request, name, of, None)) for name, of in (("from", begin_of), ("to", end_of)))
    attendance = parameter(request, "attendance", _attendance, None)
    if client_id is None and mine is None:
        raise invalid([Fault("?client_id", "the client's id, a UUID; or therapist_id=me")])
    return Wanted(client_id, call.principal.sub if mine else None, since, until, attendance)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("the client's id, a UUID") from None


def _me(text: str) -> str:
    if text != _ME:
        raise ValueError("one of: me (only your own sessions are listed by therapist)")
    return text


def _attendance(text: str) -> Attendance:
    try:
        return Attendance(text)
    except ValueError:
        raise ValueError(f"one of {', '.join(Attendance)}") from None


def _client(read: Callable[[], ClientRead], opened: Opened) -> dict[str, Any]:
    return client_view(read(), opened)


def _session(read: Callable[[], SessionRead], opened: Opened, to: Role) -> dict[str, Any]:
    return session_view(read(), opened, to=to)
