"""Routes that pass by the framework: POST of JSON at one path each, asked so often that its layers would cost a tenth.

What every route has they have as well: request id, headers, metrics, problems (`Edge`, `problem_of`). They stand in no OpenAPI
document, so they are for services alone. docs/adr/0002 has the figure.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.app import problem_of
from shared.http.fhir import answer_to
from shared.http.middleware import Edge
from shared.http.problems import Problem

Answer = Callable[[Request], Awaitable[bytes]]
"""the JSON that a request is answered with; raises what routes raise"""


@dataclass(frozen=True, slots=True)
class _Route:
    """Answers at one path; `path` is what the metrics call it."""

    path: str
    answer: Answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self
        try:
            if scope["method"] != "POST":
                raise Problem(405, "http", "Method Not Allowed", headers={"Allow": "POST"})
            body = await self.answer(Request(scope, receive))
        except Exception as error:
            await answer_to(Request(scope), problem_of(error))(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Lane:
    """`app`, made by `create_app`, and before it what answers at the paths of `answers`."""

    def __init__(self, app: FastAPI, answers: Mapping[str, Answer], *, new_id: Callable[[], Any]) -> None:
        self._app: ASGIApp = app
        self._lane: dict[str, ASGIApp] = {
            path: Edge(_Route(path, answer), new_id=new_id, metrics=app.state.http_metrics) for path, answer in answers.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._lane.get(scope.get("path", ""), self._app)(scope, receive, send)
