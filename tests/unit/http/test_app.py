"""What every service answers: health, metrics, request ids, problems; in the framework and beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.eventstore.model import Overloaded, StoreUnavailable, VersionConflict
from shared.gate.port import Away, GateUnavailable
from shared.http.app import PROBLEM_RESPONSES, create_app, problem_of
from shared.http.lane import Lane
from shared.http.problems import Problem
from tests.support.http import serving


class Sorry(Exception):
    """`canary`: an error that nobody expected."""


FAULTS: dict[str, Exception] = {
    "problem": Problem(409, "conflict", "T"),
    "stale": VersionConflict("x"),
    "full": Overloaded("x"),
    "store": StoreUnavailable("x"),
    "gate": GateUnavailable("x", Away.LEDGER),
    "http": HTTPException(405, "no", {"Allow": "GET"}),
    "missing": HTTPException(404),
    "other": Sorry("canary"),
}
STATUS = {"problem": 409, "stale": 412, "full": 503, "store": 503, "gate": 503, "http": 405, "missing": 404, "other": 500}


async def good() -> bool:
    return True


async def bad() -> bool:
    return False


async def broken() -> bool:
    raise Sorry("canary")


def app(**checks: Any) -> FastAPI:
    made = create_app("consent", "What it does.", new_id=uuid4, checks=checks, told={"said": lambda: "yes"})

    @made.get("/fails/{how}")
    async def fails(how: str) -> None:
        raise FAULTS[how]

    @made.get("/kept")
    async def kept() -> Response:
        return Response("x", headers={"Cache-Control": "max-age=60"})

    @made.get("/breaks")
    async def breaks() -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            raise Sorry("canary")

        return StreamingResponse(body())

    @made.get("/number/{n}")
    async def number(n: int, m: int = 0) -> int:
        return n + m

    return made


@asynccontextmanager
async def http(served: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(served) as url, aiohttp.ClientSession(url) as session:
        yield session


async def test_health_and_metrics() -> None:
    async with http(app(a=good, b=good)) as session:
        async with session.get("/health/live") as got:
            assert (got.status, await got.json()) == (200, {"status": "ok", "service": "consent"})
        async with session.get("/health/ready") as got:
            assert got.status == 200
            parts, told = {"a": True, "b": True}, {"said": "yes"}
            assert await got.json() == {"status": "ready", "service": "consent", "parts": parts, "told": told}
        for path in ("/number/1", "/number/2", "/nowhere"):
            async with session.get(path):
                pass
        async with session.get("/metrics") as got:
            text = await got.text()
    line = 'http_requests_total{method="GET",route="/number/{n}",service="consent",status="200"} 2.0'
    assert line in text and "/number/1" not in text, "the template, never an id"
    assert 'route="other",service="consent",status="404"} 1.0' in text
    assert 'http_request_seconds_count{method="GET",route="/number/{n}",service="consent"} 2.0' in text


async def test_a_part_that_does_not_hold_or_does_not_answer_is_named() -> None:
    async with http(app(a=good, b=bad, c=broken)) as session, session.get("/health/ready") as got:
        body = await got.json()
    assert (got.status, body["status"]) == (503, "not ready")
    assert body["parts"] == {"a": True, "b": False, "c": False}


@pytest.mark.parametrize("how", list(FAULTS))
async def test_each_error_is_a_problem(how: str) -> None:
    async with http(app()) as session, session.get(f"/fails/{how}", headers={"X-Request-Id": "r-9"}) as got:
        text = await got.text()
        body = await got.json(content_type="application/problem+json")
    assert (got.status, body["status"], body["request_id"]) == (STATUS[how], STATUS[how], "r-9")
    assert "canary" not in text and got.headers["Cache-Control"] == "no-store"
    if how == "gate":
        assert body["reason"] == "ledger"
    if how == "http":
        assert (got.headers["Allow"], body["title"]) == ("GET, HEAD", "no")
    if how == "full":
        assert got.headers["Retry-After"] == "1"


def test_an_error_without_an_answer_is_raised_again() -> None:
    with pytest.raises(Sorry):
        problem_of(Sorry())


async def test_faults_of_parameters_are_listed_without_their_words() -> None:
    async with http(app()) as session, session.get("/number/canary?m=canary") as got:
        body = await got.json(content_type="application/problem+json")
    assert got.status == 422 and {e["pointer"] for e in body["errors"]} == {"path:n", "query:m"}
    assert "canary" not in str(body)


@pytest.mark.parametrize("given", ["r-1", "A.b_c-9", "x" * 64])
async def test_a_request_id_that_is_one_is_kept(given: str) -> None:
    async with http(app()) as session, session.get("/kept", headers={"X-Request-Id": given}) as got:
        assert got.headers.getall("X-Request-Id") == [given]
        assert got.headers.getall("Cache-Control") == ["max-age=60"], "what a route says stays"
        assert got.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "ä"])
async def test_another_is_made_anew(given: str) -> None:
    async with http(app()) as session, session.get("/health/live", headers={"X-Request-Id": given}) as got:
        assert got.headers["X-Request-Id"] != given and len(got.headers["X-Request-Id"]) == 36
        assert got.headers["Cache-Control"] == "no-store"


async def test_an_answer_that_breaks_off_is_not_ended_as_if_it_were_whole() -> None:
    async with http(app()) as session, session.get("/breaks") as got:
        assert got.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await got.read()


async def test_the_document_names_every_problem() -> None:
    async with http(app()) as session:
        async with session.get("/openapi/consent.json") as got:
            document = await got.json()
        for path in ("/docs", "/redoc", "/openapi.json", "/number/1/"):
            async with session.get(path) as got:
                assert got.status == 404
    assert (document["info"]["title"], document["info"]["version"]) == ("consent", "1")
    assert document["info"]["description"] == "What it does." and "/health/ready" not in document["paths"]
    assert set(document["paths"]["/number/{n}"]["get"]["responses"]) >= {str(code) for code in PROBLEM_RESPONSES}
    assert set(PROBLEM_RESPONSES) == {401, 403, 404, 409, 412, 413, 415, 422, 428, 431, 503}
    for described in PROBLEM_RESPONSES.values():
        assert set(described) == {"description", "content"} and "application/problem+json" in described["content"]


def test_metrics_go_where_they_are_wanted() -> None:
    registry = CollectorRegistry()
    made = create_app("consent", "", new_id=uuid4, checks={}, registry=registry)
    assert made.state.registry is registry


async def test_the_lane_answers_as_routes_do() -> None:
    async def answered(request: Request) -> bytes:
        if request.headers.get("x-fail"):
            raise FAULTS[request.headers["x-fail"]]
        return await request.body()

    inside = app()
    async with http(Lane(inside, {"/lane": answered}, new_id=uuid4)) as session:
        async with session.post("/lane", data=b'{"a":1}') as got:
            assert (got.status, await got.read(), got.content_type) == (200, b'{"a":1}', "application/json")
            assert got.headers["Content-Length"] == "7" and len(got.headers["X-Request-Id"]) == 36
        async with session.get("/lane") as got:
            assert (got.status, got.headers["Allow"]) == (405, "POST")
        async with session.post("/lane", headers={"X-Fail": "gate"}) as got:
            assert (got.status, (await got.json(content_type=None))["reason"]) == (503, "ledger")
        async with session.post("/lane", headers={"X-Fail": "other"}) as got:
            assert got.status == 500 and "canary" not in await got.text()
        async with session.get("/number/4") as got:
            assert await got.json() == 4
        async with session.get("/metrics") as got:
            assert 'route="/lane",service="consent",status="200"} 1.0' in await got.text()
