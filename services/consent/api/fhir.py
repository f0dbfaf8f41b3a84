"""`/fhir/R4/Consent` and `/fhir/R4/Provenance` (HL7 FHIR 4.0.1; IHE PCF 1.1). `docs/ehr-integration.md` has the mapping."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.callers import Callers
from services.consent.api.fhir_parameters import HISTORY, TARGET, search_of
from services.consent.application.fhir_reading import FhirReading, Resource
from services.consent.application.fhir_writing import FhirWriting
from services.consent.application.ports import Place
from services.consent.domain.fhir.criteria import Home
from services.consent.domain.fhir.dialects import Dialect
from services.consent.domain.fhir.reading import Imported, read_consent
from services.consent.domain.fhir.resource import parse_json
from shared.http.call import Call, etag
from shared.http.conditional import required_version
from shared.http.cursor import Cursors
from shared.http.fhir import (
    FHIR_RESPONSES,
    FhirResponse,
    FhirRoute,
    Issue,
    Return,
    bad_search,
    outcome,
    preferred,
    resource_body,
    respond,
)
from shared.http.fhir_search import Pairs, count_in, criteria_of, dates_of, form_pairs, understood
from shared.http.idempotency import Idempotency
from shared.http.problems import Problem, insufficient_scope, not_found
from shared.http.showing import NOT_SHOWN
from shared.identity.scopes import granted

BASE: Final = "/fhir/R4"
_FHIR_VERSION: Final = re.compile(r";\s*fhirVersion=\"?([0-9.]{1,8})")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")


def router(
    *,
    reading: FhirReading,
    writing: FhirWriting,
    idempotency: Idempotency,
    cursors: Cursors,
    callers: Callers,
    public_url: str,
) -> APIRouter:
    routes = APIRouter(
        tags=["fhir"],
        prefix=BASE,
        route_class=FhirRoute,
        responses=FHIR_RESPONSES,
        default_response_class=FhirResponse,
    )
    base = f"{public_url}{BASE}"

    @routes.post("/Consent", status_code=201, responses={200: {"description": "If-None-Exist: one matches, and this is it"}})
    async def create(request: Request) -> Response:
        """Create a consent, or import one made elsewhere (R5: `fhirVersion=5.0` in the media type). With `If-None-Exist`, or with
        criteria in the address as fhirpy sends them, only where none matches."""
        call = await callers.of(request)
        raw = await resource_body(request)
        imported, source = _read(request, raw, call, base)
        condition = _condition(request)
        only_if_none = None
        if condition is not None:
            if not _reaches(call, "s"):
                raise insufficient_scope(("Consent.s",))
            criteria = criteria_of(condition, "Consent")
            only_if_none = search_of(criteria, lenient=False, base=base, patient=imported.form.client_id)
        answer, _ = await idempotency.run(
            call,
            f"POST {BASE}/Consent {condition or ''}",
            raw,
            lambda repeat: writing.create(call, imported, source, repeat, only_if_none),
        )
        consent_id = UUID(str(answer.body["id"]))
        notes = await writing.notes(call, consent_id, imported) if answer.status == 201 else ()
        return await written(request, call, consent_id, answer.status, notes)

    @routes.put("/Consent/{consent_id}")
    async def update(request: Request, consent_id: str) -> Response:
        """Amend a proposal, or end an active consent (If-Match). What was signed is not rewritten."""
        call = await callers.of(request)
        wanted = _id(consent_id)
        expected = required_version(request)
        raw = await resource_body(request)
        imported, source = _read(request, raw, call, base, expected_id=consent_id)
        await writing.update(call, wanted, imported, source, expected)
        return await written(request, call, wanted, 200, await writing.notes(call, wanted, imported))

    async def written(request: Request, call: Call, consent_id: UUID, status: int, notes: Sequence[tuple[str, str]]) -> Response:
        wanted, _ = preferred(request)
        if wanted is Return.REPRESENTATION and not _reaches(call, "r"):
            wanted = Return.MINIMAL
        number, updated, body, more = await writing.written(call, consent_id, read_back=wanted is Return.REPRESENTATION)
        headers = {
            **more,
            "ETag": etag(number),
            "Last-Modified": _http_date(updated),
            "Location": f"{base}/Consent/{consent_id}/_history/{number}",
        }
        if wanted is Return.OUTCOME:
            issues = [Issue("warning", "informational", said, path) for path, said in notes]
            body = outcome(issues or [Issue("information", "informational", "Done.")])
        return respond(request, body, status, headers)

    @routes.get("/Consent/{consent_id}")
    async def read(request: Request, consent_id: str) -> Response:
        call = await callers.of(request)
        return _shown(request, await reading.consent(call, _id(consent_id)))

    @routes.get("/Consent/{consent_id}/_history/{version_id}")
    async def vread(request: Request, consent_id: str, version_id: str) -> Response:
        call = await callers.of(request)
        if not _VERSION.fullmatch(version_id):
            raise not_found("There is no such version.")
        return _shown(request, await reading.consent(call, _id(consent_id), int(version_id)))

    @routes.get("/Consent/{consent_id}/_history")
    async def history(request: Request, consent_id: str) -> Response:
        """Every version that vread gives, newest first; `_since` (an instant) and `_count` make it shorter."""
        call = await callers.of(request)
        pairs = request.query_params.multi_items()
        asked = understood(pairs, HISTORY, lenient=preferred(request)[1])
        since = [_since(value) for name, value in asked if name == "_since"]
        query = urlencode([(k, v) for k, v in pairs if k != "cursor"])
        bound = f"{call.tenant}/{call.principal.sub}/fhir/Consent/{consent_id}/_history/{query}"
        before = cursors.decode(request, bound_to=bound)
        found, headers = await reading.history(call, _id(consent_id))
        total = [(r, i) for i, r in zip(range(len(found) - 1, -1, -1), found, strict=True) if all(r.updated >= s for s in since)]
        left = [(r, i) for r, i in total if before is None or r.number < before]
        page = left[: count_in(asked)]
        links = [{"relation": "self", "url": _address(f"{base}/Consent/{consent_id}/_history", query)}]
        if len(left) > len(page):
            more = urlencode({"cursor": cursors.encode(page[-1][0].number, bound_to=bound)})
            links.append({"relation": "next", "url": _address(f"{base}/Consent/{consent_id}/_history", query, more)})
        entries = [_history_entry(base, consent_id, r, first=i == 0) for r, i in page]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "history", "total": len(total), "link": links}
        return respond(request, {**bundle, **({"entry": entries} if entries else {})}, headers=headers)

    @routes.get("/Consent")
    async def search(request: Request) -> Response:
        """Consents of one client that the caller may read; without a total, which would tell of the others."""
        return await searched(request, request.query_params.multi_items())

    @routes.post("/Consent/_search")
    async def search_by_form(request: Request) -> Response:
        """The same search, with its parameters out of the address."""
        return await searched(request, await form_pairs(request))

    async def searched(request: Request, pairs: Pairs) -> Response:
        call = await callers.of(request)
        _, lenient = preferred(request)
        asked = search_of(pairs, lenient=lenient, base=base)
        query = urlencode([(k, v) for k, v in pairs if k != "cursor"])
        bound = f"{call.tenant}/{call.principal.sub}/fhir/Consent/{query}"
        at = cursors.decode(request, bound_to=bound)
        before = None if at is None else Place(UUID(at[1]), datetime.fromisoformat(at[0]))
        found = await reading.search(call, asked, before)
        links = [{"relation": "self", "url": f"{base}/Consent?{query}"}]
        if found.next is not None:
            place = [found.next.created_at.isoformat(), str(found.next.record_id)]
            links.append({"relation": "next", "url": f"{base}/Consent?{query}&cursor={cursors.encode(place, bound_to=bound)}"})
        return respond(request, _searchset(base, found.resources, links, found.missing), headers=found.headers)

    @routes.get("/Provenance")
    async def provenances(request: Request) -> Response:
        """Who wrote a consent: `target=Consent/[id]`, or `target=Consent/[id]/_history/[vid]` for one version."""
        call = await callers.of(request)
        pairs = request.query_params.multi_items()
        asked = understood(pairs, TARGET, lenient=preferred(request)[1], result=frozenset({"_format", "_pretty"}))
        wanted = [value for name, value in asked if name == "target"]
        match = _TARGET.fullmatch(wanted[0].removeprefix(f"{base}/")) if len(wanted) == 1 else None
        if match is None:
            raise bad_search("target", "Consent/[id], of one consent")
        links = [{"relation": "self", "url": f"{base}/Provenance?{urlencode({'target': wanted[0]})}"}]
        try:
            shown, headers = await reading.provenances(call, _id(match[1]), int(match[2]) if match[2] else None)
        except Problem as problem:
            if problem.status != 404:
                raise
            shown, headers = [], {}
        return respond(request, _searchset(base, shown, links), headers=headers)

    @routes.get("/Provenance/{provenance_id}")
    async def provenance(request: Request, provenance_id: str) -> Response:
        call = await callers.of(request)
        consent_id, _, number = provenance_id.rpartition("-")
        if not _VERSION.fullmatch(number):
            raise not_found()
        shown, headers = await reading.provenances(call, _id(consent_id), int(number))
        if not shown:
            raise not_found()
        return respond(request, shown[0], headers=headers)

    return routes


_TARGET: Final = re.compile(r"Consent/([0-9a-fA-F-]{36})(?:/_history/([1-9][0-9]{0,8}))?")


def _read(request: Request, raw: bytes, call: Call, base: str, expected_id: str | None = None) -> tuple[Imported, str]:
    """The consent and its text as sent. 400 where it is no JSON or names another id, 415 for an unknown FHIR version, 422 with
    every fault."""
    version = _FHIR_VERSION.search(request.headers.get("content-type", ""))
    if version is not None and version[1] not in ("4.0", "5.0"):
        raise Problem(
            415, "fhir-version", "Unsupported FHIR version", "Send R4 (fhirVersion=4.0), or an R5 consent (5.0) to import."
        )
    dialect: Dialect | None = "r5" if version is not None and version[1] == "5.0" else None
    source = raw.decode()
    try:
        value = parse_json(source)
    except ValueError:
        raise Problem(
            400, "not-json", "Not JSON", "Send one Consent resource as JSON, nested less deep than 60 levels."
        ) from None
    if expected_id is not None and isinstance(value, dict) and value.get("id") != expected_id:
        raise Problem(400, "another-id", "Another id", "The resource's id is the id in the address.")
    return read_consent(value, Home(call.tenant, base), dialect), source


def _reaches(call: Call, letter: str) -> bool:
    """Whether the token's scopes go further than the route takes: to search before a write, to read what was written."""
    own = call.principal.client_id is not None
    return granted(call.principal.scopes, "Consent", letter, own_record=own)


def _condition(request: Request) -> str | None:
    """The criteria of a conditional create, from `If-None-Exist` or from the address; None where there are none."""
    asked = urlencode([(k, v) for k, v in request.query_params.multi_items() if k not in ("_format", "_pretty")])
    header = request.headers.get("if-none-exist")
    if header is not None and asked:
        raise bad_search("", "criteria in If-None-Exist or in the address, not in both")
    return header if header is not None else asked or None


def _since(value: str) -> datetime:
    """The instant of `_since` (R4, HTTP: history). 400 where it is none."""
    if "T" not in value or not value[:1].isdigit() or "," in value:
        raise bad_search("_since", "an instant with its zone, as 2026-03-01T09:30:00Z")
    return dates_of("_since", value)[0].start


def _address(path: str, *queries: str) -> str:
    query = "&".join(q for q in queries if q)
    return f"{path}?{query}" if query else path


def _history_entry(base: str, consent_id: str, version: Resource, *, first: bool) -> dict[str, Any]:
    return {
        "fullUrl": f"{base}/Consent/{consent_id}",
        **({} if version.body is None else {"resource": version.body}),
        "request": {"method": "POST", "url": "Consent"} if first else {"method": "PUT", "url": f"Consent/{consent_id}"},
        "response": {
            "status": "201" if first else "200",
            "etag": etag(version.number),
            "lastModified": version.updated.astimezone(UTC).isoformat(timespec="milliseconds"),
            **(_missing([consent_id]) if version.body is None else {}),
        },
    }


def _id(value: str) -> UUID:
    """404 for what is no id of this server's."""
    try:
        return UUID(value)
    except ValueError:
        raise not_found() from None


def _shown(request: Request, resource: Resource) -> Response:
    headers = {**resource.headers, "ETag": etag(resource.number), "Last-Modified": _http_date(resource.updated)}
    return respond(request, resource.body, headers=headers)


def _searchset(
    base: str, resources: Sequence[Mapping[str, Any]], links: list[dict[str, str]], missing: Sequence[UUID] = ()
) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in resources
    ]
    if missing:
        entries.append({"resource": _missing(missing)["outcome"], "search": {"mode": "outcome"}})
    return {"resourceType": "Bundle", "type": "searchset", "link": links, **({"entry": entries} if entries else {})}


def _missing(consents: Sequence[UUID | str]) -> dict[str, Any]:
    """What says, in the place of consents that cannot be shown, that they are there."""
    return {"outcome": outcome([Issue("warning", "incomplete", f"Consent/{c}: {NOT_SHOWN}") for c in consents])}


def _http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)
