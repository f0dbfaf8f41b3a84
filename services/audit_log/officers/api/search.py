"""`/review/search`, its export, one entry with why it was decided so, and its proof for the browser to check."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.decision.application.explanations import Explanations
from services.audit_log.ledger.api.query import filters_of
from services.audit_log.ledger.application.ledger_view import Filters, LedgerView, NoSuchEntry, NotYetSigned, StoredEntry
from services.audit_log.ledger.application.reports import Reports
from services.audit_log.ledger.application.turns import RETRY_SECONDS, Busy
from services.audit_log.ledger.domain.leaf import canonical
from services.audit_log.ledger.domain.payload import instant, payload_of
from services.audit_log.officers.adapters.entry_search import MOST_PEOPLE, EntrySearch, Place, TooManyPeople
from services.audit_log.officers.api.surface import Surface
from shared.entry.json_text import LARGEST_INTEGER
from shared.entry.numbers import whole_number
from shared.http.call import Call
from shared.http.cursor import Cursors, limit_of
from shared.http.held import HeldResponse
from shared.http.page_policy import HEADERS
from shared.http.problems import Fault, Problem, invalid, not_found, unavailable
from shared.values.csv_text import csv_bytes

EXPORT_SECONDS: Final = 3_600
"""after which an export that is still being fetched is given up"""
FIELDS: Final = ("client_id", "agent", "from", "to", "action", "outcome", "purpose", "kind", "record_id")
ACTIONS: Final = (
    "read",
    "search",
    "create",
    "update",
    "sign",
    "cosign",
    "return",
    "answer",
    "revoke",
    "compute",
    "export",
    "lookup",
)
COLUMNS: Final = (
    *("index", "at", "kind", "agent", "agent_name", "role", "action", "outcome", "reason", "purpose", "client_id"),
    *("service", "records", "basis", "request_id", "erased"),
)
"""of the CSV; new ones come at the end, so that none ever shifts"""
WORDS: Final = ("at", "kind", "agent", "action", "outcome", "reason", "purpose", "client_id", "records")
"""of a payload, those that an entry's page shows"""


def search_router(
    surface: Surface, search: EntrySearch, ledger: LedgerView, reports: Reports, explanations: Explanations, cursors: Cursors
) -> APIRouter:
    router = APIRouter(prefix="/review", include_in_schema=False, route_class=surface.route())

    @router.get("/search")
    async def hits(request: Request) -> Response:
        call = await surface.officer(request, "search-ledger")
        asked = _asked(request)
        values: dict[str, Any] = {"asked": asked, "actions": ACTIONS, "hits": [], "next": None, "faults": []}
        try:
            filters = filters_of(request)
            told = await _told(search, ledger, call.tenant, asked)
        except Problem as problem:
            values["faults"] = [(f.pointer.lstrip("?"), f.detail) for f in problem.errors]
            faulty = {"faulty": [name for name, _ in values["faults"] if name in FIELDS]}  # never what was typed there
            return await surface.show(call, "search.html", values, action="search-ledger", query=faulty, rows=0)
        bound_to = orjson.dumps([call.tenant, call.principal.sub, "review", asked], option=orjson.OPT_SORT_KEYS).decode()
        limit, position = limit_of(request), cursors.decode(request, bound_to=bound_to)
        after: Place | None = (datetime.fromisoformat(position[0]), position[1]) if position else None
        found = await search.page(call.tenant, filters, after, limit + 1)
        shown = found[:limit]
        if len(found) > limit:
            last = shown[-1]
            cursor = cursors.encode([last.entry.at.isoformat(), last.index], bound_to=bound_to)
            values["next"] = "/review/search?" + urlencode({**asked, **_limit(request), "cursor": cursor})
        values["hits"], values["csv"] = shown, "/review/search.csv?" + urlencode(asked)
        return await surface.show(
            call, "search.html", values, action="search-ledger", query=told, rows=len(shown), client_id=filters.client_id
        )

    @router.get("/search.csv")
    async def export(request: Request) -> Response:
        """Streams; one entry before the first line, one with rows and digest behind the last."""
        call = await surface.officer(request, "export-ledger")
        asked, filters = _asked(request), filters_of(request)
        told = await _told(search, ledger, call.tenant, asked)
        try:
            place = reports.take(call.tenant, call.principal.sub)
        except Busy as busy:
            raise unavailable(str(busy), RETRY_SECONDS) from None
        try:
            headers = await surface.desk.record(call, "export-ledger", told, 0, client_id=filters.client_id)
            span = await search.span(call.tenant, filters)
        except BaseException:
            place.leave()
            raise
        if span is not None:
            headers["Export-Span"] = "/".join(map(instant, span))  # what the page's progress bar measures by
        lines = _lines(surface, call, search, told, filters)
        sent = {**HEADERS, **headers, "Content-Disposition": 'attachment; filename="ledger-entries.csv"'}
        sent["X-Accel-Buffering"] = "no"  # nginx passes it on as it comes
        return HeldResponse(lines, held=place.leave, seconds=EXPORT_SECONDS, media_type="text/csv; charset=utf-8", headers=sent)

    @router.get("/entries/{index}")
    async def entry(request: Request, index: str) -> Response:
        call = await surface.officer(request, "explain-entry")
        try:
            stored = await ledger.entry(call.tenant, _index(index))
        except NoSuchEntry:
            await surface.desk.record(call, "explain-entry", {"index": index[:20]}, 0)
            raise not_found("The log has no entry at this index.") from None
        values = {"stored": stored, "why": await explanations.of(call.tenant, stored), "words": _words(stored)}
        return await surface.show(
            call,
            "entry.html",
            values,
            action="explain-entry",
            query={"index": stored.index},
            rows=1,
            client_id=stored.entry.client_id,
        )

    @router.get("/entries/{index}/proof")
    async def proof(request: Request, index: str) -> Response:
        """What the page's own script needs to check the entry by itself; the server's word is not asked."""
        call = await surface.officer(request, "prove-entry")
        try:
            proved = await ledger.proof(call.tenant, _index(index))
        except NoSuchEntry:
            raise not_found("The log has no entry at this index.") from None
        except NotYetSigned:
            raise unavailable("The entry is durable, but no signed checkpoint covers it yet.", 1) from None
        headers = await surface.desk.record(call, "prove-entry", {"index": proved.index}, 1)
        body = {
            "index": proved.index,
            "tenant": call.tenant,
            "leaf": b64encode(proved.leaf).decode(),
            "salt": None if proved.salt is None else b64encode(proved.salt).decode(),
            "payload": None if proved.payload is None else proved.payload.decode(),
            "proof": proved.text.decode(),
            "vkey": ledger.vkey(call.tenant),
        }
        return Response(orjson.dumps(body), media_type="application/json", headers={**HEADERS, **headers})

    return router


async def _lines(
    surface: Surface, call: Call, search: EntrySearch, told: Mapping[str, Any], filters: Filters
) -> AsyncIterator[bytes]:
    rows, digest = 0, sha256()
    head = csv_bytes([COLUMNS])
    digest.update(head)
    yield head
    async for page in search.all(call.tenant, filters):
        block = csv_bytes(map(_row, page))
        rows += len(page)
        digest.update(block)
        yield block
    query = {**told, "sha256": digest.hexdigest()}
    await surface.desk.record(call, "exported-ledger", query, rows, client_id=filters.client_id)


def _words(stored: StoredEntry) -> str:
    """What the page shows of an entry, for the browser to compare with what was logged."""
    payload = payload_of(stored.entry)
    return canonical({name: payload[name] for name in WORDS}).decode()


def _row(stored: StoredEntry) -> tuple[object, ...]:
    e = stored.entry
    records = " ".join(f"{r.record_type}:{r.record_id}:{r.decision}" for r in e.records)
    head = (stored.index, instant(e.at), e.kind.value, e.agent, e.agent_name, e.agent_role, e.action, e.outcome, e.reason)
    return (*head, e.purpose, e.client_id, e.service, records, " ".join(e.basis), e.request_id, stored.erased)


def _asked(request: Request) -> dict[str, str]:
    return {name: request.query_params[name][:200] for name in FIELDS if request.query_params.get(name)}


async def _told(search: EntrySearch, ledger: LedgerView, tenant: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """What the entry keeps: of a person, the `sub`s that were found. Problem 422 where a word fits too many names."""
    who = asked.get("agent")
    if who is None:
        return dict(asked)
    try:
        named = await search.named(tenant, who)
    except TooManyPeople:
        raise invalid([Fault("?agent", f"it fits more than {MOST_PEOPLE} people: write more of the name")]) from None
    return {**asked, "agent": sorted({*await ledger.agents(tenant, who), *named})}


def _limit(request: Request) -> dict[str, str]:
    given = request.query_params.get("limit")
    return {"limit": given} if given else {}


def _index(text: str) -> int:
    try:
        return whole_number(text, 0, LARGEST_INTEGER)
    except ValueError:
        raise not_found("An index is a whole number.") from None
