"""A service's FastAPI application with what every service has: problems, request ids, health, metrics, OpenAPI page."""

import math
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from shared.eventstore.model import Overloaded, StoreUnavailable, VersionConflict
from shared.http.body import fault
from shared.http.fhir import answer_to, is_fhir
from shared.http.middleware import Edge, HttpMetrics
from shared.http.problems import (
    PROBLEM_JSON,
    PROBLEM_SCHEMA,
    Fault,
    Problem,
    Unavailable,
    invalid,
    not_found,
    stale_version,
    unavailable,
)
from shared.http.query import known_parameters
from shared.identity.tokens import TokenVerifier

Check = Callable[[], Awaitable[bool]]

PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {PROBLEM_JSON: {"schema": PROBLEM_SCHEMA}}}
    for code, text in {
        401: "no valid token",
        403: "the caller may know of it, and may not do this",
        404: "nothing here that the caller may know of",
        409: "conflicts with the present state",
        412: "If-Match is stale",
        413: "too large",
        415: "not application/json",
        422: "every fault listed in errors[]",
        428: "If-Match is required",
        431: "address and headers are too long together",
        503: "freshness, ledger or database cannot be had; Retry-After",
    }.items()
}


def create_app(
    name: str,
    description: str,
    *,
    new_id: Callable[[], Any],
    checks: Mapping[str, Check],
    registry: CollectorRegistry | None = None,
    told: Mapping[str, Callable[[], str]] = MappingProxyType({}),
    tokens: TokenVerifier | None = None,
) -> FastAPI:
    """The application of service `name`. `checks` name the parts that `/health/ready` asks; what is `told` there makes no part
    unready. `tokens`: whose issuer's keys are watched."""
    registry = registry or CollectorRegistry()
    if tokens is not None and tokens.keys_age() is not None:
        checks, told = {**checks, "issuer_keys": tokens.keys_known}, {**told, "issuer_keys": lambda: _age_in_words(tokens)}
        age = Gauge("issuer_keys_age_seconds", "Since the issuer last gave its keys", ["service"], registry=registry)
        age.labels(name).set_function(lambda: tokens.keys_age() or 0.0)
    app = FastAPI(
        title=name,
        description=description,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"/openapi/{name}.json",
        responses=PROBLEM_RESPONSES,
        redirect_slashes=False,
        dependencies=[Depends(known_parameters)],
    )
    app.state.registry = registry
    app.state.http_metrics = HttpMetrics(registry, name)
    app.add_middleware(Edge, new_id=new_id, metrics=app.state.http_metrics)
    _handle_errors(app)

    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "ok", "service": name}

    async def state() -> dict[str, Any]:
        parts = {part: await _holds(check) for part, check in checks.items()}
        body: dict[str, Any] = {"status": "ready" if all(parts.values()) else "not ready", "service": name, "parts": parts}
        if told:
            body["told"] = {what: say() for what, say in told.items()}
        return body

    app.state.ready = state

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> Response:
        body = await state()
        return JSONResponse(body, status_code=200 if body["status"] == "ready" else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _age_in_words(tokens: TokenVerifier) -> str:
    age = tokens.keys_age()
    return "never fetched" if age is None or math.isinf(age) else f"fetched {age:.0f} s ago"


async def _holds(check: Check) -> bool:
    try:
        return await check()
    except Exception:
        return False


PROBLEM_OF: Final[Mapping[type[Exception], Callable[[], Problem]]] = {
    VersionConflict: stale_version,
    Overloaded: lambda: unavailable("Too much is being written at once.", 1),
    StoreUnavailable: lambda: unavailable("The database cannot be reached."),
}
"""errors of the layers below that always have the same answer"""


def problem_of(error: Exception) -> Problem:
    """What an error is answered with; one that has no answer of its own is raised again."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Unavailable):
        return error.problem()
    for kind, make in PROBLEM_OF.items():
        if isinstance(error, kind):
            return make()
    raise error


METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Every method that an address takes (RFC 9110, 15.5.6), whichever route takes it; HEAD wherever GET is."""
    found = {
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    }
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _handle_errors(app: FastAPI) -> None:
    def answer(make: Callable[[Exception], Problem]) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handle(request: Request, error: Exception) -> Response:
            return answer_to(request, make(error))

        return handle

    def of_validation(error: Exception) -> Problem:
        assert isinstance(error, RequestValidationError)
        return invalid([Fault(f"{e['loc'][0]}:{e['loc'][-1]}", fault(e).detail) for e in error.errors()])

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            said = " See /fhir/R4/metadata for what is served." if is_fhir(request.url.path) else ""
            return answer_to(request, not_found(f"There is nothing at this address.{said}"))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(app, request))
        return answer_to(request, Problem(error.status_code, "http", str(error.detail), headers=headers))

    app.add_exception_handler(RequestValidationError, answer(of_validation))
    app.add_exception_handler(HTTPException, of_http)
    kinds: tuple[type[Exception], ...] = (Problem, Unavailable, *PROBLEM_OF)
    for kind in kinds:
        app.add_exception_handler(kind, answer(problem_of))
