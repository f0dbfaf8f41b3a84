"""A service's FastAPI application with what every service has: problems, request ids, health, metrics, OpenAPI page."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from shared.eventstore.model import Overloaded, StoreUnavailable, VersionConflict
from shared.gate.port import GateUnavailable
from shared.http.body import fault
from shared.http.call import request_id_of
from shared.http.middleware import Edge, HttpMetrics
from shared.http.problems import Fault, Problem, gate_away, invalid, not_found, stale_version, unavailable

Check = Callable[[], Awaitable[bool]]

PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {"application/problem+json": {}}}
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
) -> FastAPI:
    """The application of service `name`. `checks` name the parts that `/health/ready` asks; what is `told` there makes no part
    unready."""
    registry = registry or CollectorRegistry()
    app = FastAPI(
        title=name,
        description=description,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"/openapi/{name}.json",
        responses=PROBLEM_RESPONSES,
        redirect_slashes=False,
    )
    app.state.registry = registry
    app.state.http_metrics = HttpMetrics(registry, name)
    app.add_middleware(Edge, new_id=new_id, metrics=app.state.http_metrics)
    _handle_errors(app)

    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "ok", "service": name}

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> Response:
        parts = {part: await _holds(check) for part, check in checks.items()}
        good = all(parts.values())
        body: dict[str, Any] = {"status": "ready" if good else "not ready", "service": name, "parts": parts}
        if told:
            body["told"] = {what: say() for what, say in told.items()}
        return JSONResponse(body, status_code=200 if good else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


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
    if isinstance(error, GateUnavailable):
        return gate_away(error)
    for kind, make in PROBLEM_OF.items():
        if isinstance(error, kind):
            return make()
    raise error


def _handle_errors(app: FastAPI) -> None:
    def answer(make: Callable[[Exception], Problem]) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handle(request: Request, error: Exception) -> Response:
            return make(error).response(request_id_of(request))

        return handle

    def of_validation(error: Exception) -> Problem:
        assert isinstance(error, RequestValidationError)
        return invalid([Fault(f"{e['loc'][0]}:{e['loc'][-1]}", fault(e).detail) for e in error.errors()])

    def of_http(error: Exception) -> Problem:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return not_found("There is nothing at this address.")
        return Problem(error.status_code, "http", str(error.detail), headers=error.headers)

    app.add_exception_handler(RequestValidationError, answer(of_validation))
    app.add_exception_handler(HTTPException, answer(of_http))
    kinds: tuple[type[Exception], ...] = (Problem, GateUnavailable, *PROBLEM_OF)
    for kind in kinds:
        app.add_exception_handler(kind, answer(problem_of))
