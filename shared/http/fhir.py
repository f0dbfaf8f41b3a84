"""How FHIR R4 speaks HTTP, for every service that serves resources: media types, Prefer, OperationOutcome for every error."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import orjson
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from shared.http.body import raw_body
from shared.http.call import request_id_of
from shared.http.problems import Fault, Problem

FHIR_JSON: Final = "application/fhir+json"
JSON_TYPES: Final = (FHIR_JSON, "application/json", "text/json")
MAX_RESOURCE: Final = 786_432
"""bytes of a resource with its attachments; nginx passes 1 MiB"""
_ISSUES: Final = {
    400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 406: "not-supported", 409: "conflict",
    410: "deleted", 412: "conflict", 413: "too-long", 415: "not-supported", 422: "invalid", 428: "required", 502: "transient",
    503: "transient", 504: "transient",
}  # fmt: skip
"""status → http://hl7.org/fhir/issue-type"""


_OUTCOME_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "resourceType": {"const": "OperationOutcome"},
        "issue": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "severity": {"enum": ["fatal", "error", "warning", "information"]},
                    "code": {"type": "string"},
                    "diagnostics": {"type": "string"},
                    "expression": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["severity", "code"],
            },
        },
    },
    "required": ["resourceType", "issue"],
}
_SAID: Final = {
    400: "not understood: a search parameter, or no JSON",
    401: "no valid token",
    403: "the caller may know of it, and may not do this",
    404: "nothing here that the caller may know of",
    406: "only JSON is served",
    409: "conflicts with the present state",
    412: "If-Match is stale, or If-None-Exist matches several",
    413: "too large",
    415: "media type, content encoding or FHIR version is not supported",
    422: "every fault as an issue with its FHIRPath",
    428: "If-Match is required",
    503: "freshness, ledger or database cannot be had; Retry-After",
}
FHIR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    code: {"description": text, "content": {kind: {"schema": _OUTCOME_SCHEMA} for kind in (FHIR_JSON, "application/json")}}
    for code, text in _SAID.items()
}
"""`responses` of a router that serves resources: every error is an OperationOutcome"""


class FhirResponse(JSONResponse):
    """For the OpenAPI document: what these routes answer with."""

    media_type = FHIR_JSON


class Return(StrEnum):
    MINIMAL = "minimal"
    REPRESENTATION = "representation"
    OUTCOME = "OperationOutcome"


@dataclass(frozen=True, slots=True)
class Issue:
    severity: str
    code: str
    diagnostics: str
    expression: str = ""


def outcome(issues: Sequence[Issue]) -> dict[str, Any]:
    """An OperationOutcome."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": i.severity,
                "code": i.code,
                "diagnostics": i.diagnostics,
                **({"expression": [i.expression]} if i.expression else {}),
            }
            for i in issues
        ],
    }


def outcome_of(problem: Problem) -> dict[str, Any]:
    """A problem in FHIR's words: one issue for each fault."""
    code = _ISSUES.get(problem.status, "exception" if problem.status >= 500 else "processing")
    said = f"{problem.title}. {problem.detail}".strip() if problem.detail else problem.title
    if not problem.errors:
        return outcome([Issue("error", code, said)])
    return outcome([Issue("error", code, e.detail, e.pointer if _is_path(e.pointer) else "") for e in problem.errors])


def _is_path(pointer: str) -> bool:
    return pointer[:1].isupper()


def respond(
    request: Request, body: Mapping[str, Any] | None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A resource in the JSON that the caller asked for; `None` is an empty answer."""
    content = b"" if body is None else encoded(body)
    return Response(content, status_code=status, media_type=_answered_as(request), headers=dict(headers or {}))


def encoded(body: Mapping[str, Any]) -> bytes:
    """The resource as it is sent. TypeError where it cannot be: it is tried before it is stored."""
    return orjson.dumps(body, default=_as_written)


def _as_written(value: Any) -> Any:
    if isinstance(value, Decimal):  # its precision counts in FHIR
        return orjson.Fragment(str(value))
    raise TypeError


def _answered_as(request: Request) -> str:
    accepted = request.headers.get("accept", "")
    plain = "application/json" in accepted and "fhir+json" not in accepted
    return "application/json" if plain or request.query_params.get("_format") == "application/json" else FHIR_JSON


def acceptable(request: Request) -> None:
    """406 where the caller takes no JSON."""
    accepted = [part.split(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    wanted = request.query_params.get("_format")
    if wanted is not None:
        accepted = [wanted.split(";")[0].strip().lower().replace(" ", "+")]
    known = {*JSON_TYPES, "json", "*/*", "application/*", ""}
    if not known.intersection(accepted):
        raise Problem(406, "not-acceptable", "Not acceptable", f"FHIR is served as JSON: accept {FHIR_JSON}.")


def preferred(request: Request) -> tuple[Return, bool]:
    """What `Prefer` asks to be returned after a write, and whether unknown search parameters are to be ignored."""
    found, lenient = Return.REPRESENTATION, False
    for part in ",".join(request.headers.getlist("prefer")).replace(";", ",").split(","):
        name, _, value = part.strip().partition("=")
        value = value.strip('"')
        if name == "return" and value in list(Return):
            found = Return(value)
        elif name == "handling":
            lenient = value == "lenient"
    return found, lenient


async def resource_body(request: Request) -> bytes:
    """A JSON body of a resource. 415 for another media type, 413 beyond the limit, 400 where it is not UTF-8."""
    kind = request.headers.get("content-type", FHIR_JSON).split(";")[0].strip().lower()
    if kind not in JSON_TYPES:
        raise Problem(415, "media-type", "Unsupported media type", f"Send {FHIR_JSON}.")
    raw = await raw_body(request, MAX_RESOURCE)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "not-json", "Not JSON", "The body is not UTF-8.") from None
    return raw


def bad_search(parameter: str, detail: str) -> Problem:
    """400: a search that is not understood is not answered with more than was asked for."""
    return Problem(400, "search", "The search is not understood", errors=[Fault(f"?{parameter}", f"{parameter}: {detail}")])


def is_fhir(path: str) -> bool:
    """Whether a path is answered in FHIR's words."""
    return path == "/fhir" or path.startswith("/fhir/")


def answer_to(request: Request, problem: Problem) -> Response:
    """A problem as its path answers it: an OperationOutcome below `/fhir`, RFC 9457 everywhere else."""
    if not is_fhir(request.url.path):
        return problem.response(request_id_of(request))
    return respond(request, outcome_of(problem), problem.status, {**problem.sent(), "Cache-Control": "no-store"})


class FhirRoute(APIRoute):
    """A route of a FHIR resource: 406 where the caller takes no JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            acceptable(request)
            return await handle(request)

        return answered
