"""`/fhir/R4/Consent` and `/fhir/R4/Provenance` (HL7 FHIR 4.0.1; IHE PCF 1.1). `docs/ehr-integration.md` has the mapping."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.answers import problem_of
from services.consent.api.callers import Callers
from services.consent.api.fhir_parameters import Pairs, search_of
from services.consent.application.fhir_reading import FhirReading, Resource
from services.consent.application.fhir_writing import FhirWriting
from services.consent.application.ports import Place
from services.consent.domain.errors import ConsentError
from services.consent.domain.fhir.criteria import Home
from services.consent.domain.fhir.dialects import Dialect
from services.consent.domain.fhir.reading import Imported, read_consent
from services.consent.domain.fhir.resource import parse_json
from shared.http.body import raw_body
from shared.http.call import Call, etag, expected_version
from shared.http.cursor import Cursors
from shared.http.fhir import (
    FHIR_RESPONSES,
    FhirResponse,
    Issue,
    Return,
    bad_search,
    outcome,
    preferred,
    resource_body,
    respond,
    route_class,
    scope_checked,
)
from shared.http.idempotency import Idempotency
from shared.http.problems import Problem, not_found
from shared.http.showing import NOT_SHOWN

BASE: Final = "/fhir/R4"
_FHIR_VERSION: Final = re.compile(r";\s*fhirVersion=\"?([0-9.]{1,8})")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
_FORM: Final = "application/x-www-form-urlencoded"
MAX_FORM: Final = 16_384


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
        route_class=route_class(_problem_of),
        responses=FHIR_RESPONSES,
        default_response_class=FhirResponse,
    )
    base = f"{public_url}{BASE}"

    async def called(request: Request, resource: str, letter: str) -> Call:
        call = await callers.of(request)
        scope_checked(call, resource, letter)
        return call

    @routes.post("/Consent", status_code=201, responses={200: {"description": "If-None-Exist: one matches, and this is it"}})
    async def create(request: Request) -> Response:
        """Create a consent, or import one made elsewhere (R5 by the media type's `fhirVersion=5.0`). With `If-None-Exist`, only
        where none matches."""
        call = await called(request, "Consent", "c")
        raw = await resource_body(request)
        imported, source = _read(request, raw, call)
        condition = request.headers.get("if-none-exist")
        only_if_none = None
        if condition is not None:
            scope_checked(call, "Consent", "s")
            criteria = parse_qsl(condition.removeprefix("?"), keep_blank_values=True)
            only_if_none = search_of(criteria, lenient=False, patient=imported.form.client_id)
        answer, _ = await idempotency.run(
            call,
            f"POST {BASE}/Consent {condition or ''}",
            raw,
            lambda repeat: writing.create(call, imported, source, repeat, only_if_none),
        )
        consent_id = UUID(str(answer.body["id"]))
        notes: Sequence[tuple[str, str]] = ()
        if answer.status == 201:
            notes = (await writing.settle(call, consent_id, imported)).notes
        return await written(request, call, consent_id, answer.status, notes)

    @routes.put("/Consent/{consent_id}")
    async def update(request: Request, consent_id: str) -> Response:
        """Amend a proposal, or end an active consent (If-Match). What was signed is not rewritten."""
        call = await called(request, "Consent", "u")
        wanted = _id(consent_id)
        expected = expected_version(request)
        raw = await resource_body(request)
        imported, source = _read(request, raw, call, expected_id=consent_id)
        done = await writing.update(call, wanted, imported, source, expected)
        notes = done.notes
        settled = await writing.settle(call, wanted, imported)
        return await written(request, call, wanted, 200, tuple(dict.fromkeys((*notes, *settled.notes))))

    async def written(request: Request, call: Call, consent_id: UUID, status: int, notes: Sequence[tuple[str, str]]) -> Response:
        wanted, _ = preferred(request)
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
        call = await called(request, "Consent", "r")
        return _shown(request, await reading.consent(call, _id(consent_id)))

    @routes.get("/Consent/{consent_id}/_history/{version_id}")
    async def vread(request: Request, consent_id: str, version_id: str) -> Response:
        call = await called(request, "Consent", "r")
        if not _VERSION.fullmatch(version_id):
            raise not_found("There is no such version.")
        return _shown(request, await reading.consent(call, _id(consent_id), int(version_id)))

    @routes.get("/Consent/{consent_id}/_history")
    async def history(request: Request, consent_id: str) -> Response:
        """Every version, newest first."""
        call = await called(request, "Consent", "r")
        found, headers = await reading.history(call, _id(consent_id))
        entries = [
            {
                "fullUrl": f"{base}/Consent/{consent_id}",
                **({} if r.body is None else {"resource": r.body}),
                "request": {"method": "PUT", "url": f"Consent/{consent_id}"} if i else {"method": "POST", "url": "Consent"},
                "response": {
                    "status": "200" if i else "201",
                    "etag": etag(r.number),
                    "lastModified": r.updated.astimezone(UTC).isoformat(timespec="milliseconds"),
                    **(_missing([consent_id]) if r.body is None else {}),
                },
            }
            for i, r in zip(range(len(found) - 1, -1, -1), found, strict=True)
        ]
        links = [{"relation": "self", "url": f"{base}/Consent/{consent_id}/_history"}]
        bundle = {"resourceType": "Bundle", "type": "history", "total": len(entries), "link": links, "entry": entries}
        return respond(request, bundle, headers=headers)

    @routes.get("/Consent")
    async def search(request: Request) -> Response:
        """Consents of one client that the caller may read; without a total, which would tell of the others."""
        return await searched(request, request.query_params.multi_items())

    @routes.post("/Consent/_search")
    async def search_by_form(request: Request) -> Response:
        """The same search, with its parameters out of the address."""
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            raise Problem(415, "media-type", "Unsupported media type", f"Send {_FORM}.")
        sent = (await raw_body(request, MAX_FORM)).decode("utf-8", "replace")
        return await searched(request, [*request.query_params.multi_items(), *parse_qsl(sent, keep_blank_values=True)])

    async def searched(request: Request, pairs: Pairs) -> Response:
        call = await called(request, "Consent", "s")
        _, lenient = preferred(request)
        asked = search_of(pairs, lenient=lenient)
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
        call = await called(request, "Provenance", "s")
        unknown = [k for k in request.query_params if k not in ("target", "_format", "_pretty")]
        if unknown:
            raise bad_search(unknown[0][:64], "not known here; known is target")
        wanted = request.query_params.getlist("target")
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
        call = await called(request, "Provenance", "r")
        consent_id, _, number = provenance_id.rpartition("-")
        if not _VERSION.fullmatch(number):
            raise not_found()
        shown, headers = await reading.provenances(call, _id(consent_id), int(number))
        if not shown:
            raise not_found()
        return respond(request, shown[0], headers=headers)

    @routes.api_route("/Consent{rest:path}", methods=_METHODS, include_in_schema=False)
    @routes.api_route("/Provenance{rest:path}", methods=_METHODS, include_in_schema=False)
    async def not_served(rest: str) -> Response:
        raise Problem(404, "not-served", "Not served", f"There is nothing at this address: see {BASE}/metadata.")

    return routes


_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_TARGET: Final = re.compile(r"Consent/([0-9a-fA-F-]{36})(?:/_history/([1-9][0-9]{0,8}))?")


def _read(request: Request, raw: bytes, call: Call, expected_id: str | None = None) -> tuple[Imported, str]:
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
    return read_consent(value, Home(call.tenant), dialect), source


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


def _problem_of(error: Exception) -> Problem | None:
    return problem_of(error) if isinstance(error, ConsentError) else None
