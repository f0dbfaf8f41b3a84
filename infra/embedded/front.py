"""One origin for all services in one process: each path to its service; health and metrics of all in one answer."""

from collections.abc import Callable, Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.routes import service_for
from shared.contracts.records import ServiceName
from shared.http.middleware import Edge


class Front:
    def __init__(
        self, apps: Mapping[ServiceName, ASGIApp], *, development: Mapping[str, ASGIApp], new_id: Callable[[], object]
    ) -> None:
        """`development`: by path, what answers in development alone."""
        self._apps, self._development = dict(apps), dict(development)
        # what the front answers itself carries a request id too
        self._own = Edge(self._answer, new_id=new_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path in ("/health/ready", "/metrics") or path in self._development:
            await self._own(scope, receive, send)
        else:
            await self._apps[service_for(path)](scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (development := self._development.get(scope["path"])) is not None:
            await development(scope, receive, send)
            return
        answer = await (self._ready() if scope["path"] == "/health/ready" else self._metrics())
        await answer(scope, receive, send)

    async def _ready(self) -> Response:
        status, body = await _get(self._apps[ServiceName.EHR_GATEWAY], "/health/deployment")
        return Response(body, status_code=status, media_type="application/json")

    async def _metrics(self) -> Response:
        parts = [(await _get(app, "/metrics"))[1] for app in self._apps.values()]
        return Response(b"".join(parts), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _get(app: ASGIApp, path: str) -> tuple[int, bytes]:
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": [], "scheme": "http", "server": ("127.0.0.1", 0), "root_path": ""}
    status, chunks = 0, []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(chunks)
