"""A request whose address and headers are too long together is refused before anything reads them."""

from uuid import uuid4

import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.http.cookies import cookie
from shared.http.middleware import MAX_HEADER_BYTES, Edge


async def status(headers: list[tuple[bytes, bytes]], path: str = "/", query: bytes = b"") -> int:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": headers}
    await Edge(app, new_id=uuid4)(scope, receive, send)
    return int(sent[0]["status"])


async def test_up_to_the_bound_it_is_answered() -> None:
    assert await status([(b"cookie", b"a" * (MAX_HEADER_BYTES - 7))]) == 200


@pytest.mark.parametrize("part", ["header", "many headers", "path", "query"])
async def test_beyond_the_bound_it_is_refused(part: str) -> None:
    long = b"a" * MAX_HEADER_BYTES
    headers = {"header": [(b"cookie", long)], "many headers": [(b"x", b"")] * MAX_HEADER_BYTES}.get(part, [])
    path, query = "/" + long.decode() if part == "path" else "/", long if part == "query" else b""
    assert await status(headers, path, query) == 431


def test_a_cookie_is_found_among_others() -> None:
    headers = [(b"accept", b"a=b"), (b"cookie", b"a=1; page_session=x.y.z;b=2"), (b"cookie", b"c=3")]
    assert cookie(headers, "page_session") == "x.y.z"
    assert (cookie(headers, "b"), cookie(headers, "c"), cookie(headers, "d")) == ("2", "3", None)
