"""How FHIR speaks HTTP here: media types, Prefer, OperationOutcomes for every error."""

from decimal import Decimal
from typing import Any

import aiohttp
import orjson
import pytest
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.eventstore.model import Overloaded, StoreUnavailable, VersionConflict
from shared.gate.port import Away, GateUnavailable
from shared.http.app import create_app
from shared.http.fhir import (
    FHIR_JSON,
    MAX_RESOURCE,
    FhirRoute,
    Issue,
    Return,
    acceptable,
    bad_search,
    outcome,
    outcome_of,
    preferred,
    resource_body,
    respond,
)
from shared.http.problems import Fault, Problem
from tests.support.http import serving


def request(body: bytes = b"", *, query: str = "", **headers: str | list[str]) -> Request:
    sent = []
    for name, value in headers.items():
        for each in [value] if isinstance(value, str) else value:
            sent.append((name.replace("_", "-").lower().encode(), each.encode()))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": sent, "query_string": query.encode()}, receive)


def test_an_outcome() -> None:
    assert outcome([Issue("error", "invalid", "said", "Consent.status"), Issue("warning", "x", "y")]) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "error", "code": "invalid", "diagnostics": "said", "expression": ["Consent.status"]},
            {"severity": "warning", "code": "x", "diagnostics": "y"},
        ],
    }


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "invalid"), (401, "login"), (403, "forbidden"), (404, "not-found"), (405, "not-supported"), (406, "not-supported"),
     (409, "conflict"), (410, "deleted"), (412, "conflict"), (413, "too-long"), (415, "not-supported"), (422, "invalid"),
     (428, "required"), (503, "transient"), (418, "processing"), (499, "processing"), (500, "exception"), (502, "transient")],
)  # fmt: skip
def test_each_status_has_its_issue_type(status: int, code: str) -> None:
    (issue,) = outcome_of(Problem(status, "x", "Title", "Detail."))["issue"]
    assert issue == {"severity": "error", "code": code, "diagnostics": "Title. Detail."}
    assert outcome_of(Problem(status, "x", "Title"))["issue"][0]["diagnostics"] == "Title"


def test_each_fault_is_an_issue_where_it_has_a_path_there() -> None:
    faults = [Fault("Consent.status", "a"), Fault("?x", "b"), Fault("", "c")]
    issues = outcome_of(Problem(422, "x", "T", "D", errors=faults))["issue"]
    assert [(i["diagnostics"], i.get("expression")) for i in issues] == [("a", ["Consent.status"]), ("b", None), ("c", None)]


@pytest.mark.parametrize(
    ("accept", "query", "kind"),
    [
        ("", "", FHIR_JSON),
        ("*/*", "", FHIR_JSON),
        ("application/fhir+json", "", FHIR_JSON),
        ("application/json", "", "application/json"),
        ("application/json, application/fhir+json", "", FHIR_JSON),
        ("text/html", "_format=json", FHIR_JSON),
        ("text/html", "_format=application/json", "application/json"),
        ("text/html", "_format=application/fhir+json", FHIR_JSON),
        ("text/html, application/*;q=0.2", "", FHIR_JSON),
        ("Text/JSON", "", FHIR_JSON),
    ],
)
def test_what_is_answered_as_json(accept: str, query: str, kind: str) -> None:
    headers: Any = {"Accept": accept} if accept else {}
    asked = request(query=query, **headers)
    acceptable(asked)
    assert respond(asked, {}).headers["content-type"] == kind


@pytest.mark.parametrize(
    ("accept", "query"), [("text/html", ""), ("application/fhir+xml", ""), ("*/*", "_format=xml"), ("*/*", "_format=html/xml")]
)
def test_what_is_not_served(accept: str, query: str) -> None:
    with pytest.raises(Problem) as found:
        acceptable(request(query=query, Accept=accept))
    assert found.value.status == 406


def test_an_answer() -> None:
    made = respond(request(), {"a": Decimal("1.50")}, 201, {"ETag": "x"})
    assert (made.status_code, made.body, made.headers["etag"]) == (201, b'{"a":1.50}', "x")
    assert (respond(request(), None).body, respond(request(), None).status_code) == (b"", 200)
    with pytest.raises(TypeError):
        respond(request(), {"a": object()})


@pytest.mark.parametrize(
    ("prefer", "found"),
    [
        ("", (Return.REPRESENTATION, False)),
        ("return=minimal", (Return.MINIMAL, False)),
        ('return="OperationOutcome"', (Return.OUTCOME, False)),
        ("return=minimal; handling=lenient", (Return.MINIMAL, True)),
        ("handling=lenient, return=representation", (Return.REPRESENTATION, True)),
        ("handling=strict", (Return.REPRESENTATION, False)),
        ("handling=lenient;handling=strict", (Return.REPRESENTATION, False)),
        ("return=other, minimal, x=minimal", (Return.REPRESENTATION, False)),
        (["handling=lenient", "return=minimal"], (Return.MINIMAL, True)),
    ],
)
def test_prefer(prefer: Any, found: tuple[Return, bool]) -> None:
    assert preferred(request(Prefer=prefer)) == found


@pytest.mark.parametrize("kind", [None, FHIR_JSON, "application/json; charset=utf-8", "TEXT/JSON"])
async def test_a_resource_is_read(kind: str | None) -> None:
    headers: Any = {"Content_Type": kind} if kind else {}
    assert await resource_body(request(b'{"a":"\xc3\xb8"}', **headers)) == b'{"a":"\xc3\xb8"}'


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/fhir+xml", 415),
        (b"{}", "", 415),
        (b"\xff", FHIR_JSON, 400),
        (b"x" * 786_433, FHIR_JSON, 413),
    ],
)
async def test_a_resource_is_refused(body: bytes, kind: str, status: int) -> None:
    with pytest.raises(Problem) as found:
        await resource_body(request(body, Content_Type=kind))
    assert found.value.status == status
    assert MAX_RESOURCE == 768 * 1024


def test_a_search_that_is_not_understood() -> None:
    problem = bad_search("patient", "is required")
    assert (problem.status, problem.errors) == (400, (Fault("?patient", "patient: is required"),))


FAULTS: dict[str, tuple[Exception, int]] = {
    "problem": (Problem(403, "x", "T", headers={"Audit-Entry": "7", "X-A": "b"}), 403),
    "missing": (Problem(404, "x", "T", headers={"Audit-Entry": "7", "X-A": "b"}), 404),
    "stale": (VersionConflict("x"), 412),
    "gate": (GateUnavailable("x", Away.KEYS), 503),
    "full": (Overloaded("x"), 503),
    "store": (StoreUnavailable("x"), 503),
    "http": (HTTPException(405, "no", {"Allow": "GET"}), 405),
    "other": (KeyError("canary"), 500),
}


@pytest.mark.parametrize("how", list(FAULTS))
async def test_every_error_is_an_outcome(how: str, caplog: pytest.LogCaptureFixture) -> None:
    routes = APIRouter(route_class=FhirRoute)

    @routes.get("/fhir/R4/x")
    async def fails() -> Response:
        raise FAULTS[how][0]

    app = create_app("fhir", "FHIR", new_id=lambda: "r", checks={})
    app.include_router(routes)
    async with serving(app) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/fhir/R4/x") as got:
            text, body = await got.text(), orjson.loads(await got.read())
        async with session.get(f"{url}/fhir/R4/x", headers={"Accept": "text/html"}) as refused:
            assert refused.status == 406
    assert (got.status, got.content_type, body["resourceType"]) == (FAULTS[how][1], FHIR_JSON, "OperationOutcome")
    assert got.headers["Cache-Control"] == "no-store" and "canary" not in text + caplog.text
    assert ("Audit-Entry" in got.headers) is (how == "problem")
    assert ("X-A" in got.headers) is (how in ("problem", "missing"))
    assert ("KeyError" in caplog.text) is (how == "other")
    assert how != "full" or got.headers["Retry-After"] == "1"
    assert how != "http" or got.headers["Allow"] == "GET, HEAD"
