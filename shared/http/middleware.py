"""Pure ASGI middleware: request id in and out, no-store on every answer, problems for whatever was not caught."""

import logging
import re
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.fhir import answer_to
from shared.http.problems import Problem

MAX_HEADER_BYTES: Final = 32_768
"""of a request's line and headers together; a token that fits a cookie has 3,800"""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("http")


class HttpMetrics:
    """Counters of one service. Labels are method, route template and status: never a path with its ids."""

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self._requests = Counter("http_requests_total", "Requests", ["service", "method", "route", "status"], registry=registry)
        self._seconds = Histogram("http_request_seconds", "Duration", ["service", "method", "route"], registry=registry)
        self._service = service
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        named = (scope["method"], getattr(scope.get("route"), "path", "other"), status)
        known = self._known.get(named)
        if known is None:
            method, route, _ = named
            known = self._known[named] = (
                self._requests.labels(self._service, method, route, str(status)),
                self._seconds.labels(self._service, method, route),
            )
        known[0].inc()
        known[1].observe(seconds)


class Edge:
    """Outermost middleware of every service."""

    def __init__(self, app: ASGIApp, *, new_id: Callable[[], Any], metrics: HttpMetrics | None = None) -> None:
        self._app, self._new_id, self._metrics = app, new_id, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"x-request-id"), "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(self._new_id())
        scope["request_id"] = request_id
        head = scope["method"] == "HEAD"
        if head:  # RFC 9110, 9.3.2: as GET, without the content. Whoever sends the answer sees the method that came
            scope = {**scope, "method": "GET"}
        status, started, begun = 500, perf_counter(), False

        async def outward(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = message["headers"] = list(message["headers"])
                names = {k.lower() for k, _ in headers}
                headers.append((b"x-request-id", request_id.encode()))
                headers.append((b"x-content-type-options", b"nosniff"))
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            if _head(scope) > MAX_HEADER_BYTES:
                detail = f"Address and headers of a request have at most {MAX_HEADER_BYTES} bytes together."
                await Problem(431, "headers-too-large", "Headers too large", detail).response(request_id)(scope, receive, outward)
            else:
                await self._app(scope, receive, outward)
        except Exception as error:
            # the type alone: a message might quote what was sent
            _log.error("request %s failed: %s", request_id, type(error).__name__)
            if begun:
                raise
            problem = Problem(500, "internal", "Something failed here", "Nothing was acknowledged; try again.")
            await answer_to(Request(scope), problem)(scope, receive, outward)
        finally:
            if self._metrics is not None:
                self._metrics.observe(scope, status, perf_counter() - started)


def _head(scope: Scope) -> int:
    """Bytes of address and headers."""
    return len(scope["path"]) + len(scope.get("query_string", b"")) + sum(len(k) + len(v) for k, v in scope["headers"])
