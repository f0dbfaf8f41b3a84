"""Break-glass, the client's release choice, and receipts: through the service's own doors, into the ledger."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT
from shared.contracts.consent_policy import POLICY_CHANGED
from shared.contracts.disclosure import Action, Caller, Decision, RecordRef, ReleaseAudience, ReleaseRequest
from shared.contracts.receipts import MESSAGE_SKIPPED, RECEIPT, MessageSkipped, Receipt
from shared.contracts.records import ALLIANCE_RATING, ServiceName
from shared.contracts.topics import ALLIANCE as ALLIANCE_TOPIC
from shared.contracts.topics import CONSENT_POLICY, RECEIPTS
from shared.gate.port import GateUnavailable
from shared.http.problems import Problem
from shared.messaging.port import Outbound
from shared.messaging.signature import EventSigner
from tests.integration.gate.gate_support import ALLIANCE, KEYS, NOTES, World

REASON = "Found unresponsive; the ward asks for medication and safety plan."


async def post(
    site: str, path: str, token: str, body: dict[str, Any] | None = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    headers["Authorization"] = f"Bearer {token}"
    async with aiohttp.ClientSession() as session, session.post(site + path, json=body, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def entries(world: World, **filters: Any) -> list[StoredEntry]:
    return await world.service._ledger.search(world.tenant, Filters(**filters))


def wanted(world: World, purpose: str = "BTG", **other: Any) -> dict[str, Any]:
    return {"client_id": world.client, "purpose": purpose, "reason": REASON, "scope": [], "minutes": 30} | other


async def test_break_glass_opens_for_its_minutes(world: World, site: str) -> None:
    await world.usual()
    ref, key = await world.note()
    token = world.token("t-night", "therapist")
    assert not (await world.ask(token, Action.READ, ref, purpose="BTG")).keys
    status, made = await post(site, "/v1/break-glass", token, wanted(world))
    assert (status, made["status"], made["client_id"], made["purpose"]) == (201, "active", world.client, "BTG")
    assert (await world.ask(token, Action.READ, ref, purpose="BTG")).keys == (key,)
    assert not (await world.ask(token, Action.READ, ref)).keys
    assert not (await world.ask(world.token("t-other", "therapist"), Action.READ, ref, purpose="BTG")).keys
    world.clock.ahead += timedelta(minutes=31)
    assert not (await world.ask(token, Action.READ, ref, purpose="BTG")).keys


async def test_the_reason_stands_in_the_ledger_and_nowhere_else(world: World, site: str) -> None:
    _, made = await post(site, "/v1/break-glass", world.token("t-night", "therapist"), wanted(world))
    assert "reason" not in made
    (stored,) = await entries(world, kinds=("grant",))
    assert stored.entry.detail["reason"] == REASON and stored.entry.basis == ("rule:glass.grant", f"grant:{made['id']}")
    rows = await world.service._store.fetch(world.tenant, "SELECT * FROM break_glass WHERE tenant_id = $1", world.tenant)
    assert REASON not in str(rows)


async def test_a_repeat_under_the_same_key_is_the_same_grant(world: World, site: str) -> None:
    token = world.token("t-night", "therapist")
    answers = [await post(site, "/v1/break-glass", token, wanted(world), **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(await entries(world, kinds=("grant",))) == 1


@pytest.mark.parametrize(
    ("role", "status"), [("therapist", 201), ("supervisor", 201), ("trainee", 403), ("intake", 403), ("compliance_officer", 403)]
)
async def test_authorised_groups(world: World, site: str, role: str, status: int) -> None:
    assert (await post(site, "/v1/break-glass", world.token("x", role), wanted(world)))[0] == status
    (stored,) = await entries(world, kinds=("grant",))
    assert stored.entry.outcome == ("done" if status == 201 else "deny")


@pytest.mark.parametrize(
    "fault",
    [
        {"reason": " "},
        {"reason": "x" * 2_001},
        {"minutes": 0},
        {"minutes": 241},
        {"minutes": True},
        {"purpose": "TREAT"},
        {"scope": ["everything"]},
        {"scope": ["psychotherapy_note"]},
        {"purpose": "THREAT"},
        {"purpose": "THREAT", "scope": ["progress_note"], "recipient": "the police"},
        {"purpose": "THREAT", "scope": [str(uuid4()), str(uuid4())], "recipient": "the police"},
        {"purpose": "THREAT", "scope": [str(uuid4())]},
        {"more": 1},
    ],
)
async def test_what_cannot_be_granted(world: World, site: str, fault: dict[str, Any]) -> None:
    status, problem = await post(site, "/v1/break-glass", world.token("t-night", "therapist"), wanted(world) | fault)
    assert status == 422 and problem["errors"]


async def test_threat_opens_one_psychotherapy_note_after_a_second_approval(world: World, site: str) -> None:
    await world.usual()
    (note, key), (other, _) = await world.note(kind="psychotherapy_note"), await world.note(kind="psychotherapy_note")
    token, second = world.token("t-night", "therapist"), world.token("s-lind", "supervisor")
    body = wanted(world, "THREAT", scope=[note.record_id], recipient="the person who was named")
    status, made = await post(site, "/v1/break-glass", token, body)
    assert (status, made["status"]) == (201, "awaiting_second_approval")
    assert not (await world.ask(token, Action.READ, note, purpose="THREAT")).keys

    approvals = f"/v1/break-glass/{made['id']}/approvals"
    assert (await post(site, approvals, token))[0] == 403
    assert (await post(site, approvals, world.token("i-sato", "intake")))[0] == 403
    assert (await post(site, f"/v1/break-glass/{uuid4()}/approvals", second))[0] == 404
    status, approved = await post(site, approvals, second)
    assert (status, approved["status"]) == (200, "active")
    assert (await post(site, approvals, second))[0] == 409

    assert (await world.ask(token, Action.READ, note, purpose="THREAT")).keys == (key,)
    assert not (await world.ask(token, Action.READ, other, purpose="THREAT")).keys
    assert not (await world.ask(second, Action.READ, note, purpose="THREAT")).keys
    left = [(e.entry.action, e.entry.outcome, e.entry.reason, e.entry.agent) for e in await entries(world, kinds=("grant",))]
    assert left == [
        ("update", "done", "approved", "s-lind"),
        ("update", "deny", "not-an-approver", "i-sato"),
        ("update", "deny", "own-request", "t-night"),
        ("create", "done", "awaiting_second_approval", "t-night"),
    ]
    about = [(e.entry.client_id, e.entry.purpose, e.entry.basis[1]) for e in await entries(world, kinds=("grant",))]
    assert about == [(world.client, "THREAT", f"grant:{made['id']}")] * 4
    told = [e.entry.detail.get("recipient") for e in await entries(world, kinds=("grant",), outcome="done")]
    assert told == [None, "the person who was named"]


async def test_an_attempt_to_approve_what_is_not_there_is_an_entry_too(world: World, site: str) -> None:
    path = f"/v1/break-glass/{uuid4()}/approvals"
    assert (await post(site, path, world.token("tr-novak", "trainee")))[0] == 403
    (left,) = await entries(world, kinds=("grant",))
    assert (left.entry.outcome, left.entry.agent, left.entry.client_id, left.entry.purpose) == ("deny", "tr-novak", None, None)


async def test_two_approvals_at_once_count_once(world: World, site: str) -> None:
    body = wanted(world, "THREAT", scope=[str(uuid4())], recipient="the person who was named")
    _, made = await post(site, "/v1/break-glass", world.token("t-night", "therapist"), body)
    approvals = f"/v1/break-glass/{made['id']}/approvals"
    answers = await asyncio.gather(*(post(site, approvals, world.token(f"s-{n}", "supervisor")) for n in range(4)))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]


async def rating(world: World) -> Any:
    ref = world.ref("administration", author=world.client, labels=(ALLIANCE_RATING,))
    await world.ask(world.token("t-rivera", "therapist"), Action.CREATE, ref, service=ALLIANCE)
    return world.ref("administration", record=ref.record_id)


async def choose(world: World, token: str, service: ServiceName = ALLIANCE, **choice: ReleaseAudience | None) -> Any:
    request = ReleaseRequest(tenant=world.tenant, client_id=world.client, caller=Caller(token=token), request_id="r", **choice)
    return await world.service.direct_gate(service).set_release(request)


async def test_the_clients_choice_is_in_force_when_it_returns(world: World) -> None:
    await world.usual()
    await world.agreed(world.relation("s-lind", "supervisor"))
    ref = await rating(world)
    therapist, supervisor = world.token("t-okafor", "therapist"), world.token("s-lind", "supervisor")

    async def sees(token: str) -> bool:
        return bool((await world.ask(token, Action.READ, ref, service=ALLIANCE)).keys)

    assert (await sees(therapist), await sees(supervisor)) == (True, False)
    state = await choose(world, world.client_token(), therapist=ReleaseAudience.WITHHELD)
    assert (state.therapist, state.supervisor, len(state.entries)) == ("withheld", "withheld", 1)
    assert (await sees(therapist), await sees(supervisor)) == (False, False)
    state = await choose(world, world.client_token(), supervisor=ReleaseAudience.IMMEDIATE)
    assert (state.therapist, state.supervisor) == ("withheld", "immediate")
    assert (await sees(therapist), await sees(supervisor)) == (False, True)
    await choose(world, world.client_token(), therapist=ReleaseAudience.DELAYED)
    assert not await sees(therapist)
    world.clock.ahead += timedelta(days=7)
    assert await sees(therapist)
    assert await sees(world.client_token())
    assert [e.entry.outcome for e in await entries(world, kinds=("release",))] == ["permit"] * 3


@pytest.mark.parametrize("who", ["therapist", "other_client", "representative", "another_service", "forged"])
async def test_nobody_else_chooses(world: World, who: str) -> None:
    tokens = {
        "therapist": world.token("t-rivera", "therapist"),
        "other_client": world.token("u", "client", client_id=str(uuid4())),
        "representative": world.token("u", "representative", client_id=world.client),
        "another_service": world.client_token(),
        "forged": "forged",
    }
    with pytest.raises(Problem) as problem:
        await choose(world, tokens[who], NOTES if who == "another_service" else ALLIANCE, therapist=ReleaseAudience.IMMEDIATE)
    assert problem.value.status == (401 if who == "forged" else 403)
    assert [e.entry.outcome for e in await entries(world, kinds=("release",))] == ["deny"]
    rows = await world.service._store.fetch(world.tenant, "SELECT 1 FROM release_choice WHERE tenant_id = $1", world.tenant)
    assert not rows


async def show(world: World, signer: ServiceName, receipt: Receipt) -> None:
    headers = {
        "ce_id": str(uuid4()),
        "ce_type": RECEIPT,
        "ce_subject": f"note/{receipt.record_id}",
        "ce_sequence": "1",
        "ce_tenant": world.tenant,
        "ce_schemaversion": "1",
    }
    key, payload = f"{world.tenant}/{receipt.client_id}", receipt.model_dump_json().encode()
    signed = EventSigner(KEYS[signer]).sign(RECEIPTS, key, headers, payload)
    await world.bus.publish([Outbound(RECEIPTS, key, signed, payload)])


async def test_receipts_against_the_ledger(world: World) -> None:
    await world.usual()
    note = world.ref()
    made = await world.ask(world.token("t-rivera", "therapist"), Action.CREATE, note)
    read = await world.ask(world.token("t-rivera", "therapist"), Action.READ, note)
    denied = await world.ask(world.token("t-nobody", "therapist"), Action.CREATE, world.ref(record=str(uuid4())))
    good = Receipt(
        service="session_notes",
        event_id=uuid4(),
        event_type="session-notes.progress-note-drafted",
        record_id=UUID(note.record_id),
        client_id=UUID(world.client),
        entry=made.entries[0],
        digest="0" * 64,
    )
    await show(world, NOTES, good)
    await show(world, NOTES, good)
    assert await entries(world, kinds=("alarm",)) == []
    rows = await world.service._store.fetch(world.tenant, "SELECT fault FROM receipt WHERE tenant_id = $1", world.tenant)
    assert [r["fault"] for r in rows] == [None]

    cases: list[tuple[ServiceName, dict[str, Any], str]] = [
        (NOTES, {"entry": 9_999}, "receipt-without-entry"),
        (NOTES, {"record_id": uuid4()}, "receipt-of-another-entry"),
        (NOTES, {"client_id": uuid4()}, "receipt-of-another-entry"),
        (NOTES, {"entry": read.entries[0]}, "receipt-of-another-entry"),
        (NOTES, {"entry": denied.entries[0]}, "receipt-of-another-entry"),
        (NOTES, {"service": "alliance_measurement"}, "receipt-of-another-entry"),
        (ALLIANCE, {"service": "alliance_measurement"}, "receipt-of-another-entry"),
        (ALLIANCE, {}, "receipt-of-another-entry"),
    ]
    for signer, change, _ in cases:
        await show(world, signer, good.model_copy(update={"event_id": uuid4(), **change}))
    found = [e.entry.reason for e in reversed(await entries(world, kinds=("alarm",)))]
    assert found == [reason for _, _, reason in cases]


async def test_a_tenants_refused_log_holds_nobody_else_up(world: World) -> None:
    """Its reads are refused and its receipts parked, with an alarm; another tenant's go on, and the service stays ready."""
    await world.usual()
    note = world.ref()
    made = await world.ask(world.token("t-rivera", "therapist"), Action.CREATE, note)
    other = replace(world, tenant=f"{world.tenant}-b", client=str(uuid4()))
    await other.usual()
    others_note = other.ref()
    others = await other.ask(other.token("t-rivera", "therapist"), Action.CREATE, others_note)

    def receipt(ref: RecordRef, client: str, entry: int) -> Receipt:
        return Receipt(
            service="session_notes",
            event_id=uuid4(),
            event_type="session-notes.progress-note-drafted",
            record_id=UUID(ref.record_id),
            client_id=UUID(client),
            entry=entry,
            digest="0" * 64,
        )

    logs = world.service._ledger._logs
    assert logs is not None
    logs.refused[world.tenant] = "its anchor is missing"
    try:
        before = len(await system_alarms(world))
        await show(world, NOTES, receipt(note, world.client, made.entries[0]))
        await show(other, NOTES, receipt(others_note, other.client, others.entries[0]))
        kept = "SELECT 1 FROM receipt WHERE tenant_id = $1"
        async with asyncio.timeout(5):
            while not await world.service._store.fetch(other.tenant, kept, other.tenant):
                await asyncio.sleep(0.02)
            while len(alarms := await system_alarms(world)) == before:
                await asyncio.sleep(0.02)
        assert alarms[0] == "message-parked" and not await world.service._store.fetch(world.tenant, kept, world.tenant)
        with pytest.raises(GateUnavailable):
            await world.ask(world.token("t-rivera", "therapist"), Action.READ, note)
        assert (await other.ask(other.token("t-rivera", "therapist"), Action.READ, others_note)).decision is Decision.PERMIT
        assert await world.service._ledger.ready()
    finally:
        del logs.refused[world.tenant]
    key = f"{world.tenant}/{world.client}"
    assert await world.service._consumer.release(world.tenant, RECEIPTS, key) == 1, "an operator lets it go on"
    assert len(await world.service._store.fetch(world.tenant, kept, world.tenant)) == 1


async def system_alarms(world: World) -> list[str]:
    return [e.entry.reason for e in await world.service._ledger.search(SYSTEM_TENANT, Filters(kinds=("alarm",)))]


async def test_a_forged_message_alarms(world: World) -> None:
    before = len(await world.service._ledger.search(SYSTEM_TENANT, Filters(kinds=("alarm",))))
    await world.bus.publish([Outbound(RECEIPTS, f"{world.tenant}/x", {"ce_source": "session_notes", "sig": "AAAA"}, b"{}")])
    async with asyncio.timeout(5):
        while len(found := await world.service._ledger.search(SYSTEM_TENANT, Filters(kinds=("alarm",)))) == before:
            await asyncio.sleep(0.02)
    assert found[0].entry.reason == "forged-message" and found[0].entry.outcome == Decision.DENY


async def test_a_policy_message_that_is_no_policy_alarms_and_is_parked(world: World) -> None:
    headers = {
        "ce_id": str(uuid4()),
        "ce_type": POLICY_CHANGED,
        "ce_subject": "policy",
        "ce_sequence": "1",
        "ce_tenant": world.tenant,
        "ce_schemaversion": "1",
    }
    key = f"{world.tenant}/{world.client}"
    signed = EventSigner(KEYS[ServiceName.CONSENT]).sign(CONSENT_POLICY, key, headers, b"{}")
    await world.bus.publish([Outbound(CONSENT_POLICY, key, signed, b"{}")])
    async with asyncio.timeout(5):
        while "message-parked" not in await system_alarms(world):
            await asyncio.sleep(0.02)


async def test_policy_by_message_is_decided_by_and_stands_in_the_ledger(world: World) -> None:
    change = world.relation("t-rivera")
    headers = {
        "ce_id": str(uuid4()),
        "ce_type": POLICY_CHANGED,
        "ce_subject": "policy",
        "ce_sequence": "1",
        "ce_tenant": world.tenant,
        "ce_schemaversion": "1",
    }
    key, payload = f"{world.tenant}/{world.client}", change.model_dump_json().encode()
    signed = EventSigner(KEYS[ServiceName.CONSENT]).sign(CONSENT_POLICY, key, headers, payload)
    for _ in range(2):
        await world.bus.publish([Outbound(CONSENT_POLICY, key, signed, payload)])
    reads = world.feed.reads
    assert (await world.service.direct_gate(ServiceName.CONSENT).confirm_policy(world.tenant, 1)).applied == 1
    assert world.feed.reads == reads
    (stored,) = await entries(world, kinds=("policy",))
    assert (stored.entry.reason, stored.entry.basis) == ("relationship-set", (f"relationship:{change.relationship_id}",))


async def test_what_an_operator_gave_up_stands_in_the_ledger(world: World) -> None:
    skipped = MessageSkipped(
        service="session_notes",
        topic=ALLIANCE_TOPIC,
        message_id=uuid4(),
        message_type="alliance.prompt-prepared",
        client_id=UUID(world.client),
        error="ValueError",
        reason="sent by a release that was withdrawn",
        skipped_by="pat",
        at=world.service._now(),
    )
    for signer in (NOTES, ALLIANCE):  # the second tells of another service's message: it is not entered
        headers = {
            "ce_id": str(uuid4()),
            "ce_type": MESSAGE_SKIPPED,
            "ce_subject": "skipped",
            "ce_sequence": "1",
            "ce_tenant": world.tenant,
            "ce_schemaversion": "1",
        }
        key, payload = f"{world.tenant}/{world.client}", skipped.model_dump_json().encode()
        signed = EventSigner(KEYS[signer]).sign(RECEIPTS, key, headers, payload)
        await world.bus.publish([Outbound(RECEIPTS, key, signed, payload)])
    (alarm,) = [e.entry for e in await entries(world, kinds=("alarm",))]
    assert (alarm.reason, alarm.agent, alarm.service, alarm.client_id) == (
        "message-skipped",
        "pat",
        "session_notes",
        world.client,
    )
    assert alarm.detail["reason"] == "sent by a release that was withdrawn"
    assert (alarm.detail["type"], alarm.detail["fault"]) == ("alliance.prompt-prepared", "ValueError")
