"""An export at the gate: asked of the client first, then of the records; each question is an entry that names the key."""

from typing import Any
from uuid import uuid4

import pytest

from services.audit_log.ledger.application.ledger_view import Filters
from shared.contracts.disclosure import Action, Decision, DisclosureAnswer, Reach
from shared.contracts.records import RecordType
from shared.http.problems import Problem
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_explanations import explained
from tests.support.clients import signed

KEY = "WiMuxxqjT748ec9Quk7cVMzp4-uXLSweNczqj2Hge_w"


async def export(world: World, token: str, *refs: Any, **more: Any) -> DisclosureAnswer:
    return await world.ask(token, Action.EXPORT, *refs, sealed_for=KEY, **more)


async def test_the_client_exports_and_each_release_is_an_entry(world: World, site: str) -> None:
    await world.usual()
    note, key = await world.note()
    private, _ = await world.note(kind="psychotherapy_note")
    asked = await export(world, world.client_token(), subjects=[world.client])
    assert (asked.decision, len(asked.entries), asked.keys) == (Decision.PERMIT, 1, ())
    kept_back = {e.record_type: e for e in asked.exclusions if e.reach is Reach.ALL}
    assert kept_back[RecordType.PSYCHOTHERAPY_NOTE].citation == "45 CFR 164.524(a)(1)"
    assert not (await export(world, world.client_token(), note)).keys, "a draft is its author's"
    await signed(world.service._store, world.tenant, world.client, note.record_id)
    opened = await export(world, world.client_token(), note, private)
    assert [k.key for k in opened.keys] == [key.key], "the one that the law excludes gives no key"
    assert opened.exclusions == ()
    entries = [await world.service._ledger.entry(world.tenant, i) for i in (*asked.entries, *opened.entries)]
    assert [(e.entry.action, e.entry.outcome, e.entry.purpose) for e in entries] == [("export", "permit", "PATRQT")] * 2
    assert all(e.entry.detail["sealed_for"] == KEY for e in entries)
    for answer in (asked, opened):
        assert (await explained(site, world, answer))["agrees"]


async def test_refused_without_authority(world: World, site: str) -> None:
    await world.usual()
    note, _ = await world.note()
    for sub, role, knows in (("t-rivera", "therapist", True), ("i-1", "intake", True), ("t-nobody", "therapist", False)):
        answer = await export(world, world.token(sub, role), subjects=[world.client])
        assert (answer.decision, answer.may_know, answer.keys, answer.exclusions) == (Decision.DENY, knows, (), ())
        assert (await explained(site, world, answer))["agrees"]
    other = await export(world, world.token("u-2", "client", client_id=str(uuid4())), note, subjects=[world.client])
    assert (other.decision, other.may_know, other.keys) == (Decision.DENY, False, ())
    found = await world.service._ledger.search(world.tenant, Filters(actions=("export",)))
    assert [e.entry.outcome for e in found] == ["deny"] * 4


@pytest.mark.parametrize(
    ("action", "sealed_for", "clients"),
    [(Action.EXPORT, None, 1), (Action.EXPORT, "short", 1), (Action.READ, KEY, 1), (Action.EXPORT, KEY, 2)],
)
async def test_an_export_names_one_client_and_the_key(world: World, action: Action, sealed_for: str | None, clients: int) -> None:
    refs = [world.ref(client=str(uuid4())) for _ in range(clients)]
    with pytest.raises(Problem) as refused:
        await world.ask(world.client_token(), action, *refs, sealed_for=sealed_for)
    assert refused.value.status == 422
