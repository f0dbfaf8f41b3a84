"""What was written while the gate was away, as the gate decides it afterwards: bound, verified, entered, once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from services.audit_log.keyring.domain.gate_keys import OPENS_FOR, WRITTEN_FOR
from shared.contracts.consent_policy import ConsentStatus
from shared.contracts.disclosure import Action, Decision
from shared.contracts.downtime import (
    GATE_KEY,
    GATE_KEY_PLACE,
    GateKey,
    LateOutcome,
    LateWrite,
    instant,
)
from shared.contracts.records import KeyClass, RecordType, ServiceName
from shared.contracts.topics import AUDIT
from shared.gate.port import Away, GateUnavailable
from shared.http.problems import Problem
from shared.messaging.signature import SignatureVerifier
from tests.integration.gate.gate_support import ALLIANCE, DIRECTORY, NOTES, World
from tests.integration.gate.late_support import SECRET, entries, entry, key_of, late, receipt_of, settle
from tests.integration.gate.test_explanations import call
from tests.integration.gate.test_grants_releases_receipts import show
from tests.support.http import serving

ERASURE = UUID(int=15)


async def test_the_key_is_signed_by_the_gate_as_no_event_is(world: World) -> None:
    signed = await world.service.direct_gate(NOTES).gate_key()
    verifier = SignatureVerifier(DIRECTORY)
    assert verifier.verify(AUDIT, GATE_KEY_PLACE, signed.headers, signed.statement) is ServiceName.AUDIT_LOG
    assert signed.headers["ce_type"] == GATE_KEY
    key = GateKey.model_validate_json(signed.statement)
    assert key.written_until - key.written_from == WRITTEN_FOR and len(bytes.fromhex(key.public)) == 32


async def test_it_is_reconciled_with_its_late_entry(world: World) -> None:
    await world.usual()
    write = await late(world, labels=("ETH",))
    world.clock.ahead = timedelta(hours=1)
    answer = await settle(world, write)
    assert (answer.outcome, answer.secret, answer.role) == (LateOutcome.RECONCILED, SECRET, "therapist")
    assert answer.key is not None and answer.key.record_id == write.record_id
    stored = (await entry(world, answer.entry)).entry
    assert (stored.kind, stored.action, stored.outcome, stored.agent) == ("disclosure", "create", "permit", "t-rivera")
    assert stored.at - datetime.fromisoformat(write.written_at) >= timedelta(hours=1)
    assert stored.detail["late"]["written_at"] == stored.detail["late"]["decided_as_of"] == write.written_at
    assert "changed_since" not in stored.detail["late"] and "rule:relationship.duty-to-document" in stored.basis
    bound = (await world.service.steps.registry.known(world.tenant, [write.record_id]))[write.record_id]  # type: ignore[attr-defined]
    assert (bound.labels, bound.created_at) == (frozenset({"ETH"}), datetime.fromisoformat(write.written_at))
    read = await world.ask(world.token("t-rivera", "therapist"), Action.READ, world.ref(record=write.record_id))
    assert read.decision is Decision.PERMIT and read.keys == (answer.key,)


async def test_nobody_reads_it_before(world: World) -> None:
    """Until it is reconciled the gate knows no such record."""
    await world.usual()
    write = await late(world)
    read = await world.ask(world.token("t-rivera", "therapist"), Action.READ, world.ref(record=write.record_id))
    assert read.decision is Decision.DENY and not read.keys


@pytest.mark.parametrize(
    "change",
    [
        lambda w: {"client_id": str(uuid4())},
        lambda w: {"record_id": str(uuid4())},
        lambda w: {"event_id": str(uuid4())},
        lambda w: {"author": "t-okafor"},
        lambda w: {"record_type": RecordType.PSYCHOTHERAPY_NOTE},
        lambda w: {"written_at": instant(datetime.fromisoformat(w.written_at) - timedelta(seconds=1))},
        lambda w: {"digest": "1" * 64},
        lambda w: {"envelope": w.envelope[:-1] + bytes([w.envelope[-1] ^ 1])},
    ],
    ids=["client", "record", "event", "author", "class", "time", "text", "byte"],
)
async def test_tampering_with_each_binding_is_an_alarm(world: World, change: Callable[[LateWrite], dict[str, Any]]) -> None:
    await world.usual()
    write = await late(world)
    answer = await settle(world, msgspec.structs.replace(write, **change(write)))
    assert (answer.outcome, answer.reason) == (LateOutcome.REFUSED, "late-write-tampered")
    assert answer.secret is None and answer.key is None
    assert (await entry(world, answer.entry)).entry.kind == "alarm"
    assert (await settle(world, write)).outcome is LateOutcome.RECONCILED, "what was not tampered with is taken"


async def test_another_tenants_envelope(world: World) -> None:
    await world.usual()
    write = await late(world)
    other = World(world.service, world.feed, world.clock, world.issuer, world.bus)
    await other.usual()
    answer = await settle(other, msgspec.structs.replace(write, tenant=other.tenant))
    assert (answer.outcome, answer.reason) == (LateOutcome.REFUSED, "late-write-tampered")


async def test_a_wrong_gate_key(world: World) -> None:
    """Of another deployment, or invented: no private key here opens it."""
    await world.usual()
    write = await late(world)
    answer = await settle(world, msgspec.structs.replace(write, key_id="g_AAAAAAAAAAAAAAAAAAAAAA"))
    assert (answer.outcome, answer.reason) == (LateOutcome.REFUSED, "late-write-unknown-key")
    await world.service._keyring.gate_keys.make(world.clock.now())
    second = await key_of(world)
    assert second.key_id != write.key_id
    swapped = msgspec.structs.replace(write, key_id=second.key_id)
    assert (await settle(world, swapped)).reason == "late-write-tampered"
    assert (await settle(world, write)).outcome is LateOutcome.RECONCILED


async def test_a_token_that_is_not_the_authors(world: World) -> None:
    await world.usual()
    for token in ("forged", world.token("t-okafor", "therapist"), world.token("t-rivera", "therapist", tenant="elsewhere")):
        answer = await settle(world, await late(world, token=token))
        assert (answer.outcome, answer.reason) == (LateOutcome.REFUSED, "late-write-of-another")
        assert (await entry(world, answer.entry)).entry.kind == "alarm"


async def test_a_token_counts_as_of_the_time_of_writing(world: World) -> None:
    """It may have ended meanwhile; one that was issued later proves nothing of then."""
    await world.usual()
    write = await late(world)
    world.clock.ahead = timedelta(days=3)
    assert (await settle(world, write)).outcome is LateOutcome.RECONCILED
    world.clock.ahead = timedelta()
    older = await world.service._keyring.gate_keys.make(world.clock.now() - timedelta(hours=1))
    for minutes, reason in ((5, "late-write-of-another"), (90, "late-write-wrong-time")):
        backdated = instant(world.clock.now() - timedelta(minutes=minutes))
        answer = await settle(world, await late(world, key=older, written_at=backdated))
        assert (answer.outcome, answer.reason) == (LateOutcome.REFUSED, reason)


async def test_a_time_that_is_not_yet(world: World) -> None:
    await world.usual()
    write = await late(world, written_at=instant(world.clock.now() + timedelta(minutes=10)))
    assert (await settle(world, write)).reason == "late-write-wrong-time"


async def test_who_may_not_write_is_refused_once_and_taken_when_they_may(world: World) -> None:
    await world.usual()
    write = await late(world, author="t-stranger")
    first, again = await settle(world, write), await settle(world, write)
    assert (first.outcome, first.reason) == (LateOutcome.REFUSED, "no-rule") and first.secret is None
    assert first == again and len(await entries(world, "disclosure")) == 1, "a reason is entered once"
    await world.agreed(world.relation("t-stranger"))
    answer = await settle(world, write)
    assert answer.outcome is LateOutcome.RECONCILED and answer.secret == SECRET


async def test_a_client_may_not(world: World) -> None:
    await world.usual()
    write = await late(world, author="u-client", token=world.client_token())
    assert (await settle(world, write)).outcome is LateOutcome.REFUSED


async def test_what_ended_or_was_revoked_meanwhile_stands_in_the_entry(world: World) -> None:
    relation, consent = world.relation("t-rivera"), world.consent()
    await world.agreed(relation, consent)
    write = await late(world)
    world.clock.ahead = timedelta(minutes=30)
    now = world.clock.now()
    ended = relation.model_copy(update={"end": now - timedelta(minutes=10), "at": now})
    revoked = consent.model_copy(update={"status": ConsentStatus.REVOKED, "at": now - timedelta(minutes=5)})
    await world.agreed(ended, revoked)
    answer = await settle(world, write)
    assert answer.outcome is LateOutcome.RECONCILED
    told = (await entry(world, answer.entry)).entry.detail["late"]
    expected = sorted([f"consent:{consent.consent_id}", f"relationship:{relation.relationship_id}"])
    assert told["changed_since"] == expected and told["refused_now"] == "no-rule"
    async with serving(world.service.app) as site:
        status, explained, _ = await call(site, world, "GET", f"/v1/audit/entries/{answer.entry}/explanation")
    assert status == 200 and explained["agrees"] and explained["records"][0]["recorded"] == "permit"


async def test_an_erased_clients_note_does_not_come_back(world: World) -> None:
    await world.usual()
    write = await late(world)
    keyring = world.service._keyring
    await keyring.fence(world.tenant, world.client, [KeyClass.PROGRESS_NOTE], ERASURE)
    answer = await settle(world, write)
    assert (answer.outcome, answer.reason, answer.secret, answer.key) == (LateOutcome.DROPPED, "key-fenced", None, None)
    stored = (await entry(world, answer.entry)).entry
    assert (stored.kind, stored.outcome, stored.agent) == ("disclosure", "deny", "t-rivera")
    assert stored.basis == ("rule:erasure.fence",) and stored.detail["late"]["written_at"] == write.written_at
    await keyring.shred(world.tenant, world.client, [KeyClass.PROGRESS_NOTE], ERASURE)
    assert await settle(world, write) == answer, "and not by asking again"
    assert not await keyring.is_final(world.tenant, world.client, [KeyClass.PROGRESS_NOTE]), "a backup of it could be opened"
    other = await late(world, record_type=RecordType.PSYCHOTHERAPY_NOTE)
    assert (await settle(world, other)).outcome is LateOutcome.RECONCILED, "the other class is not erased"


async def test_an_erasure_between_two_tries(world: World) -> None:
    """Its answer was lost by a crash, and the erasure came before the second try."""
    await world.usual()
    write = await late(world)
    assert (await settle(world, write)).outcome is LateOutcome.RECONCILED
    await world.service._keyring.fence(world.tenant, world.client, [KeyClass.PROGRESS_NOTE], ERASURE)
    answer = await settle(world, write)
    assert (answer.outcome, answer.secret, answer.key) == (LateOutcome.DROPPED, None, None)


async def test_what_the_service_dropped_itself(world: World) -> None:
    await world.usual()
    write = msgspec.structs.replace(await late(world), envelope=None)
    answer = await settle(world, write)
    assert (answer.outcome, answer.reason) == (LateOutcome.DROPPED, "late-write-dropped")
    assert (await entry(world, answer.entry)).entry.kind == "alarm", "no erasure says so"
    await world.service._keyring.fence(world.tenant, world.client, [KeyClass.PROGRESS_NOTE], ERASURE)
    answer = await settle(world, msgspec.structs.replace(write, record_id=str(uuid4())))
    assert answer.outcome is LateOutcome.DROPPED
    assert (await entry(world, answer.entry)).entry.kind == "disclosure"


async def test_a_lost_answer_is_given_again_with_an_entry_of_its_own(world: World) -> None:
    await world.usual()
    write = await late(world)
    first = await settle(world, write)
    before = len(await entries(world, "disclosure"))
    second = await settle(world, msgspec.structs.replace(write, request_id="r-again"))
    assert (second.outcome, second.entry, second.secret, second.key) == (first.outcome, first.entry, first.secret, first.key)
    newest = (await entries(world, "disclosure"))[0].entry
    assert len(await entries(world, "disclosure")) == before + 1
    assert (newest.action, newest.reason, newest.detail["entry"]) == ("compute", "late-write-repeated", first.entry)
    world.clock.ahead = timedelta(minutes=11)
    await show(world, NOTES, receipt_of(write, first.entry))
    assert await world.service.care.completeness.sweep(world.tenant) == 0, "the second entry needs no receipt"


async def test_once_written_down_asking_again_is_a_replay(world: World) -> None:
    await world.usual()
    write = await late(world)
    first = await settle(world, write)
    await show(world, NOTES, receipt_of(write, first.entry))
    assert not await entries(world, "alarm"), "the receipt fits its late entry"
    answer = await settle(world, write)
    assert (answer.outcome, answer.reason, answer.secret, answer.key) == (LateOutcome.REFUSED, "late-write-replayed", None, None)
    assert (await entry(world, answer.entry)).entry.kind == "alarm"


async def test_another_envelope_for_the_same_record(world: World) -> None:
    await world.usual()
    write = await late(world)
    await settle(world, write)
    same = {"record_id": write.record_id, "event_id": write.event_id, "written_at": write.written_at}
    answer = await settle(world, await late(world, **same))
    assert (answer.outcome, answer.reason) == (LateOutcome.REFUSED, "late-write-differs")


async def test_a_record_that_was_made_as_usual(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    answer = await settle(world, await late(world, record_id=ref.record_id))
    assert (answer.outcome, answer.reason) == (LateOutcome.REFUSED, "record-bound-already")
    assert answer.key is None


async def test_other_services_and_types_may_not(world: World) -> None:
    await world.usual()
    write = await late(world)
    assert (await settle(world, write, ALLIANCE)).reason == "service-not-of-class"
    session = await late(world, record_type=RecordType.SESSION)
    assert (await settle(world, session)).reason == "service-not-of-class"


@pytest.mark.parametrize("change", [{"written_at": "yesterday"}, {"event_id": "x"}, {"client_id": "x"}, {"key_id": ""}])
async def test_a_malformed_request(world: World, change: dict[str, str]) -> None:
    with pytest.raises(Problem) as problem:
        await settle(world, msgspec.structs.replace(await late(world), **change))
    assert problem.value.status == 422


async def test_no_fresh_policy_no_answer(world: World) -> None:
    await world.usual()
    write = await late(world)
    world.feed.down, world.clock.ahead = True, timedelta(minutes=1)
    with pytest.raises(GateUnavailable):
        await settle(world, write)
    world.feed.down, world.clock.ahead = False, timedelta()
    assert (await settle(world, write)).outcome is LateOutcome.RECONCILED


async def test_no_kms_no_answer(world: World) -> None:
    await world.usual()
    write = await late(world)
    kms = world.service._keyring._kms
    await kms.close()
    with pytest.raises(GateUnavailable) as away:
        await settle(world, write)
    assert away.value.why is Away.KEYS
    await kms.open()
    assert (await settle(world, write)).outcome is LateOutcome.RECONCILED


async def test_a_key_that_has_ended_opens_nothing_more(world: World) -> None:
    await world.usual()
    old = world.clock.now() - timedelta(days=13)
    world.clock.ahead = -timedelta(days=13)
    await world.service._keyring.gate_keys.make(old)
    world.clock.ahead = timedelta()
    await world.service.late.keys.care()
    fresh = await key_of(world)
    assert fresh.written_from > old, "a key is replaced after its week"
    write = await late(world)
    world.clock.ahead = OPENS_FOR + timedelta(minutes=1)
    await world.service.late.keys.care()
    answer = await settle(world, write)
    assert (answer.outcome, answer.reason) == (LateOutcome.DROPPED, "late-write-key-ended")
    assert (await entry(world, answer.entry)).entry.kind == "alarm", "a note is lost: somebody has to look"
