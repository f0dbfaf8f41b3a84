"""Couples, families and groups: each client's part under that client's own key; one is erased and the others can be read."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from shared.contracts.receipts import RECEIPT
from shared.contracts.records import KeyClass
from shared.contracts.topics import RECEIPTS, SESSION_NOTES
from tests.e2e.rest import Answer
from tests.integration.session_notes.test_at_rest import as_administrator
from tests.integration.session_notes.world import SOAP, Clinic


@pytest.fixture
async def couple(clinic: Clinic) -> tuple[Clinic, Clinic]:
    """Two clients of one therapist, who come together."""
    return clinic, await replace(clinic, client_id="").opened()


async def together(one: Clinic, *others: Clinic, want: int = 201, **changes: Any) -> Answer:
    body = one.session_body(format="couple", members=[o.client_id for o in others]) | changes
    return await one.marsh.post("/v1/sessions", body, want=want)


async def test_each_has_a_record_of_their_own(couple: tuple[Clinic, Clinic]) -> None:
    one, other = couple
    made = await together(one, other)
    (member,) = made.json["members"]
    assert member["client_id"] == other.client_id and len(made.entries) == 2
    for clinic, session, partner in ((one, made.id, other), (other, member["id"], one)):
        read = (await clinic.marsh.get(f"/v1/sessions/{session}")).json
        assert (read["client_id"], read["format"], read["held"]) == (clinic.client_id, "couple", True)
        assert [m["client_id"] for m in read["members"]] == [partner.client_id]
        listed = (await clinic.marsh.get(f"/v1/sessions?client_id={clinic.client_id}")).json["items"]
        assert [s["id"] for s in listed] == [session]
    await one.relayed(SESSION_NOTES, 2)
    assert len({m.key for m in one.sent(SESSION_NOTES)}) == 2, "told of each client under their own key"


async def test_sealed_apart_and_receipted_apart(couple: tuple[Clinic, Clinic]) -> None:
    one, other = couple
    made = await together(one, other)
    sessions = [made.id, made.json["members"][0]["id"]]
    connection = await as_administrator(one)
    events = [await connection.fetchrow("SELECT * FROM events WHERE stream = $1", f"session/{s}") for s in sessions]
    await connection.close()
    data = [orjson.loads(e["data"]) for e in events if e is not None]
    assert len({d["details"]["kid"] for d in data}) == 2
    mine, theirs = data[0], orjson.dumps(data[1]).decode()
    assert one.client_id not in theirs and other.client_id not in orjson.dumps(mine).decode(), "who comes with whom is sealed"
    await one.relayed(RECEIPTS, 3)
    receipts = {r["record_id"]: r for r in map(receipt, one.sent(RECEIPTS)) if r}
    assert [receipts[s]["entry"] for s in sessions] == made.entries
    assert [receipts[s]["client_id"] for s in sessions] == [one.client_id, other.client_id]


def receipt(message: Any) -> dict[str, Any] | None:
    return orjson.loads(message.payload) if message.headers["ce_type"] == RECEIPT else None


async def test_one_is_erased_and_the_other_can_be_read(couple: tuple[Clinic, Clinic]) -> None:
    one, other = couple
    made = await together(one, other)
    theirs = made.json["members"][0]["id"]
    notes = {c.client_id: await c.progress(s) for c, s in ((one, made.id), (other, theirs))}
    await other.erase(KeyClass.PROGRESS_NOTE)
    gone = (await other.marsh.get(f"/v1/sessions/{theirs}")).json
    assert (gone["status"], gone["members"], gone["started_at"]) == ("erased", [], None)
    assert (await other.marsh.get(f"/v1/notes/{notes[other.client_id]}")).json["erased"]
    kept = (await one.marsh.get(f"/v1/sessions/{made.id}")).json
    assert kept["status"] == "recorded" and [m["client_id"] for m in kept["members"]] == [other.client_id]
    assert (await one.marsh.get(f"/v1/notes/{notes[one.client_id]}")).json["sections"] == SOAP
    await together(one, other, want=403)
    (left,) = (await one.marsh.get(f"/v1/sessions?client_id={one.client_id}")).json["items"]
    assert left["id"] == made.id, "after the fence nothing is written for both, nor for one of them"


async def test_all_or_none(couple: tuple[Clinic, Clinic]) -> None:
    """One member is not the caller's client: nothing is written, nothing bound, and no receipt is missed."""
    one, other = couple
    await other.relate("sam.okoye")
    body = other.session_body(format="couple", members=[one.client_id])
    await other.okoye.post("/v1/sessions", body, want=404)
    await together(one, want=404, members=[str(uuid4())])
    for clinic in couple:
        assert (await clinic.marsh.get(f"/v1/sessions?client_id={clinic.client_id}")).json["items"] == []
    officer = one.rest.as_("officer-1", "compliance_officer")
    entries = (await officer.get(f"/v1/audit/entries?client_id={other.client_id}&action=create")).json["items"]
    refused = [(e["outcome"], e["reason"]) for e in entries if e["agent"]["sub"] == "sam.okoye"]
    assert refused == [("deny", "together")]


async def test_what_cannot_be(couple: tuple[Clinic, Clinic]) -> None:
    one, other = couple
    third = str(uuid4())
    for changes in (
        {"format": "individual"},
        {"members": [other.client_id, third]},
        {"members": [one.client_id]},
        {"members": [other.client_id, other.client_id], "format": "group"},
        {"members": [str(UUID(int=n)) for n in range(1, 33)], "format": "group"},
        {"members": ["x"]},
    ):
        await together(one, other, want=422, **changes)


async def test_a_clients_own_record_lists_no_others(couple: tuple[Clinic, Clinic]) -> None:
    one, other = couple
    made = await together(one, other, format="group")
    read = (await one.client.get(f"/v1/sessions/{made.id}")).json
    assert "members" not in read and read["format"] == "group"
    assert other.client_id not in (await one.client.get(f"/v1/sessions?client_id={one.client_id}")).text
    await one.client.get(f"/v1/sessions/{made.json['members'][0]['id']}", want=404)


async def test_a_repeat_is_the_same(couple: tuple[Clinic, Clinic]) -> None:
    one, other = couple
    body = one.session_body(format="couple", members=[other.client_id])
    first, again = [await one.marsh.post("/v1/sessions", body, Idempotency_Key="joint") for _ in range(2)]
    assert first.json == again.json
