"""Who holds something of the gate's, and tries to make more of it: each attack by its name."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from services.audit_log.ledger.application.ports import KeyWanted, UnknownKey
from shared.contracts.disclosure import Action, Caller, DisclosureRequest, Refusal
from shared.contracts.records import KeyClass, RecordType, ServiceName
from shared.http.problems import Problem
from shared.http.service_callers import service_of
from shared.identity.assertions import ServiceCaller, ServiceVerifier
from shared.sealing import cobblestone
from shared.sealing.errors import CannotOpen
from shared.service import clock
from tests.integration.gate.gate_support import ALLIANCE, CONSENT, DIRECTORY, KEYS, NOTES, World


async def test_a_decision_for_one_class_gives_no_key_of_another(world: World) -> None:
    """The same author, the same client: the progress note's key does not open what the psychotherapy note's key sealed."""
    await world.usual()
    progress, key = await world.note()
    _, private = await world.note(kind="psychotherapy_note")
    sealed = cobblestone.encrypt(private.key, b"a thought of my own", b"place", random=clock.random)
    (released,) = (await world.ask(world.token("t-rivera", "therapist"), Action.READ, progress)).keys
    assert released.key == key.key and released.key_class is KeyClass.PROGRESS_NOTE
    with pytest.raises(CannotOpen):
        cobblestone.decrypt(released.key, sealed, b"place")


async def test_a_psychotherapy_note_claimed_as_a_progress_note_is_refused_with_an_alarm(world: World) -> None:
    await world.usual()
    private, _ = await world.note(kind="psychotherapy_note")
    claimed = msgspec.structs.replace(private, record_type=RecordType.PROGRESS_NOTE)
    answer = await world.ask(world.token("t-okafor", "therapist"), Action.READ, claimed)
    assert (answer.refusal, answer.keys) == (Refusal.REGISTRY, ())


async def test_a_forged_key_id_opens_nothing(world: World) -> None:
    """Of another client, of another class, of another tenant, or made up: each is unknown, which is not the same as erased."""
    await world.usual()
    ref, key = await world.note()
    right = KeyWanted(world.client, KeyClass.PROGRESS_NOTE, ref.record_id, key.kid)
    ring = world.service._keyring
    (same,) = await ring.record_keys(world.tenant, [right])
    assert same == key
    forged = [
        replace(right, kid="k_" + "A" * 22),
        replace(right, key_class=KeyClass.PSYCHOTHERAPY_NOTE),
        replace(right, client_id="00000000-0000-0000-0000-000000000001"),
    ]
    for want in forged:
        with pytest.raises(UnknownKey):
            await ring.record_keys(world.tenant, [want])
    with pytest.raises(UnknownKey):
        await ring.record_keys("t-another", [right])


@pytest.mark.parametrize("thief", [ALLIANCE, CONSENT, ServiceName.EHR_GATEWAY])
async def test_what_one_service_was_answered_another_cannot_ask_again(world: World, thief: ServiceName) -> None:
    """Another service sends the very request, its caller's token in it, under its own name."""
    await world.usual()
    ref, _ = await world.note()
    token = world.token("t-rivera", "therapist")
    assert (await world.ask(token, Action.READ, ref)).keys
    answer = await world.ask(token, Action.READ, ref, service=thief)
    assert (answer.refusal, answer.keys) == (Refusal.SERVICE, ())


async def test_an_answer_that_was_kept_opens_that_record_alone(world: World) -> None:
    """Replayed by whoever stole it, it is one key of one record: not the client's next note, written under the same data key."""
    await world.usual()
    _, kept = await world.note()
    _, later = await world.note()
    assert kept.kid == later.kid
    sealed = cobblestone.encrypt(later.key, b"written afterwards", b"place", random=clock.random)
    with pytest.raises(CannotOpen):
        cobblestone.decrypt(kept.key, sealed, b"place")


async def test_a_service_token_meant_for_the_gate_does_nothing_elsewhere(world: World) -> None:
    """Stolen together with a signed request: the assertion names its audience, and the signature covers the path."""
    request = DisclosureRequest(tenant=world.tenant, action=Action.READ, caller=Caller(token="t"), request_id="r")
    body = msgspec.json.encode(request)
    seen = ServiceCaller(KEYS[NOTES], DIRECTORY, ServiceName.AUDIT_LOG, clock=clock.seconds, random=clock.random)
    headers = seen.headers("POST", "/v1/policy-feed", "", body)
    at_consent = ServiceVerifier(KEYS[CONSENT], DIRECTORY, clock=clock.seconds)
    with pytest.raises(Problem) as refused:
        await service_of(_request(headers, "/v1/policy-feed", body), at_consent, frozenset({NOTES}))
    assert refused.value.status == 401
    own = ServiceCaller(KEYS[NOTES], DIRECTORY, CONSENT, clock=clock.seconds, random=clock.random)
    headers = own.headers("POST", "/v1/policy-feed", "", body)
    service, _ = await service_of(_request(headers, "/v1/policy-feed", body), at_consent, frozenset({NOTES}))
    assert service is NOTES


async def test_a_service_token_used_under_another_services_key_is_refused(world: World) -> None:
    """`ALLIANCE` has the assertion of session_notes and signs by its own key."""
    at_gate = ServiceVerifier(KEYS[ServiceName.AUDIT_LOG], DIRECTORY, clock=clock.seconds)
    stolen = ServiceCaller(KEYS[NOTES], DIRECTORY, ServiceName.AUDIT_LOG, clock=clock.seconds, random=clock.random)
    thief = ServiceCaller(KEYS[ALLIANCE], DIRECTORY, ServiceName.AUDIT_LOG, clock=clock.seconds, random=clock.random)
    path, body = "/v1/disclosures", b"{}"
    assertion = stolen.headers("POST", path, "", body)["Service-Assertion"]
    headers = {**thief.headers("POST", path, "", body), "Service-Assertion": assertion}
    with pytest.raises(Problem) as refused:
        await service_of(_request(headers, path, body), at_gate, frozenset(ServiceName))
    assert refused.value.status == 401


def _request(headers: dict[str, str], path: str, body: bytes) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": raw}
    return Request(scope, receive)
