"""The gate over HTTP, against a server on this machine that answers in every wrong way."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.compose.certificates import Authority
from shared.contracts.disclosure import (
    Action,
    Caller,
    Decision,
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    PolicyConfirmationRequest,
    ReleaseAudience,
    ReleaseRequest,
    ReleaseState,
)
from shared.contracts.downtime import GateKeyRequest, SignedGateKey
from shared.contracts.records import ServiceName
from shared.gate import client
from shared.gate.client import HttpGate
from shared.gate.port import Away, GateUnavailable
from shared.http.problems import PROBLEM_JSON, Fault, Problem
from shared.http.service_callers import service_of
from shared.identity.assertions import ServiceVerifier
from shared.service import clock
from tests.support.http import serving
from tests.support.ports import free_port
from tests.unit.identity.test_service_assertions import DIRECTORY, KEYS

JSON = "application/json"
ASKED = DisclosureRequest(tenant="north", action=Action.READ, caller=Caller(token="t"), request_id="r-1", subjects=("c",))
PERMIT = DisclosureAnswer(decision=Decision.PERMIT, entries=(4,))


class Server:
    """Answers with what is queued, the last again and again; verifies each request as the gate does."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, str]] = [(200, msgspec.json.encode(PERMIT), JSON)]
        self.seen: list[tuple[str, bytes]] = []
        self.assertions: list[str] = []
        self.wait = 0.0
        self._verifier = ServiceVerifier(KEYS[ServiceName.AUDIT_LOG], DIRECTORY, clock=clock.seconds)
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        service, body = await service_of(request, self._verifier)
        assert service is ServiceName.SESSION_NOTES and request.headers["content-type"] == JSON
        self.seen.append((request.url.path, body))
        self.assertions.append(request.headers["service-assertion"])
        await asyncio.sleep(self.wait)
        status, content, kind = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Response(content, status, {"Location": "/elsewhere"}, media_type=kind)


def problem(status: int, slug: str = "forbidden", kind: str = PROBLEM_JSON, **more: Any) -> tuple[int, bytes, str]:
    return status, orjson.dumps({"type": f"/problems/{slug}", "title": "T", "detail": "D", **more}), kind


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Server, HttpGate]]:
    server = Server()
    async with serving(server.app) as url:
        gate = asking(url + "/")
        yield server, gate
        await gate.close()


def asking(url: str) -> HttpGate:
    return HttpGate(url, KEYS[ServiceName.SESSION_NOTES], DIRECTORY, now=clock.now, random=clock.random)


async def test_each_question_has_its_address(pair: tuple[Server, HttpGate]) -> None:
    server, gate = pair
    release = ReleaseRequest(
        tenant="north", client_id="c", caller=Caller(token="t"), request_id="r", therapist=ReleaseAudience.WITHHELD
    )
    state = ReleaseState(
        tenant="north", client_id="c", therapist=ReleaseAudience.WITHHELD, supervisor=ReleaseAudience.WITHHELD, entries=(1,)
    )
    signed = SignedGateKey(statement=b"s", headers={})
    confirmed = PolicyConfirmation(tenant="north", applied=9)
    for path, sent, expected, answered in (
        ("/v1/disclosures", ASKED, PERMIT, lambda: gate.disclose(ASKED)),
        (
            "/v1/policy-confirmations",
            PolicyConfirmationRequest(tenant="north", sequence=9),
            confirmed,
            lambda: gate.confirm_policy("north", 9),
        ),
        ("/v1/releases", release, state, lambda: gate.set_release(release)),
        ("/v1/gate-key", GateKeyRequest(), signed, gate.gate_key),
    ):
        server.answers = [(200, msgspec.json.encode(expected), JSON)]
        assert await answered() == expected
        assert server.seen[-1] == (path, msgspec.json.encode(sent))


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"decision":"yes","entries":[]}', b"null"])
async def test_an_answer_in_another_form_is_none(pair: tuple[Server, HttpGate], content: bytes) -> None:
    server, gate = pair
    server.answers = [(200, content, JSON)]
    with pytest.raises(GateUnavailable, match="agreed form"):
        await gate.disclose(ASKED)


@pytest.mark.parametrize("status", [401, 403, 422])
async def test_a_refusal_is_passed_on(pair: tuple[Server, HttpGate], status: int) -> None:
    server, gate = pair
    server.answers = [problem(status, errors=[{"pointer": "/a", "detail": "b"}, {}])]
    with pytest.raises(Problem) as told:
        await gate.disclose(ASKED)
    found = told.value
    assert (found.status, found.slug, found.title, found.detail) == (status, "forbidden", "T", "D")
    assert found.errors == (Fault("/a", "b"), Fault("", ""))
    assert len(server.seen) == 1


async def test_a_refusal_without_words_has_some(pair: tuple[Server, HttpGate]) -> None:
    server, gate = pair
    server.answers = [(403, b"{}", PROBLEM_JSON)]
    with pytest.raises(Problem) as told:
        await gate.disclose(ASKED)
    assert (told.value.slug, told.value.title, told.value.detail) == ("refused", "Refused", "")


@pytest.mark.parametrize(
    "answer",
    [problem(500), problem(404), problem(200 + 4), problem(302), problem(403, kind=JSON), (503, b"[1]", PROBLEM_JSON),
     (502, b"<html>", "text/html")],
)  # fmt: skip
async def test_everything_else_is_no_answer(pair: tuple[Server, HttpGate], answer: tuple[int, bytes, str]) -> None:
    server, gate = pair
    server.answers = [answer]
    with pytest.raises(GateUnavailable) as told:
        await gate.disclose(ASKED)
    assert told.value.why is Away.OTHER and str(answer[0]) in str(told.value)
    assert [path for path, _ in server.seen] == ["/v1/disclosures"], "no redirect is followed"


@pytest.mark.parametrize(
    ("reason", "why"),
    [("keys", Away.KEYS), ("ledger", Away.LEDGER), ("database", Away.DATABASE), ("gate", Away.OTHER), ("x", Away.OTHER)],
)
async def test_the_gate_says_what_is_away(pair: tuple[Server, HttpGate], reason: str, why: Away) -> None:
    """A gate that answers is not itself away."""
    server, gate = pair
    server.answers = [problem(503, "unavailable", reason=reason)]
    with pytest.raises(GateUnavailable) as told:
        await gate.disclose(ASKED)
    assert told.value.why is why


async def test_an_assertion_that_the_gate_does_not_know_is_made_anew_once(pair: tuple[Server, HttpGate]) -> None:
    server, gate = pair
    unknown = problem(401, "unknown-service")
    server.answers = [unknown, (200, msgspec.json.encode(PERMIT), JSON)]
    assert await gate.disclose(ASKED) == PERMIT
    assert len(set(server.assertions)) == 2
    server.answers = [unknown]
    with pytest.raises(GateUnavailable, match="401"):
        await gate.disclose(ASKED)
    assert len(server.seen) == 4
    server.answers = [(200, msgspec.json.encode(PERMIT), JSON)]
    await gate.disclose(ASKED)
    await gate.disclose(ASKED)
    assert server.assertions[-1] == server.assertions[-2], "one assertion is used while it holds"


async def test_a_gate_that_nobody_reaches_is_away() -> None:
    gate = asking(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(GateUnavailable) as told:
        await gate.disclose(ASKED)
    assert told.value.why is Away.GATE
    await gate.close()
    await gate.close()


async def test_a_gate_that_does_not_answer_in_time_is_away(
    pair: tuple[Server, HttpGate], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, gate = pair
    server.wait = 0.4
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(HttpGate._post, "__defaults__", (0.1,))
    with pytest.raises(GateUnavailable) as told:
        await gate.disclose(ASKED)
    assert told.value.why is Away.GATE
    server.answers = [(200, msgspec.json.encode(PolicyConfirmation(tenant="north", applied=1)), JSON)]
    assert (await gate.confirm_policy("north", 1)).applied == 1, "a confirmation may take longer: the gate waits for it"


def test_how_long_the_gate_has_is_as_written() -> None:
    assert (client.TIMEOUT_SECONDS, client.CONFIRMATION_TIMEOUT_SECONDS, client.CONNECTIONS) == (5, 8, 64)


async def test_a_gate_behind_tls_is_checked_by_the_authority_that_is_set(tmp_path: Path) -> None:
    clinic = Authority.made()
    clinic.host(tmp_path, "localhost")
    (tmp_path / "ca.pem").write_bytes(clinic.pem)
    ours = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    async with serving(Server().app, tls=tmp_path) as url:
        for tls, trusted in ((ours, True), (None, False)):
            gate = HttpGate(
                url.replace("127.0.0.1", "localhost"),
                KEYS[ServiceName.SESSION_NOTES],
                DIRECTORY,
                ssl=tls,
                now=clock.now,
                random=clock.random,
            )
            if trusted:
                assert await gate.disclose(ASKED) == PERMIT
            else:
                with pytest.raises(GateUnavailable):
                    await gate.disclose(ASKED)
            await gate.close()


async def test_after_a_close_it_opens_again(pair: tuple[Server, HttpGate]) -> None:
    server, gate = pair
    assert await gate.disclose(ASKED) == PERMIT
    await gate.close()
    assert await gate.disclose(ASKED) == PERMIT
    assert len(server.seen) == 2
