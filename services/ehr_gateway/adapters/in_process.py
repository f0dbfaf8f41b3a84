"""The services of the same process, for the embedded run: their applications are called as a server would call them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from services.ehr_gateway.application.ports import Answer, ServiceUnreachable
from shared.contracts.records import ServiceName
from shared.service.parts import ASGIApp

AHEAD: Final = 2
"""chunks that a service may be ahead of who reads"""


class _InProcessAnswer:
    def __init__(self, start: Mapping[str, Any], messages: "asyncio.Queue[Any]") -> None:
        self._start, self._messages = start, messages

    @property
    def status(self) -> int:
        return int(self._start["status"])

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._start["headers"]}

    async def chunks(self) -> AsyncIterator[bytes]:
        while (message := await self._messages.get()) is not None:
            if message["body"]:
                yield message["body"]
            if not message.get("more_body"):
                return
        raise ServiceUnreachable("the answer broke off")


class InProcessServices:
    """`Services` over applications, which may be added until the first call."""

    def __init__(self, apps: Mapping[ServiceName, ASGIApp]) -> None:
        self._apps = apps

    @asynccontextmanager
    async def call(
        self, method: str, service: ServiceName, path: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[Answer]:
        messages: asyncio.Queue[Any] = asyncio.Queue(AHEAD)
        gone = asyncio.Event()
        path, _, query = path.partition("?")
        scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode()}
        sent = {"content-type": "application/json", **headers}
        scope |= {"query_string": query.encode(), "scheme": "http", "server": ("127.0.0.1", 0), "root_path": ""}
        scope |= {"headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in sent.items()]}
        unread = [body]

        async def receive() -> dict[str, Any]:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def call() -> None:
            with suppress(Exception):  # it was logged where it happened, by its type
                await self._apps[service](scope, receive, messages.put)
            await messages.put(None)

        task = asyncio.ensure_future(call())
        try:
            start = await messages.get()
            if start is None:
                raise ServiceUnreachable(f"{service} gave no answer")
            yield _InProcessAnswer(start, messages)
        finally:
            gone.set()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
