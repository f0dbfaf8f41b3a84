"""The gate makes no record for a client who is not there, and none that speaks of another client's record. It takes the day of
care from the session."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.consent_policy import Policy, Provision
from shared.contracts.disclosure import UNKNOWN_CLIENT, UNKNOWN_REFERENCE, Action, DisclosureAnswer, RecordRef, Reference
from shared.contracts.records import RecordType
from tests.integration.gate.gate_support import ALLIANCE, CONSENT, NOTES, World
from tests.support.clients import registered

MADE = tuple(t for t in RecordType if t is not RecordType.CLIENT)


async def made(world: World, ref: RecordRef, **more: Any) -> DisclosureAnswer:
    return await world.ask(world.token("t-rivera", "therapist"), Action.CREATE, ref, **more)


def outcome(answer: DisclosureAnswer) -> tuple[str, str, bool]:
    (record,) = answer.records
    return str(record.decision), record.reason, record.may_know


async def test_a_client_who_is_not_there(world: World) -> None:
    """Intake may draw up a consent for any client: so for one who is not there it looks as it does to who may not know them."""
    world.registers, nobody = False, str(uuid4())
    intake, stranger = world.token("intake-1", "intake"), world.token("t-stranger", "therapist")
    answer = await world.ask(intake, Action.CREATE, world.ref("consent", client=nobody, author="intake-1"), service=CONSENT)
    assert (outcome(answer), answer.keys) == (("deny", UNKNOWN_CLIENT, False), ())
    hidden = await world.ask(stranger, Action.CREATE, world.ref("consent", client=nobody, author="t-stranger"), service=CONSENT)
    assert outcome(hidden)[2] is False
    await registered(world.service._store, world.tenant, [nobody])
    answer = await world.ask(intake, Action.CREATE, world.ref("consent", client=nobody, author="intake-1"), service=CONSENT)
    assert outcome(answer)[0] == "permit"


async def test_a_consent_is_no_client(world: World) -> None:
    """The id of some other record is not a client's."""
    await world.usual()
    note, _ = await world.note()
    world.registers = False
    intake = world.token("intake-1", "intake")
    ref = world.ref("consent", client=note.record_id, author="intake-1")
    assert outcome(await world.ask(intake, Action.CREATE, ref, service=CONSENT)) == ("deny", UNKNOWN_CLIENT, False)


@pytest.mark.parametrize("wrong", ["none", "another client's", "no session"])
async def test_a_record_that_it_speaks_of(world: World, wrong: str) -> None:
    other = str(uuid4())
    await world.usual()
    await world.agreed(world.relation("t-rivera", client=other), world.consent(client=other))
    theirs, own, note = world.ref("session", client=other), world.ref("session"), world.ref()
    for ref in (theirs, own, note):
        assert outcome(await made(world, ref))[0] == "permit"
    record = {"none": str(uuid4()), "another client's": theirs.record_id, "no session": note.record_id}[wrong]
    refers_to = (Reference(record_id=record, record_type=RecordType.SESSION),)
    answer = await made(world, world.ref("outcome", refers_to=refers_to), service=ALLIANCE)
    assert outcome(answer) == ("deny", UNKNOWN_REFERENCE, True)
    refers_to = (Reference(record_id=own.record_id, record_type=RecordType.SESSION),)
    assert outcome(await made(world, world.ref("outcome", refers_to=refers_to), service=ALLIANCE))[0] == "permit"


async def test_nobody_learns_of_a_psychotherapy_note_by_speaking_of_it(world: World) -> None:
    await world.usual()
    note, _ = await world.note(kind="psychotherapy_note")
    for client_sees, record in (("hers", note.record_id), ("none", str(uuid4()))):
        ref = world.ref("amendment", refers_to=(Reference(record_id=record, record_type=RecordType.PSYCHOTHERAPY_NOTE),))
        answer = await world.ask(world.client_token(), Action.CREATE, ref, service=CONSENT)
        assert outcome(answer) == ("deny", UNKNOWN_REFERENCE, True), client_sees


async def test_a_late_note_is_of_the_day_of_its_session(world: World) -> None:
    await world.usual()
    session = world.ref("session", cared_on="2024-06-03")
    note = world.ref(refers_to=(Reference(record_id=session.record_id, record_type=RecordType.SESSION),))
    for ref in (session, note):
        assert outcome(await made(world, ref))[0] == "permit"
    bound = await world.service.steps.registry.known(world.tenant, [session.record_id, note.record_id])  # type: ignore[attr-defined]
    assert {b.cared_on for b in bound.values()} == {date(2024, 6, 3)}
    then = {"start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z"}
    denied = Provision.model_validate({"type": "deny", "actors": ["t-okafor"], "data_period": then})
    await world.agreed(world.consent(policy=Policy(base="permit", provisions=(denied,))))
    asked = world.ref(record=note.record_id)
    for sub, expected in (("t-rivera", "permit"), ("t-okafor", "deny")):
        assert outcome(await world.ask(world.token(sub, "therapist"), Action.READ, asked, service=NOTES))[0] == expected
