"""`/review/`: Today; the decision on a break-glass review; and having the log recomputed."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.break_glass.application.reviews import Reviewing
from services.audit_log.break_glass.domain.reviews import Finding
from services.audit_log.ledger.domain.verification import Report
from services.audit_log.officers.api.surface import Surface, seen
from services.audit_log.officers.application.today import Gathering
from services.audit_log.officers.application.verifying import Verifying
from shared.http.call import path_id
from shared.http.problems import Fault, invalid

NOTE: Final = range(10, 2001)
"""characters of a decision's note"""


def today_router(
    surface: Surface, gathering: Gathering, reviewing: Reviewing, verifying: Verifying, now: Callable[[], datetime]
) -> APIRouter:
    router = APIRouter(prefix="/review", include_in_schema=False, route_class=surface.route())

    @router.get("/")
    async def today(request: Request) -> Response:
        call = await surface.officer(request, "view-today")
        found = await gathering.today(call)
        rows = len(found.reviews.items) + len(found.documentation) + len(found.refusals.items) + len(found.alarms)
        values = {"today": found, "now": now(), "verifying": verifying.running(call.tenant)}
        return await surface.show(call, "today.html", values, action="view-today", query={}, rows=rows)

    @router.get("/break-glass/{grant_id}")
    async def review(request: Request, grant_id: str) -> Response:
        call = await surface.officer(request, "view-review")
        found = await reviewing.one(call.tenant, path_id(grant_id))
        story = await reviewing.story(call.tenant, found)
        values = {"review": found, "story": story, "now": now()}
        query = {"grant": found.grant_id}
        return await surface.show(
            call, "break-glass.html", values, action="view-review", query=query, rows=len(story), client_id=found.client_id
        )

    @router.post("/break-glass/{grant_id}")
    async def decide(request: Request, grant_id: str) -> Response:
        call = await surface.officer(request, "view-review")
        fields = await surface.form(request, call)
        await reviewing.decide(call, path_id(grant_id), _finding(fields.get("decision", "")), note_of(fields))
        return seen(f"/review/break-glass/{path_id(grant_id)}")

    @router.post("/verification")
    async def verify(request: Request) -> Response:
        call = await surface.officer(request, "verify-ledger")
        await surface.form(request, call)

        async def record(report: Report) -> None:
            query = {"finding": report.finding, "index": report.index}
            await surface.desk.record(call, "verify-ledger", query, report.entries)

        verifying.begin(call.tenant, record)
        return seen("/review/#ledger")

    return router


def note_of(fields: dict[str, str]) -> str:
    note = fields.get("note", "").strip()
    if len(note) not in NOTE or "\x00" in note:
        raise invalid([Fault("/note", f"{NOTE.start} to {NOTE.stop - 1} characters: why it was found so")])
    return note


def _finding(text: str) -> Finding:
    try:
        return Finding(text)
    except ValueError:
        raise invalid([Fault("/decision", "justified or not_justified")]) from None
