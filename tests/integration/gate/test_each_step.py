"""Each step of the gate earns its place: taken out, something leaks; in place, it does not.

A twin test each: the leak with the step out, and the same attempt with the step in.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.question import Verdict, permit
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.gate.application.disclosure import Steps
from services.audit_log.gate.application.identity import person
from services.audit_log.gate.application.steps import Asked, Decided, PurposeOfUse
from services.audit_log.gate.application.steps_in_force import DurableLedger
from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.ledger.application.ports import Erased, KeyWanted, LedgerUnavailable
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT, Entry
from shared.contracts.consent_policy import POLICY_CHANGED, ConsentStatus, Policy, Provision
from shared.contracts.disclosure import Action, Decision, DisclosureAnswer, DisclosureRequest, IndexKey, RecordKey, Refusal
from shared.contracts.records import ServiceName
from shared.contracts.topics import CONSENT_POLICY
from shared.eventstore.model import Statement
from shared.gate.port import GateUnavailable
from shared.identity.principal import Principal
from shared.identity.roles import Role
from shared.messaging.port import Outbound
from shared.messaging.signature import EventSigner
from shared.sealing import cobblestone
from shared.sealing.errors import CannotOpen
from shared.service import clock
from tests.integration.gate.gate_support import KEYS, World, running
from tests.support.postgres import Postgres


class AnyIdentity:
    """Believes what a token says without verifying it: here, that it is one of the author's."""

    def agent(self, service: ServiceName, request: DisclosureRequest, now: datetime) -> Agent:
        return person(Principal(request.caller.token or "", request.tenant, Role.THERAPIST))


class BelievingRegistry:
    """Takes each claim for the truth."""

    def __init__(self, real: Any, kid: str) -> None:
        self._real, self._kid = real, kid

    async def bind(
        self, service: ServiceName, request: DisclosureRequest, agent: Agent, now: datetime
    ) -> tuple[BoundRecord, ...]:
        return tuple(
            BoundRecord(
                r.record_id, r.client_id, r.record_type, r.author or agent.id, frozenset(r.labels), service, self._kid, now
            )
            for r in request.records
        )

    def statements(self, tenant: str, created: Sequence[BoundRecord]) -> tuple[Statement, ...]:
        return ()

    def learn(self, tenant: str, created: Sequence[BoundRecord]) -> None: ...


class AnyPurpose:
    def of(self, agent: Agent, claimed: str | None) -> PurposeOfUse:
        return PurposeOfUse(claimed or "TREAT", claimed is None)


class PermitAll:
    async def decide(self, asked: Asked) -> Decided:
        def yes(_: object) -> Verdict:
            return permit("everybody", "rule:none")

        return Decided(tuple(map(yes, asked.records)), tuple(map(yes, asked.request.subjects)), True)


class AlwaysFresh:
    """Decides by whatever it happens to know."""

    def __init__(self, projection: Any) -> None:
        self._projection = projection

    async def prove(self, tenant: str) -> int:
        return int((await self._projection.policy(tenant)).watermark)


class LostLedger:
    """Says that it wrote."""

    async def write(self, tenant: str, entries: Sequence[Entry], statements: Sequence[Statement] = ()) -> tuple[int, ...]:
        return tuple(0 for _ in entries)


class ClientWideKeys:
    """One key for all of a client's records of a class."""

    def __init__(self, keyring: Any) -> None:
        self._keyring = keyring

    async def new(self, tenant: str, record: BoundRecord) -> RecordKey:
        key: RecordKey = await self._keyring.new_record_key(tenant, record.client_id, record.key_class, record.client_id)
        return key

    async def keys(self, tenant: str, records: Sequence[BoundRecord], verdicts: Sequence[Verdict]) -> list[RecordKey | Erased]:
        wanted = [KeyWanted(r.client_id, r.key_class, r.client_id, r.kid) for r in records]
        keys: list[RecordKey | Erased] = await self._keyring.record_keys(tenant, wanted)
        return keys

    async def index(self, asked: Asked) -> tuple[IndexKey, ...]:
        return ()


async def test_without_identity_a_token_that_nobody_signed_opens(world: World) -> None:
    await world.usual()
    ref, key = await world.note()
    steps = replace(world.service.steps, identity=AnyIdentity())
    assert (await world.ask("t-rivera", Action.READ, ref, steps=steps)).keys == (key,)


async def test_with_identity_it_does_not(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    answer = await world.ask("t-rivera", Action.READ, ref, steps=world.service.steps)
    assert (answer.keys, answer.refusal) == ((), Refusal.IDENTITY)


async def test_without_the_registry_a_false_claim_opens_anothers_note(world: World) -> None:
    await world.usual()
    ref, key = await world.note()
    claimed = world.ref(record=ref.record_id, author="t-thief")
    steps = replace(world.service.steps, registry=BelievingRegistry(world.service.steps.registry, key.kid))
    assert (await world.ask(world.token("t-thief", "therapist"), Action.READ, claimed, steps=steps)).keys == (key,)


async def test_with_the_registry_it_is_refused(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    claimed = world.ref(record=ref.record_id, author="t-thief")
    answer = await world.ask(world.token("t-thief", "therapist"), Action.READ, claimed, steps=world.service.steps)
    assert (answer.keys, answer.refusal) == ((), Refusal.REGISTRY)


async def _denied_for_treatment(world: World) -> Any:
    """A client who opens their notes for research alone, and a trainee who wants to read one."""
    for_research = Policy(base="deny", provisions=(Provision(type="permit", purposes=("HRESCH",)),))
    await world.agreed(world.relation("t-rivera"), world.relation("tr-novak", "trainee"), world.consent(policy=for_research))
    ref, key = await world.note()
    return ref, key


async def test_without_purpose_a_trainee_claims_research(world: World) -> None:
    ref, key = await _denied_for_treatment(world)
    steps = replace(world.service.steps, purpose=AnyPurpose())
    assert (await world.ask(world.token("tr-novak", "trainee"), Action.READ, ref, steps=steps, purpose="HRESCH")).keys == (key,)


async def test_with_purpose_their_role_may_not_claim_it(world: World) -> None:
    ref, _ = await _denied_for_treatment(world)
    answer = await world.ask(world.token("tr-novak", "trainee"), Action.READ, ref, steps=world.service.steps, purpose="HRESCH")
    assert (answer.keys, answer.refusal) == ((), Refusal.PURPOSE)


async def test_without_policy_a_stranger_reads(world: World) -> None:
    await world.usual()
    ref, key = await world.note()
    steps = replace(world.service.steps, policy=PermitAll())
    assert (await world.ask(world.token("t-nobody", "therapist"), Action.READ, ref, steps=steps)).keys == (key,)


async def test_with_policy_a_stranger_does_not(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    answer = await world.ask(world.token("t-nobody", "therapist"), Action.READ, ref, steps=world.service.steps)
    assert (answer.keys, answer.decision) == ((), Decision.DENY)


async def _revoked_behind_a_broken_line(world: World) -> Any:
    """The client revokes, while neither topic nor feed reaches the gate, and six seconds pass."""
    consent = world.consent()
    await world.agreed(world.relation("t-rivera"), world.relation("t-okafor"), consent)
    ref, key = await world.note()
    world.feed.add(world.tenant, consent.model_copy(update={"status": ConsentStatus.REVOKED}))
    world.feed.down = True
    world.clock.ahead += timedelta(seconds=6)
    return ref, key


async def test_without_freshness_a_revoked_consent_still_opens(world: World) -> None:
    ref, key = await _revoked_behind_a_broken_line(world)
    steps = replace(world.service.steps, freshness=AlwaysFresh(world.service.steps.freshness))
    assert (await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref, steps=steps)).keys == (key,)


async def test_with_freshness_the_gate_denies_until_it_knows_more(world: World) -> None:
    ref, _ = await _revoked_behind_a_broken_line(world)
    token = world.token("t-okafor", "therapist")
    answer = await world.ask(token, Action.READ, ref, steps=world.service.steps)
    assert (answer.keys, answer.refusal) == ((), Refusal.STALE)
    world.feed.down = False
    world.clock.ahead += world.clock.ahead
    answer = await world.ask(token, Action.READ, ref, steps=world.service.steps)
    assert (answer.keys, answer.refusal) == ((), Refusal.POLICY)


async def test_without_the_ledger_a_key_leaves_no_trace(world: World) -> None:
    await world.usual()
    ref, key = await world.note()
    before = await world.service._ledger._next_index(world.tenant)
    steps = replace(world.service.steps, ledger=LostLedger())
    assert (await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref, steps=steps)).keys == (key,)
    assert await world.service._ledger._next_index(world.tenant) == before


class BrokenLedger:
    """A ledger whose database is away."""

    async def append(self, tenant: str, entries: Sequence[Entry], *, statements: Sequence[Statement] = ()) -> list[int]:
        raise LedgerUnavailable("away")


class Watched:
    """The key scope, noting what it was asked for."""

    def __init__(self, real: Any) -> None:
        self._real, self.asked = real, 0

    async def new(self, tenant: str, record: BoundRecord) -> RecordKey:
        key: RecordKey = await self._real.new(tenant, record)
        return key

    async def keys(self, tenant: str, records: Sequence[BoundRecord], verdicts: Sequence[Verdict]) -> list[RecordKey | Erased]:
        self.asked += 1
        keys: list[RecordKey | Erased] = await self._real.keys(tenant, records, verdicts)
        return keys

    async def index(self, asked: Asked) -> tuple[IndexKey, ...]:
        self.asked += bool(asked.request.index_fields)
        keys: tuple[IndexKey, ...] = await self._real.index(asked)
        return keys


async def test_with_the_ledger_no_entry_means_no_key(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    scope = Watched(world.service.steps.scope)
    steps = replace(world.service.steps, ledger=DurableLedger(BrokenLedger()), scope=scope)
    token = world.token("t-okafor", "therapist")
    with pytest.raises(GateUnavailable):
        await world.ask(token, Action.READ, ref, steps=steps)
    assert scope.asked == 0
    new = world.ref()
    with pytest.raises(GateUnavailable):
        await world.ask(token, Action.CREATE, new, steps=steps)
    assert (await world.ask(token, Action.READ, new)).refusal is Refusal.REGISTRY


async def test_with_the_ledger_the_entry_stands_before_the_key_leaves(world: World) -> None:
    await world.usual()
    ref, _ = await world.note()
    seen: list[int] = []

    class Looking(Watched):
        async def keys(
            self, tenant: str, records: Sequence[BoundRecord], verdicts: Sequence[Verdict]
        ) -> list[RecordKey | Erased]:
            seen.append(await world.service._ledger._next_index(tenant))
            return await super().keys(tenant, records, verdicts)

    steps = replace(world.service.steps, scope=Looking(world.service.steps.scope))
    answer = await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref, steps=steps)
    assert seen == [answer.entries[0] + 1]


async def _sealed_pair(world: World, steps: Any) -> tuple[Any, Any, bytes]:
    """Two notes; the second one's content, sealed under the key that its create gave."""
    token = world.token("t-rivera", "therapist")
    first, second = world.ref(), world.ref()
    await world.ask(token, Action.CREATE, first, steps=steps)
    (key,) = (await world.ask(token, Action.CREATE, second, steps=steps)).keys
    return first, second, cobblestone.encrypt(key.key, b"what was said", b"context", random=clock.random)


async def test_without_scope_the_key_of_one_record_opens_its_sibling(world: World) -> None:
    await world.usual()
    steps = replace(world.service.steps, scope=ClientWideKeys(world.service._keyring))
    first, _, sealed = await _sealed_pair(world, steps)
    (key,) = (await world.ask(world.token("t-okafor", "therapist"), Action.READ, first, steps=steps)).keys
    assert cobblestone.decrypt(key.key, sealed, b"context") == b"what was said"


async def test_with_scope_it_opens_its_own_record_alone(world: World) -> None:
    await world.usual()
    steps = world.service.steps
    first, second, sealed = await _sealed_pair(world, steps)
    token = world.token("t-okafor", "therapist")
    (key,) = (await world.ask(token, Action.READ, first, steps=steps)).keys
    with pytest.raises(CannotOpen):
        cobblestone.decrypt(key.key, sealed, b"context")
    (own,) = (await world.ask(token, Action.READ, second, steps=steps)).keys
    assert cobblestone.decrypt(own.key, sealed, b"context") == b"what was said"


async def test_with_scope_a_denied_record_gets_no_key_beside_a_permitted_one(world: World) -> None:
    await world.usual()
    open_note, _ = await world.note()
    closed_note, _ = await world.note(kind="psychotherapy_note")
    answer = await world.ask(world.token("t-okafor", "therapist"), Action.SEARCH, open_note, closed_note)
    assert [k.record_id for k in answer.keys] == [open_note.record_id]
    assert [r.decision for r in answer.records] == [Decision.PERMIT, Decision.DENY]


class AnySignature:
    """Believes whoever a message says it is from."""

    def verify(self, topic: str, key: str, headers: Mapping[str, str], payload: bytes) -> ServiceName:
        return ServiceName(headers["ce_source"])


@pytest.fixture(scope="module")
async def believing(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A gate of its own: signatures are checked at its door, not in `Steps`."""
    async with running(postgres, tmp_path_factory.mktemp("believing"), verifier=AnySignature()) as world:
        yield world


async def _slipped_in(world: World, signer: ServiceName | None) -> DisclosureAnswer:
    """Somebody who can write to the policy topic makes a stranger the client's therapist; then the stranger asks."""
    await world.usual()
    ref, _ = await world.note()
    key, payload = f"{world.tenant}/{world.client}", world.relation("t-nobody").model_dump_json().encode()
    headers = {
        "ce_id": str(uuid4()),
        "ce_type": POLICY_CHANGED,
        "ce_subject": "policy",
        "ce_sequence": str(len(world.feed.items[world.tenant]) + 1),
        "ce_tenant": world.tenant,
        "ce_schemaversion": "1",
    }
    if signer is None:
        signed = {**headers, "ce_source": str(ServiceName.CONSENT), "sig": b64encode(bytes(64)).decode()}
    else:
        signed = EventSigner(KEYS[signer]).sign(CONSENT_POLICY, key, headers, payload)
    await world.bus.publish([Outbound(CONSENT_POLICY, key, signed, payload)])
    return await world.ask(world.token("t-nobody", "therapist"), Action.READ, ref)


async def _alarms(world: World) -> list[StoredEntry]:
    return await world.service._ledger.search(SYSTEM_TENANT, Filters(kinds=("alarm",)))


FORGERIES = {"signed by nobody": None, "signed by who does not own the topic": ServiceName.SESSION_NOTES}


@pytest.mark.parametrize("signer", FORGERIES.values(), ids=FORGERIES)
async def test_without_event_signature_a_forged_message_lets_a_stranger_read(
    believing: World, signer: ServiceName | None
) -> None:
    world = World(believing.service, believing.feed, believing.clock, believing.issuer, believing.bus)
    answer = await _slipped_in(world, signer)
    assert (answer.decision, len(answer.keys)) == (Decision.PERMIT, 1)
    assert await _alarms(world) == []


@pytest.mark.parametrize("signer", FORGERIES.values(), ids=FORGERIES)
async def test_with_event_signature_it_does_not_and_an_alarm_is_raised(world: World, signer: ServiceName | None) -> None:
    before = len(await _alarms(world))
    answer = await _slipped_in(world, signer)
    assert (answer.keys, answer.decision) == ((), Decision.DENY)
    async with asyncio.timeout(5):
        while len(found := await _alarms(world)) == before:
            await asyncio.sleep(0.02)
    newest = found[0].entry
    assert (newest.reason, newest.outcome, newest.detail["topic"]) == ("forged-message", "deny", CONSENT_POLICY)
    assert ("does not own" if signer else "is not signed by") in newest.detail["fault"]


def test_every_step_is_tried_here() -> None:
    taken_out = {name.removeprefix("test_without_").removeprefix("the_").split("_")[0] for name in globals()}
    assert {*Steps.__dataclass_fields__, "event"} <= taken_out
