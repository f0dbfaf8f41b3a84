"""Erasures and holds over HTTP, on a real store, ledger and keyring."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from services.audit_log.erasure.domain.erasure import OutOfOrder
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.application.ports import Erased, KeyFenced, KeyWanted
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.signed_note import parse_vkey
from services.audit_log.ledger.domain.tlog_proof import verify_proof
from shared.contracts.audit import KeyShredded
from shared.contracts.records import KeyClass
from shared.contracts.topics import AUDIT
from shared.eventstore.outbox import Outbox
from tests.integration.erasures.world import (
    MEASURES,
    NOTES,
    PRIVATE,
    REASON,
    World,
    acknowledge,
    acknowledgement,
    entries,
    glass_broken,
)
from tests.support.ledger import signed


async def test_from_request_to_completion(here: World) -> None:
    client = uuid4()
    key = await here.keyring.new_record_key(here.tenant, str(client), NOTES, "r1")
    kept = await here.keyring.new_record_key(here.tenant, str(client), PRIVATE, "r2")
    asked = await here.ask(client)
    assert (asked.status, asked.body["status"]) == (202, "awaiting_approval")
    assert asked.headers["Audit-Entry"] == "0"
    erasure = asked.body["id"]
    wanted = [KeyWanted(str(client), NOTES, "r1", key.kid)]
    assert await here.keyring.record_keys(here.tenant, wanted) == [key]  # nothing happens before the second person

    approved = await here.approve(erasure)
    assert (approved.status, approved.body) == (202, {"id": erasure, "status": "running"})
    assert await here.keyring.record_keys(here.tenant, wanted) == [Erased("r1", key.kid)]
    with pytest.raises(KeyFenced):
        await here.keyring.new_record_key(here.tenant, str(client), MEASURES, "r3")
    others = [KeyWanted(str(client), PRIVATE, "r2", kept.kid)]
    assert await here.keyring.record_keys(here.tenant, others) == [kept]

    await acknowledge(here.erasures, here.store, here.tenant, erasure, client)
    assert await here.show(erasure) == {
        "id": erasure,
        "client_id": str(client),
        "key_classes": ["progress_note", "measures"],
        "basis": "GDPR 17(1)(b)",
        "status": "completed",
        "finality": "logical",
        "requested_by": "officer-ada",
        "approved_by": "officer-ben",
        "acknowledged_by": ["alliance_measurement", "consent", "session_notes"],
        "refused_because": None,
        "kept_by": None,
    }
    assert await entries(here, 8) == [
        ("requested", "done", "officer-ada"),
        ("approved", "done", "officer-ben"),
        ("fenced", "done", "service:audit_log"),
        ("keys-destroyed", "done", "service:audit_log"),
        ("acknowledged", "done", "service:alliance_measurement"),
        ("acknowledged", "done", "service:consent"),
        ("acknowledged", "done", "service:session_notes"),
        ("completed", "done", "service:session_notes"),
    ]


async def test_the_services_are_told_once(here: World) -> None:
    client = uuid4()
    asked = await here.ask(client, "progress_note")
    await here.approve(asked.body["id"])
    outbox = Outbox(here.audit.relay)
    await outbox.lead()
    rows = [r for r in await outbox.pending(100) if r.aggregatetype == AUDIT]
    await outbox.close()
    assert [(r.tenant_id, r.aggregateid, r.type) for r in rows] == [
        (here.tenant, f"{here.tenant}/{client}", "audit.key-shredded")
    ]
    told = KeyShredded.model_validate_json(rows[0].payload)
    assert (told.client_id, told.key_classes, str(told.erasure_id)) == (client, ("progress_note",), asked.body["id"])


async def test_nobody_approves_their_own_request(here: World) -> None:
    asked = await here.ask(uuid4())
    said = await here.approve(asked.body["id"], sub="officer-ada")
    assert said.status == 403 and "Another compliance officer" in said.body["detail"]
    assert (await here.show(asked.body["id"]))["status"] == "awaiting_approval"
    assert ("approved", "deny", "officer-ada") in await here.actions()
    left = (await here.ledger.entry(here.tenant, int(said.headers["Audit-Entry"]))).entry
    assert (left.action, left.outcome, left.reason) == ("approved", "deny", "own-request")


async def test_an_approval_counts_once(here: World) -> None:
    asked = await here.ask(uuid4())
    first, second = await asyncio.gather(
        here.approve(asked.body["id"], sub="officer-ben"), here.approve(asked.body["id"], sub="officer-eve")
    )
    assert sorted([first.status, second.status]) == [202, 409]
    assert (await here.approve(asked.body["id"])).status == 409


@pytest.mark.parametrize("role", ["therapist", "supervisor", "administrator", "intake", "ehr_system", "trainee"])
async def test_other_roles_may_not(here: World, role: str) -> None:
    asked = await here.ask(uuid4())
    hold = {"client_id": str(uuid4()), "basis": "court order"}
    for action, said in {
        "request-erasure": await here.ask(uuid4(), role=role),
        "approve-erasure": await here.approve(asked.body["id"], role=role),
        "view-erasure": await here.call("GET", f"/v1/erasures/{asked.body['id']}", role=role),
        "place-hold": await here.call("POST", "/v1/erasures/holds", hold, role=role),
        "view-holds": await here.call("GET", f"/v1/erasures/holds?client_id={uuid4()}", role=role),
        "release-hold": await here.call("POST", f"/v1/erasures/holds/{uuid4()}/releases", hold, role=role),
    }.items():
        assert said.status == 403
        left = (await here.ledger.entry(here.tenant, int(said.headers["Audit-Entry"]))).entry
        assert (left.kind, left.action, left.outcome, left.agent_role) == (EntryKind.QUERY, action, "deny", role)


async def test_an_officers_look_is_an_entry(here: World) -> None:
    client = uuid4()
    asked = await here.ask(client)
    looks = {
        "view-erasure": (await here.call("GET", f"/v1/erasures/{asked.body['id']}"), 1),
        "view-holds": (await here.call("GET", f"/v1/erasures/holds?client_id={client}"), 0),
    }
    for action, (said, rows) in looks.items():
        left = (await here.ledger.entry(here.tenant, int(said.headers["Audit-Entry"]))).entry
        assert (left.kind, left.action, left.outcome, left.agent) == (EntryKind.QUERY, action, "permit", "officer-ada")
        assert (left.client_id, left.detail["rows"], left.purpose) == (str(client), rows, "HCOMPL")
    unknown = await here.call("GET", f"/v1/erasures/{uuid4()}")
    assert unknown.status == 404 and "Audit-Entry" not in unknown.headers
    (newest, *_) = await here.ledger.search(here.tenant, Filters())
    assert (newest.entry.action, newest.entry.detail["rows"]) == ("view-erasure", 0)


async def test_without_a_token(here: World) -> None:
    said = await here.call("POST", "/v1/erasures", {}, Authorization="Bearer nothing")
    assert said.status == 401


async def test_another_tenants_erasure_is_not_there(here: World) -> None:
    asked = await here.ask(uuid4())
    for verb, path in (("GET", ""), ("POST", "/approvals")):
        said = await here.call(verb, f"/v1/erasures/{asked.body['id']}{path}", sub="officer-ben", tenant="other-clinic")
        assert said.status == 404
    assert (await here.approve(str(uuid4()))).status == 404
    assert (await here.approve("no-uuid")).status == 422


BAD: list[Any] = [
    {"client_id": str(uuid4()), "key_classes": [], "basis": "GDPR 17"},
    {"client_id": str(uuid4()), "key_classes": ["notes"], "basis": "GDPR 17"},
    {"client_id": str(uuid4()), "key_classes": "progress_note", "basis": "GDPR 17"},
    {"client_id": str(uuid4()), "key_classes": ["progress_note"]},
    {"client_id": str(uuid4()), "key_classes": ["progress_note"], "basis": ""},
    {"client_id": str(uuid4()), "key_classes": ["progress_note"], "basis": "two\nlines"},
    {"client_id": str(uuid4()), "key_classes": ["progress_note"], "basis": "GDPR 17", "force": True},
    {"client_id": "c", "key_classes": ["progress_note"], "basis": "GDPR 17"},
    {"key_classes": ["progress_note"], "basis": "GDPR 17"},
    [],
    b"{",
]


@pytest.mark.parametrize("body", BAD)
async def test_bad_input(here: World, body: Any) -> None:
    said = await here.call("POST", "/v1/erasures", body)
    assert said.status == 422 and said.body["errors"]
    assert await here.actions() == []


async def test_a_purpose_of_another_role_is_refused(here: World) -> None:
    assert (await here.ask(uuid4(), X_Purpose_Of_Use="TREAT")).status == 403
    assert (await here.ask(uuid4(), X_Purpose_Of_Use="HLEGAL")).status == 202


async def test_a_repeated_call_is_answered_alike(here: World) -> None:
    client = uuid4()
    first = await here.ask(client, Idempotency_Key="k1")
    again = await here.ask(client, Idempotency_Key="k1")
    assert again.body == first.body and again.status == 202
    assert (await here.ask(uuid4(), Idempotency_Key="k1")).status == 422
    one = await here.approve(first.body["id"], Idempotency_Key="k2")
    two = await here.approve(first.body["id"], Idempotency_Key="k2")
    assert one.body == two.body and two.status == 202
    # the keys of the client are gone by now, and still the repeat is known
    assert (await here.ask(client, Idempotency_Key="k1")).body == first.body
    assert [a for a, *_ in await here.actions()] == ["requested", "approved", "fenced", "keys-destroyed"]


async def test_reasons_for_breaking_the_glass_go_with_the_clients_identity(here: World) -> None:
    client = uuid4()
    grant, anothers = await glass_broken(here, client)
    before = await signed(here.ledger, here.tenant, grant)
    asked = await here.ask(client, "identity", "progress_note")
    assert (await here.approve(asked.body["id"])).status == 202
    erased = await here.ledger.entry(here.tenant, grant)
    assert erased.erased and erased.entry.detail == {} and erased.entry.client_id == str(client)
    assert (await here.ledger.entry(here.tenant, anothers)).entry.detail == {"reason": REASON}
    assert ("reasons-erased", "done", "service:audit_log") in await here.actions()
    proved = await signed(here.ledger, here.tenant, grant)
    assert (proved.leaf, proved.payload, proved.salt) == (before.leaf, None, None)
    verifier = parse_vkey(here.ledger.vkey(here.tenant))
    for proof in (before, proved):
        verify_proof(proof.text, before.leaf, verifier)
    assert (await here.ledger.verify(here.tenant)).ok


async def test_without_identity_the_reasons_stay(here: World) -> None:
    client = uuid4()
    grant, _ = await glass_broken(here, client)
    asked = await here.ask(client, "progress_note", "measures")
    await here.approve(asked.body["id"])
    assert (await here.ledger.entry(here.tenant, grant)).entry.detail == {"reason": REASON}


async def test_a_legal_hold_refuses_and_its_end_allows(here: World) -> None:
    client = uuid4()
    placed = await here.call("POST", "/v1/erasures/holds", {"client_id": str(client), "basis": "court order 17-204"})
    assert placed.status == 201 and placed.headers["Audit-Entry"] == "0"
    listed = await here.call("GET", f"/v1/erasures/holds?client_id={client}")
    assert [h["id"] for h in listed.body["items"]] == [placed.body["id"]]
    asked = await here.ask(client)
    assert asked.body["status"] == "refused"
    assert (await here.show(asked.body["id"]))["refused_because"] == "legal_hold"
    assert (await here.approve(asked.body["id"])).status == 409
    assert ("refused", "deny", "officer-ada") in await here.actions()
    released = await here.call("POST", f"/v1/erasures/holds/{placed.body['id']}/releases", {"client_id": str(client)})
    assert (released.status, released.body["status"]) == (200, "released")
    again = await here.call("POST", f"/v1/erasures/holds/{placed.body['id']}/releases", {"client_id": str(client)})
    assert again.status == 404
    assert (await here.ask(client)).body["status"] == "awaiting_approval"


async def test_a_hold_placed_after_the_request_stops_the_approval(here: World) -> None:
    client = uuid4()
    key = await here.keyring.new_record_key(here.tenant, str(client), NOTES, "r1")
    asked = await here.ask(client)
    await here.call("POST", "/v1/erasures/holds", {"client_id": str(client), "basis": "complaint"}, Idempotency_Key="h")
    await here.call("POST", "/v1/erasures/holds", {"client_id": str(client), "basis": "complaint"}, Idempotency_Key="h")
    assert len((await here.call("GET", f"/v1/erasures/holds?client_id={client}")).body["items"]) == 1
    assert (await here.approve(asked.body["id"])).body["status"] == "refused"
    assert await here.keyring.record_keys(here.tenant, [KeyWanted(str(client), NOTES, "r1", key.kid)]) == [key]
    elsewhere = await here.call("GET", f"/v1/erasures/holds?client_id={client}", tenant="other-clinic")
    assert elsewhere.body["items"] == []


async def test_only_a_service_itself_acknowledges(here: World) -> None:
    client = uuid4()
    asked = await here.ask(client)
    with pytest.raises(OutOfOrder):
        await here.erasures.acknowledged(acknowledgement(here.tenant, asked.body["id"], client, "consent"))
    await here.approve(asked.body["id"])
    with pytest.raises(ValueError, match="itself"):
        await here.erasures.acknowledged(
            acknowledgement(here.tenant, asked.body["id"], client, "consent", source="session_notes")
        )
    with pytest.raises(ValueError, match="another client"):
        await here.erasures.acknowledged(acknowledgement(here.tenant, asked.body["id"], uuid4(), "consent"))
    assert (await here.show(asked.body["id"]))["acknowledged_by"] == []


async def test_final_once_the_epochs_are_destroyed(here: World) -> None:
    client, other = uuid4(), uuid4()
    await here.keyring.new_record_key(here.tenant, str(client), NOTES, "r1")
    kept = await here.keyring.new_record_key(here.tenant, str(other), NOTES, "r2")
    asked = await here.ask(client)
    await here.approve(asked.body["id"])
    await acknowledge(here.erasures, here.store, here.tenant, asked.body["id"], client)
    old = (await here.kms.epochs())[-1]
    await here.kms.rotate()
    await here.keyring.rewrap(here.tenant)
    assert (await here.show(asked.body["id"]))["finality"] == "logical"
    await here.kms.destroy_epoch(old)
    assert (await here.show(asked.body["id"]))["finality"] == "final"
    assert (await here.show(asked.body["id"]))["finality"] == "final"
    assert [a for a, *_ in await entries(here, 9)].count("made-final") == 1
    assert await here.keyring.record_keys(here.tenant, [KeyWanted(str(other), NOTES, "r2", kept.kid)]) == [kept]


async def test_no_name_or_token_stands_in_the_events(here: World) -> None:
    asked = await here.ask(uuid4())
    stored = await here.store.read_stream(here.tenant, f"erasure/{asked.body['id']}")
    assert [e.type for e in stored] == ["erasure.requested"]
    assert set(KeyClass) >= {NOTES, MEASURES}
    assert b"Bearer" not in stored[0].data + stored[0].meta
