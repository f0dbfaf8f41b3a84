"""The gate as deployed services reach it: over HTTP, by assertion and signature."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.audit_log.decision.adapters.policy_log import HttpPolicyFeed
from shared.contracts.disclosure import Action, Caller, Decision, DisclosureRequest, Refusal, ReleaseAudience, ReleaseRequest
from shared.contracts.downtime import GATE_KEY, LateOutcome
from shared.contracts.records import ServiceName
from shared.gate.client import HttpGate
from shared.gate.port import Away, GateUnavailable
from shared.http.problems import Problem
from shared.http.service_callers import service_of
from shared.identity.assertions import ServiceCaller, ServiceVerifier
from shared.service import clock
from tests.integration.gate.gate_support import ALLIANCE, CONSENT, DIRECTORY, KEYS, NOTES, Feed, World
from tests.integration.gate.late_support import SECRET, late
from tests.support.http import serving

AUDIT_LOG = ServiceName.AUDIT_LOG


def http_gate(site: str, name: ServiceName) -> HttpGate:
    return HttpGate(site, KEYS[name], DIRECTORY, now=clock.now, random=clock.random)


@pytest.fixture
async def gates(site: str) -> AsyncIterator[dict[ServiceName, HttpGate]]:
    made = {name: http_gate(site, name) for name in (NOTES, CONSENT, ALLIANCE, ServiceName.EHR_GATEWAY)}
    yield made
    for gate in made.values():
        await gate.close()


def reading(world: World, *refs: Any, token: str | None = None, action: Action = Action.READ) -> DisclosureRequest:
    caller = Caller(token=token or world.token("t-okafor", "therapist"))
    return DisclosureRequest(tenant=world.tenant, action=action, caller=caller, request_id="r-1", records=refs)


Gates = dict[ServiceName, HttpGate]


async def test_the_same_answer_as_by_direct_call(world: World, gates: Gates) -> None:
    await world.usual()
    ref, key = await world.note()
    by_http = await gates[NOTES].disclose(reading(world, ref))
    direct = await world.service.direct_gate(NOTES).disclose(reading(world, ref))
    assert by_http.keys == direct.keys == (key,)
    assert (by_http.decision, by_http.records) == (direct.decision, direct.records)


async def test_the_service_is_who_signed(world: World, gates: Gates) -> None:
    await world.usual()
    ref, _ = await world.note()
    assert (await gates[ALLIANCE].disclose(reading(world, ref))).refusal is Refusal.SERVICE
    with pytest.raises(Problem) as problem:
        await gates[ServiceName.EHR_GATEWAY].disclose(reading(world, ref))
    assert problem.value.status == 403


async def test_consent_confirms_and_nobody_else(world: World, gates: Gates) -> None:
    world.feed.add(world.tenant, world.relation("t-rivera"))
    assert (await gates[CONSENT].confirm_policy(world.tenant, 1)).applied == 1
    with pytest.raises(Problem) as problem:
        await gates[NOTES].confirm_policy(world.tenant, 1)
    assert problem.value.status == 403


async def test_a_client_chooses_through_alliance(world: World, gates: Gates) -> None:
    def choice(token: str) -> ReleaseRequest:
        return ReleaseRequest(
            tenant=world.tenant,
            client_id=world.client,
            caller=Caller(token=token),
            request_id="r",
            therapist=ReleaseAudience.WITHHELD,
        )

    assert (await gates[ALLIANCE].set_release(choice(world.client_token()))).therapist is ReleaseAudience.WITHHELD
    for gate, token, status in (
        (ALLIANCE, world.token("t-rivera", "therapist"), 403),
        (ALLIANCE, "forged", 401),
        (NOTES, world.client_token(), 403),
    ):
        with pytest.raises(Problem) as problem:
            await gates[gate].set_release(choice(token))
        assert problem.value.status == status


async def test_faults_come_back_as_faults(world: World, gates: Gates) -> None:
    with pytest.raises(Problem) as problem:
        await gates[NOTES].disclose(reading(world))
    assert (problem.value.status, problem.value.errors[0].pointer) == (422, "/records")


async def test_no_ledger_is_no_answer(world: World, gates: Gates, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.usual()
    ref, _ = await world.note()

    class Broken:
        async def write(self, *_: object) -> tuple[int, ...]:
            raise GateUnavailable("away", Away.LEDGER)

    gate = world.service._gate
    monkeypatch.setattr(gate, "_steps", replace(world.service.steps, ledger=Broken()))
    with pytest.raises(GateUnavailable) as away:
        await gates[NOTES].disclose(reading(world, ref))
    assert away.value.why is Away.LEDGER
    monkeypatch.undo()
    assert (await gates[NOTES].disclose(reading(world, ref))).decision is Decision.PERMIT


async def test_no_gate_is_no_answer() -> None:
    gate = http_gate("http://127.0.0.1:9", NOTES)
    try:
        with pytest.raises(GateUnavailable) as away:
            await gate.confirm_policy("practice", 1)
        assert away.value.why is Away.GATE
    finally:
        await gate.close()


async def test_an_assertion_that_the_gate_no_longer_takes_is_renewed_once(world: World, gates: Gates) -> None:
    await world.usual()
    ref, key = await world.note()
    await gates[NOTES].disclose(reading(world, ref))
    gates[NOTES]._caller._assertion = "spoilt"
    assert (await gates[NOTES].disclose(reading(world, ref))).keys == (key,)


class Attack:
    """What an attacker sends who saw one signed request."""

    def __init__(self, site: str, body: bytes, name: ServiceName = NOTES) -> None:
        self.site, self.body = site, body
        caller = ServiceCaller(KEYS[name], DIRECTORY, AUDIT_LOG, clock=clock.seconds, random=clock.random)
        self.headers = caller.headers("POST", "/v1/disclosures", "", body)

    async def send(
        self, body: bytes | None = None, path: str = "/v1/disclosures", assertion: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        sent = self.headers if assertion is None else {**self.headers, "Service-Assertion": assertion}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.site + path, data=self.body if body is None else body, headers=sent) as response,
        ):
            answer: dict[str, Any] = orjson.loads(await response.read())
            return response.status, answer


async def attack(world: World, site: str, **other: Any) -> tuple[Attack, Any]:
    await world.usual()
    ref, _ = await world.note()
    return Attack(site, msgspec.json.encode(reading(world, ref)), **other), ref


async def test_a_replay_is_refused(world: World, site: str) -> None:
    seen, _ = await attack(world, site)
    assert (await seen.send())[0] == 200
    status, answer = await seen.send()
    assert status == 401 and "keys" not in answer


async def test_a_changed_body_path_or_query_is_refused(world: World, site: str) -> None:
    seen, _ = await attack(world, site)
    other = msgspec.json.encode(reading(world, world.ref(), token="x"))
    assert (await seen.send(other))[0] == 401
    assert (await seen.send(path="/v1/releases"))[0] == 401
    assert (await seen.send(path="/v1/disclosures?a=1"))[0] == 401
    assert (await seen.send())[0] == 200


async def test_an_assertion_without_its_key_is_refused(world: World, site: str) -> None:
    seen, _ = await attack(world, site)
    other = Attack(site, seen.body, ALLIANCE)
    assert (await other.send(assertion=seen.headers["Service-Assertion"]))[0] == 401
    assert (await other.send(assertion=""))[0] == 401


async def test_a_callers_token_alone_is_no_service(world: World, site: str) -> None:
    token = world.token("t-rivera", "therapist")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site}/v1/disclosures", json={}, headers={"Authorization": f"Bearer {token}"}) as response,
    ):
        assert response.status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"tenant":"a"}', b'{"secret-word":1}', b"\xff"])
async def test_what_is_no_request_is_refused_and_not_quoted(world: World, site: str, body: bytes) -> None:
    status, answer = await Attack(site, body).send()
    assert status == 422 and "secret-word" not in str(answer)


async def test_the_policy_feed_over_http() -> None:
    feed = Feed()
    verifier = ServiceVerifier(KEYS[CONSENT], DIRECTORY, clock=clock.seconds)

    async def page(request: Request) -> Response:
        await service_of(request, verifier, frozenset({AUDIT_LOG}))
        read = await feed.read(request.query_params["tenant"], int(request.query_params["after"]))
        return Response(read.model_dump_json(), media_type="application/json")

    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    app = Starlette(routes=[Route("/v1/policy-feed", page)], exception_handlers={Problem: problem})
    async with serving(app) as base:
        as_gate = HttpPolicyFeed(base, caller_of(AUDIT_LOG))
        as_notes = HttpPolicyFeed(base, caller_of(NOTES))
        try:
            assert (await as_gate.read("practice", 0)).head == 0
            with pytest.raises(aiohttp.ClientResponseError) as refused:
                await as_notes.read("practice", 0)
            assert refused.value.status == 403
        finally:
            await as_gate.close()
            await as_notes.close()


def caller_of(name: ServiceName) -> ServiceCaller:
    return ServiceCaller(KEYS[name], DIRECTORY, CONSENT, clock=clock.seconds, random=clock.random)


async def test_the_gates_key_and_a_late_write_over_http(world: World, gates: Gates) -> None:
    await world.usual()
    signed = await gates[NOTES].gate_key()
    assert signed.headers["ce_type"] == GATE_KEY
    write = await late(world)
    answer = await gates[NOTES].settle(write)
    assert (answer.outcome, answer.secret) == (LateOutcome.RECONCILED, SECRET)
    for other in (CONSENT, ALLIANCE):
        for asked in (gates[other].gate_key(), gates[other].settle(write)):
            with pytest.raises(Problem) as problem:
                await asked
            assert problem.value.status == 403
