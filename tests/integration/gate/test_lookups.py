"""A look-up at the gate: by role, an entry about nobody, then index keys and no record key."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from services.audit_log.gate.application.disclosure import DisclosureGate
from services.audit_log.gate.application.steps_in_force import DurableLedger
from shared.contracts.disclosure import Action, Caller, Decision, DisclosureAnswer, DisclosureRequest, IndexField, Refusal
from shared.contracts.records import RecordType, ServiceName
from shared.gate.port import GateUnavailable
from shared.http.problems import Problem
from tests.integration.gate.gate_support import ALLIANCE, NOTES, World
from tests.integration.gate.test_each_step import BrokenLedger, Watched
from tests.integration.gate.test_explanations import explained


async def ask(
    world: World, token: str | None, action: Action, *records: Any, service: ServiceName = NOTES, **more: Any
) -> DisclosureAnswer:
    caller = Caller(token=token) if token else Caller(job="client_index")
    fields = more.pop("fields", (IndexField.NAME,))
    request = DisclosureRequest(
        tenant=world.tenant, action=action, caller=caller, request_id="r", records=records, index_fields=fields, **more
    )
    return await world.service.direct_gate(service).disclose(request)


@pytest.mark.parametrize("role", ["intake", "therapist", "supervisor", "trainee", "compliance_officer", "ehr_system"])
async def test_keys_of_the_index_and_nothing_else(world: World, site: str, role: str) -> None:
    answer = await ask(world, world.token("someone", role), Action.LOOKUP)
    assert (answer.decision, answer.keys, answer.records) == (Decision.PERMIT, (), ())
    assert [(k.field, k.current) for k in answer.index_keys] == [(IndexField.NAME, True)]
    entry = (await world.service._ledger.entry(world.tenant, answer.entries[0])).entry
    assert (entry.action, entry.outcome, entry.client_id, entry.detail) == ("lookup", "permit", None, {"index": ["name"]})
    body = await explained(site, world, answer)
    assert (body["explained"], body["agrees"]) == (True, True)


@pytest.mark.parametrize(("role", "claims"), [("administrator", {}), ("client", {"client_id": "c"}), ("representative", {})])
async def test_refused_by_role(world: World, site: str, role: str, claims: dict[str, str]) -> None:
    answer = await ask(world, world.token("someone", role, **claims), Action.LOOKUP)
    assert (answer.decision, answer.index_keys, len(answer.entries)) == (Decision.DENY, (), 1)
    assert (await explained(site, world, answer))["agrees"]


async def test_refused_whole_leaves_an_entry_too(world: World) -> None:
    answer = await ask(world, "no-token", Action.LOOKUP)
    assert (answer.refusal, answer.index_keys, len(answer.entries)) == (Refusal.IDENTITY, (), 1)
    foreign = await ask(world, world.token("i-1", "intake"), Action.LOOKUP, service=ALLIANCE)
    assert (foreign.refusal, foreign.index_keys) == (Refusal.SERVICE, ())
    glass = await ask(world, world.token("t-1", "therapist"), Action.LOOKUP, purpose="BTG")
    assert (glass.decision, glass.index_keys) == (Decision.DENY, ())


async def test_who_writes_the_index_has_the_key_in_use(world: World) -> None:
    new = str(uuid4())
    client = world.ref("client", record=new, client=new, author="i-1")
    theirs = world.ref("client", record=(other := str(uuid4())), client=other, author="t-1")
    made = await ask(world, world.token("i-1", "intake"), Action.CREATE, client, fields=tuple(IndexField))
    assert [k.field for k in made.index_keys] == list(IndexField)
    await world.service._keyring.new_index_version(world.tenant)
    again = await ask(world, None, Action.COMPUTE, world.ref("client", record=new, client=new))
    assert len(again.index_keys) == 1
    assert again.index_keys[0].kid != made.index_keys[0].kid
    looked = await ask(world, world.token("i-1", "intake"), Action.LOOKUP)
    assert [k.kid for k in looked.index_keys] == [again.index_keys[0].kid, made.index_keys[0].kid]
    refused = await ask(world, world.token("t-1", "administrator"), Action.CREATE, theirs)
    assert (refused.decision, refused.index_keys) == (Decision.DENY, ())


async def test_no_entry_means_no_index_key(world: World) -> None:
    scope = Watched(world.service.steps.scope)
    steps = replace(world.service.steps, ledger=DurableLedger(BrokenLedger()), scope=scope)
    request = DisclosureRequest(
        tenant=world.tenant,
        action=Action.LOOKUP,
        caller=Caller(token=world.token("i-1", "intake")),
        request_id="r",
        index_fields=(IndexField.NAME,),
    )
    with pytest.raises(GateUnavailable):
        await DisclosureGate(steps, now=world.clock.now).disclose(NOTES, request)
    assert scope.asked == 0


@pytest.mark.parametrize(
    ("action", "types", "fields"),
    [
        (Action.LOOKUP, (), ()),
        (Action.LOOKUP, ("client",), (IndexField.NAME,)),
        (Action.READ, ("client",), (IndexField.NAME,)),
        (Action.CREATE, ("progress_note",), (IndexField.NAME,)),
        (Action.SEARCH, (), (IndexField.NAME,)),
    ],
)
async def test_a_request_that_makes_no_sense(world: World, action: Action, types: tuple[str, ...], fields: Any) -> None:
    records = [world.ref(t, record=world.client if t == RecordType.CLIENT else None) for t in types]
    with pytest.raises(Problem) as refused:
        await ask(world, world.token("i-1", "intake"), action, *records, fields=fields)
    assert refused.value.status == 422
