"""`/review/pictures` and one client's timeline: each picture with its table and its CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.decision.domain.policy import ClientPolicy
from services.audit_log.ledger.domain.words import PURPOSE_NAMES
from services.audit_log.officers.adapters.counts import Counts
from services.audit_log.officers.api.surface import Surface
from services.audit_log.officers.application.judging import Judging
from services.audit_log.officers.domain import pictures
from shared.contracts.consent_policy import ConsentStatus
from shared.http.call import path_id
from shared.http.page_policy import HEADERS
from shared.http.problems import Fault, invalid, not_found
from shared.values.csv_text import csv_bytes
from shared.values.time import midnight, parse_day

DEFAULT_DAYS: Final = 90
MOST_DAYS: Final = 3 * 366
_PEOPLE: Final = 20


@dataclass(frozen=True, slots=True)
class Drawn:
    wide: Markup
    narrow: Markup
    """the same for a narrow window"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, with the same in rows."""

    id: str
    title: str
    told: str
    drawn: Drawn
    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]
    legend: Sequence[tuple[int, str]] = ()


def pictures_router(
    surface: Surface, counts: Counts, judging: Judging, projection: PolicyProjection, now: Callable[[], datetime]
) -> APIRouter:
    router = APIRouter(prefix="/review/pictures", include_in_schema=False, route_class=surface.route())

    async def drawn(tenant: str, since: date, until: date) -> list[Shown]:
        first, last = midnight(since), midnight(until + timedelta(days=1))
        heat = await counts.heat(tenant, first, last)
        people = await counts.people(tenant, since, until + timedelta(days=1), _PEOPLE)
        refused = await counts.refused(tenant, first, last)
        return [_hours(heat), _people(people), _refusals(refused, since, until)]

    @router.get("")
    async def page(request: Request) -> Response:
        call = await surface.officer(request, "view-pictures")
        since, until = _range(request, now())
        waiting = await judging.catch_up(call.tenant)
        shown = await drawn(call.tenant, since, until)
        values = {"pictures": shown, "since": since, "until": until, "waiting": waiting, "csv": _links(shown, since, until)}
        query = {"from": str(since), "to": str(until)}
        return await surface.show(call, "pictures.html", values, action="view-pictures", query=query, rows=len(shown))

    @router.get("/{name}.csv")
    async def table(request: Request, name: str) -> Response:
        call = await surface.officer(request, "view-pictures")
        since, until = _range(request, now())
        found = next((p for p in await drawn(call.tenant, since, until) if p.id == name), None)
        if found is None:
            raise not_found("There is no such picture.")
        query = {"from": str(since), "to": str(until), "csv": name}
        headers = await surface.desk.record(call, "view-pictures", query, len(found.rows))
        return _csv(name, found, headers)

    @router.get("/clients/{client_id}")
    async def timeline(request: Request, client_id: str) -> Response:
        client = str(path_id(client_id))
        call = await surface.officer(request, "view-timeline", client)
        since, until = _range(request, now())
        shown = await _timeline(call.tenant, client, since, until)
        csv = f"/review/pictures/clients/{client}/timeline.csv?" + urlencode({"from": since, "to": until})
        values = {"picture": shown, "since": since, "until": until, "client_id": client, "csv": csv}
        query = {"from": str(since), "to": str(until)}
        return await surface.show(
            call, "timeline.html", values, action="view-timeline", query=query, rows=len(shown.rows), client_id=client
        )

    @router.get("/clients/{client_id}/timeline.csv")
    async def timeline_csv(request: Request, client_id: str) -> Response:
        client = str(path_id(client_id))
        call = await surface.officer(request, "view-timeline", client)
        since, until = _range(request, now())
        shown = await _timeline(call.tenant, client, since, until)
        query = {"from": str(since), "to": str(until), "csv": "timeline"}
        headers = await surface.desk.record(call, "view-timeline", query, len(shown.rows), client_id=client)
        return _csv("timeline", shown, headers)

    async def _timeline(tenant: str, client: str, since: date, until: date) -> Shown:
        first, last = midnight(since), midnight(until + timedelta(days=1))
        dots = await counts.of_client(tenant, client, first, last)
        policy = (await projection.policy(tenant)).client(client)
        bars = [b for b in _bars(policy) if b.start < last and (b.end is None or b.end > first)]
        rows: list[tuple[object, ...]] = [
            ("agreed", b.label, b.start.date(), b.end.date() if b.end else "", "", "") for b in bars
        ]
        rows += [("used", d.who, d.day, d.day, d.times, d.refused) for d in dots]
        return Shown(
            id="timeline",
            title="Agreed, and used",
            told="Bars: what was agreed and who cares for the client. Dots: uses on a day; where something was refused, a ring.",
            drawn=_drawn(partial(pictures.timeline, bars, dots, first, last)),
            columns=("what", "who", "from", "to", "uses", "refused"),
            rows=rows,
        )

    return router


def _drawn(draw: Callable[..., str]) -> Drawn:
    """Built here, every text escaped."""
    return Drawn(Markup(draw()), Markup(draw(narrow=True)))  # noqa: S704


def _hours(heat: dict[tuple[int, int], int]) -> Shown:
    rows = [(pictures.DAYS[w], f"{h}:00", n) for (w, h), n in sorted(heat.items())]
    return Shown(
        id="hours",
        title="By hour and weekday",
        told="When records are used. The darker (by night: the lighter), the more. Hours are UTC.",
        drawn=_drawn(partial(pictures.heat_map, heat)),
        columns=("weekday", "hour", "uses"),
        rows=rows,
    )


def _people(found: Sequence[tuple[str, str, str, int]]) -> Shown:
    by_person: dict[str, dict[str, int]] = {}
    totals: dict[str, int] = {}
    for name, _, purpose, times in found:
        of = by_person.setdefault(name, {})
        of[purpose] = of.get(purpose, 0) + times
        totals[purpose] = totals.get(purpose, 0) + times
    ranked = sorted(totals, key=lambda p: -totals[p])
    colours = {p: n for n, p in enumerate(ranked[: pictures.COLOURS - 1], 1)}
    legend = [(n, PURPOSE_NAMES.get(p, p or "no purpose")) for p, n in colours.items()]
    if len(ranked) > len(colours):
        legend.append((pictures.COLOURS, "other purposes"))
    return Shown(
        id="people",
        title="By person and purpose",
        told=f"The {_PEOPLE} who used records most, automatic tasks included.",
        drawn=_drawn(partial(pictures.people_bars, list(by_person.items()), colours)),
        columns=("person", "role", "purpose", "uses"),
        rows=[(name, role.replace("_", " "), PURPOSE_NAMES.get(p, p), n) for name, role, p, n in found],
        legend=legend,
    )


def _refusals(refused: dict[date, int], since: date, until: date) -> Shown:
    counted = [(day, refused.get(day, 0)) for day in pictures.days_between(since, until)]
    return Shown(
        id="refusals",
        title="Refusals over time",
        told="Requests that the gate refused, by day.",
        drawn=_drawn(partial(pictures.day_bars, counted)),
        columns=("day", "refused"),
        rows=[(day, n) for day, n in counted if n],
    )


def _bars(policy: ClientPolicy) -> list[pictures.Bar]:
    """Consents that ever held, and relationships; oldest first."""
    found = []
    for c in policy.consents:
        if c.status in (ConsentStatus.PROPOSED, ConsentStatus.REFUSED):
            continue
        end = c.period.end if c.status is ConsentStatus.ACTIVE else min(c.at, c.period.end or c.at)
        found.append(pictures.Bar(f"consent: {str(c.kind).replace('_', ' ')}", "agreed", c.period.start, end))
    found += [
        pictures.Bar(f"{str(r.role).replace('_', ' ')}: {r.practitioner_id}", "related", r.start, r.end)
        for r in policy.relationships
    ]
    return sorted(found, key=lambda b: (b.kind, b.start))


def _range(request: Request, today: datetime) -> tuple[date, date]:
    """The days asked for, the last one included. Problem 422."""
    faults = []
    given: dict[str, date] = {}
    for name in ("from", "to"):
        text = request.query_params.get(name)
        try:
            if text:
                given[name] = parse_day(text)
        except ValueError as error:
            faults.append(Fault(f"?{name}", str(error)))
    until = given.get("to", today.date())
    since = given.get("from", until - timedelta(days=DEFAULT_DAYS - 1))
    if not faults and not timedelta() <= until - since <= timedelta(days=MOST_DAYS):
        faults.append(Fault("?to", "not before `from`, and at most three years after it"))
    if faults:
        raise invalid(faults)
    return since, until


def _links(shown: Sequence[Shown], since: date, until: date) -> dict[str, str]:
    asked = urlencode({"from": since, "to": until})
    return {p.id: f"/review/pictures/{p.id}.csv?{asked}" for p in shown}


def _csv(name: str, shown: Shown, headers: dict[str, Any]) -> Response:
    sent = {**HEADERS, **headers, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(csv_bytes([shown.columns, *shown.rows]), media_type="text/csv; charset=utf-8", headers=sent)
