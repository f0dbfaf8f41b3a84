"""What nginx says itself is a problem document, below `/fhir` an OperationOutcome, by the configuration that is deployed."""

import asyncio
import io
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import orjson
import pytest

from infra.nginx.refusals import MAX_BODY, REFUSALS
from infra.nginx.render import render
from shared.http.middleware import MAX_HEADER_BYTES
from tests.support import nginx
from tests.support.ports import free_port

PROBLEM, OUTCOME = "application/problem+json", "application/fhir+json"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Its port, and the authority of its certificate. The service behind /openapi never answers; nobody is behind the others."""
    folder, port, silent = tmp_path_factory.mktemp("nginx"), free_port(), _Silent()
    said = render().replace("8443 ssl", f"127.0.0.1:{port} ssl").replace("proxy_read_timeout 30s", "proxy_read_timeout 1s")
    lines = [
        line.replace("https://$to:8000", f"http://127.0.0.1:{silent.port if '/openapi/' in line else free_port()}")
        for line in said.splitlines()
    ]
    with silent, nginx.running(folder, "\n".join(lines), port) as authority:
        yield port, authority


class _Silent:
    """Takes connections by the backlog, and never answers."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(8)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@pytest.fixture
async def asked(front: tuple[int, Path]) -> AsyncIterator[aiohttp.ClientSession]:
    port, authority = front
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(authority)))
    async with aiohttp.ClientSession(f"https://localhost:{port}", connector=connector) as session:
        yield session


CASES = [
    ("too large", 413),
    ("away", 502),
    ("silent", 504),
    ("internal", 404),
    ("trace", 405),
    ("address", 414),
    ("headers", 431),
]
PLAIN_ONLY = ("silent", "internal", "address")
"""of an address that is too long nginx does not know where it led"""


@pytest.mark.parametrize(
    ("case", "status", "fhir"), [(*c, fhir) for c in CASES for fhir in (False, True) if not (fhir and c[0] in PLAIN_ONLY)]
)
async def test_it_speaks_as_the_services_do(asked: aiohttp.ClientSession, case: str, status: int, fhir: bool) -> None:
    path = "/fhir/R4/Consent" if fhir else "/v1/clients"
    verb, body, headers = "GET", None, dict[str, str]()
    match case:
        case "too large":
            verb, body = "POST", io.BytesIO(b"a" * (MAX_BODY + 1))
        case "silent":
            path = "/openapi/consent.json"
        case "internal":
            path = "/v1/disclosures"
        case "trace":
            verb = "TRACE"
        case "address":
            path += "?a=" + "b" * MAX_HEADER_BYTES
        case "headers":
            headers = {"X-Long": "b" * MAX_HEADER_BYTES}
    async with asked.request(verb, path, data=body, headers=headers) as answer:
        said = orjson.loads(await answer.read())
        assert answer.status == status, said
        assert answer.headers.getall("Content-Type") == [OUTCOME if fhir else PROBLEM]
        assert answer.headers["Cache-Control"] == "no-store" and "Strict-Transport-Security" in answer.headers
        assert ("Retry-After" in answer.headers) == (status in (502, 503, 504))
    if fhir:
        assert said["resourceType"] == "OperationOutcome" and said["issue"][0]["diagnostics"]
    else:
        assert said["status"] == status and said["title"] and said["type"].startswith("/problems/")


@pytest.mark.parametrize(
    "sent", [b"GARBAGE\r\n\r\n", b"GET /v1/clients HTTP/1.1\r\n\r\n", b"GET /v1/clients HTTP/9.9\r\nHost: a\r\n\r\n"]
)
async def test_what_is_no_request_is_told_so(front: tuple[int, Path], sent: bytes) -> None:
    port, authority = front
    tls = ssl.create_default_context(cafile=str(authority))
    for context in (tls, None):  # and without TLS at all
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost" if context else None
        )
        writer.write(sent)
        head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
        writer.close()
        assert b"html" not in head + body
        assert orjson.loads(body or head)["status"] in (400, 505)
        assert PROBLEM.encode() in head or not body


async def test_where_it_answers_is_not_to_be_asked(asked: aiohttp.ClientSession) -> None:
    for refusal in REFUSALS:
        async with asked.get(refusal.path) as answer:
            assert (answer.status, (await answer.json(content_type=None))["status"]) == (404, 404)
