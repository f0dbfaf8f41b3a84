"""Why was this allowed on that day, what would be decided, and what a tenant chose: over HTTP, against the real ledger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from services.audit_log.decision.domain.tenant_rules import Wish
from services.audit_log.ledger.application.ledger_view import Filters
from shared.contracts.consent_policy import ConsentStatus, Policy, Provision, StrictReading
from shared.contracts.disclosure import Action, DisclosureAnswer
from shared.contracts.records import ALLIANCE_RATING
from tests.integration.gate.gate_support import ALLIANCE, World
from tests.support.clients import signed


async def call(
    site: str, world: World, method: str, path: str, body: Any = None, role: str = "compliance_officer", sub: str = "co-weiss"
) -> Any:
    headers = {"Authorization": f"Bearer {world.token(sub, role)}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, site + path, json=body, headers=headers) as response,
    ):
        return response.status, await response.json(content_type=None), response.headers


async def choose(site: str, world: World, chosen: dict[str, Any]) -> Any:
    """Two officers want the same."""
    assert (await call(site, world, "PUT", "/v1/audit/settings", chosen))[0] == 202
    return await call(site, world, "PUT", "/v1/audit/settings", chosen, sub="co-okeke")


async def explained(site: str, world: World, answer: DisclosureAnswer) -> Any:
    status, body, headers = await call(site, world, "GET", f"/v1/audit/entries/{answer.entries[0]}/explanation")
    assert status == 200 and "Audit-Entry" in headers
    return body


async def test_a_read_is_explained_line_by_line(world: World, site: str) -> None:
    denying = world.consent(policy=Policy(base="permit", provisions=(Provision(type="deny", purposes=("TRAIN",)),)))
    await world.agreed(world.relation("t-rivera"), world.relation("t-okafor"), denying)
    ref, _ = await world.note()
    body = await explained(site, world, await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref))
    assert (body["explained"], body["agrees"], body["law"], body["settings"]) == (True, True, "us-federal", 0)
    (record,) = body["records"]
    assert (record["decision"], record["reason"], record["recorded"]) == ("permit", "consent", "permit")
    text = "\n".join(record["why"])
    assert f"consent:{denying.consent_id} (treatment, dialect r4, combining deny-overrides, base permit) says permit" in text
    assert "provision /provisions/0, read as deny says nothing: not met: purpose" in text
    assert "its base permits those who have a current relationship to the client; this decided among the consents" in text
    assert [line["what"] for line in record["trace"] if line["decided"]] == ["consents, and under them the organisation's policy"]


async def test_why_it_was_decided_then_stays_the_same_after_a_backdated_relationship(world: World, site: str) -> None:
    await world.agreed(world.relation("t-rivera"), world.consent())
    ref, _ = await world.note()
    refused = await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref)
    before = await explained(site, world, refused)
    await world.agreed(world.relation("t-okafor", start=world.clock.now() - timedelta(days=30)))
    after = await explained(site, world, refused)
    (was,), (now,) = before["records"], after["records"]
    assert (was["decision"], was["reason"], was["with_hindsight"]) == ("deny", "no-relationship", "deny")
    assert (now["decision"], now["reason"], now["with_hindsight"]) == ("deny", "no-relationship", "permit")
    assert was["why"] == now["why"] and after["agrees"]


async def test_a_permit_stays_explained_by_the_consent_it_relied_on_after_revocation(world: World, site: str) -> None:
    given = world.consent()
    await world.agreed(world.relation("t-rivera"), world.relation("t-okafor"), given)
    ref, _ = await world.note()
    read = await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref)
    await world.agreed(given.model_copy(update={"status": ConsentStatus.REVOKED}))
    denied = await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref)
    then, later = await explained(site, world, read), await explained(site, world, denied)
    assert f"consent:{given.consent_id}" in then["records"][0]["basis"] and then["agrees"]
    assert (then["records"][0]["decision"], then["records"][0]["with_hindsight"]) == ("permit", "deny")
    assert (later["records"][0]["decision"], later["agrees"]) == ("deny", True)
    assert "it is revoked; it was not counted" in "\n".join(later["records"][0]["why"])


async def test_what_else_a_decision_rested_on_is_written_down(world: World, site: str) -> None:
    """Grants that ran out, release choices that changed, whom a client's token stood for: decided again as then."""
    await world.usual()
    ref, _ = await world.note()
    glass = {"client_id": world.client, "purpose": "BTG", "reason": "Found unresponsive at home.", "scope": [], "minutes": 5}
    headers = {"Authorization": f"Bearer {world.token('t-night', 'therapist')}"}
    async with aiohttp.ClientSession() as session, session.post(site + "/v1/break-glass", json=glass, headers=headers) as made:
        assert made.status == 201
    opened = await world.ask(world.token("t-night", "therapist"), Action.READ, ref, purpose="BTG")
    rating = world.ref("administration", author=world.client, labels=(ALLIANCE_RATING,))
    await world.ask(world.token("t-rivera", "therapist"), Action.CREATE, rating, service=ALLIANCE)
    mine = world.ref("administration", record=rating.record_id)
    seen = await world.ask(world.token("t-rivera", "therapist"), Action.READ, mine, service=ALLIANCE)
    draft = await world.ask(world.client_token(), Action.READ, ref)
    await signed(world.service._store, world.tenant, world.client, ref.record_id)
    own = await world.ask(world.client_token(), Action.READ, ref)
    other = await world.ask(world.token("u-2", "client", client_id=str(uuid4())), Action.READ, ref)
    searched = await world.ask(world.token("t-rivera", "therapist"), Action.SEARCH, subjects=[world.client])
    world.clock.ahead += timedelta(hours=1)
    for answer, decision in (
        (opened, "permit"),
        (seen, "permit"),
        (draft, "deny"),
        (own, "permit"),
        (other, "deny"),
        (searched, "permit"),
    ):
        body = await explained(site, world, answer)
        assert body["agrees"] and [r["decision"] for r in body["records"]] == [decision]


async def test_what_is_no_decision_says_so(world: World, site: str) -> None:
    await world.usual()
    bad = await world.ask("no-token", Action.READ, world.ref())
    body = await explained(site, world, bad)
    assert not body["explained"] and "invalid-token" in body["why"][0]
    status, _, headers = await call(site, world, "GET", "/v1/audit/entries/999999/explanation")
    assert status == 404 and "Audit-Entry" not in headers
    assert (await call(site, world, "GET", "/v1/audit/entries/x/explanation"))[0] == 422
    assert (await call(site, world, "GET", "/v1/audit/entries/0/explanation", role="therapist"))[0] == 403


async def test_what_if_decides_and_discloses_nothing(world: World, site: str) -> None:
    await world.usual()
    ref, _ = await world.note()
    before = len(await world.service._ledger.search(world.tenant, Filters(kinds=("disclosure",))))
    asked = {"agent": {"sub": "t-new", "role": "therapist"}, "action": "read", "record_id": ref.record_id}
    status, body, headers = await call(site, world, "POST", "/v1/audit/what-if", asked)
    assert (status, body["decision"], body["reason"]) == (200, "deny", "no-relationship") and "Audit-Entry" in headers
    asked["agent"] = {"sub": "t-okafor", "role": "therapist"}
    assert (await call(site, world, "POST", "/v1/audit/what-if", asked))[1]["decision"] == "permit"
    assert (await call(site, world, "POST", "/v1/audit/what-if", asked | {"policy_sequence": 0}))[1]["decision"] == "deny"
    supposed = asked | {"record": {"client_id": world.client, "record_type": "progress_note", "labels": ["SUD"]}}
    del supposed["record_id"]
    assert (await call(site, world, "POST", "/v1/audit/what-if", supposed))[1]["decision"] == "permit"
    assert len(await world.service._ledger.search(world.tenant, Filters(kinds=("disclosure",)))) == before
    assert len(await world.service._ledger.search(world.tenant, Filters(kinds=("query",), actions=("what-if",)))) == 4


@pytest.mark.parametrize(
    "fault",
    [
        {"record_id": str(uuid4())},
        {"record_id": None},
        {"policy_sequence": 99},
        {"policy_sequence": -1},
        {"at": "2026-01-01T10:00:00"},
        {"action": "peek"},
        {"agent": {"sub": "x", "role": "king"}},
        {"more": 1},
    ],
)
async def test_what_cannot_be_supposed(world: World, site: str, fault: dict[str, Any]) -> None:
    await world.usual()
    ref, _ = await world.note()
    asked = {"agent": {"sub": "t-new", "role": "therapist"}, "action": "read", "record_id": ref.record_id} | fault
    assert (await call(site, world, "POST", "/v1/audit/what-if", asked))[0] == 422


async def test_the_organisation_adds_under_the_consents_and_each_choice_is_kept(world: World, site: str) -> None:
    await world.agreed(world.relation("t-rivera"), world.relation("t-okafor"))
    ref, _ = await world.note()
    token = world.token("t-okafor", "therapist")
    silent = await world.ask(token, Action.READ, ref)
    chosen = {"law": "eu", "provisions": [{"type": "permit", "roles": ["therapist"], "purposes": ["TREAT"]}]}
    status, body, headers = await choose(site, world, chosen)
    assert (status, body["version"], body["law"]) == (200, 1, "eu") and "Audit-Entry" in headers
    opened = await world.ask(token, Action.READ, ref)
    assert not silent.keys and opened.keys
    (record,) = (await explained(site, world, opened))["records"]
    assert record["reason"] == "organisation" and {"organisation:1", "rule:law.gdpr-9-2-h"} <= set(record["basis"])
    await world.agreed(world.consent(policy=Policy(base="deny", provisions=(Provision(type="deny"),))))
    assert not (await world.ask(token, Action.READ, ref)).keys
    assert (await choose(site, world, {"law": "us-federal"}))[1]["version"] == 2
    then = await explained(site, world, opened)
    assert (then["law"], then["settings"], then["agrees"]) == ("eu", 1, True)
    now = (await call(site, world, "GET", "/v1/audit/settings"))[1]
    assert now == {"version": 2, "law": "us-federal", "provisions": [], "awaiting": None}


async def test_officers_see_what_is_read_more_strictly_than_it_is_written(world: World, site: str) -> None:
    strict = (
        StrictReading(pointer="Consent.provision.data", because="cannot be compared here, so it denies whatever this names"),
    )
    read, plain = world.consent().model_copy(update={"read_strictly": strict}), world.consent()
    over = world.consent(status=ConsentStatus.REVOKED).model_copy(update={"read_strictly": strict})
    await world.agreed(read, plain, over)
    status, body, headers = await call(site, world, "GET", "/v1/audit/strict-readings")
    assert status == 200 and "Audit-Entry" in headers
    (item,) = body["items"]
    assert (item["consent_id"], item["client_id"], item["kind"]) == (str(read.consent_id), str(read.client_id), "treatment")
    assert item["because"] == [strict[0].model_dump()] and body["more"] is False
    assert (await call(site, world, "GET", "/v1/audit/strict-readings", role="therapist", sub="t-rivera"))[0] == 403


async def test_one_officer_alone_changes_nothing(world: World, site: str) -> None:
    """A pack and the organisation's own permissions open records of everybody: like an erasure, they take two people."""
    chosen = {"law": "eu", "provisions": [{"type": "permit", "roles": ["therapist"], "purposes": ["TREAT"]}]}
    for _ in range(2):
        status, body, _ = await call(site, world, "PUT", "/v1/audit/settings", chosen)
        assert (status, body["version"], body["awaiting"]["law"], body["awaiting"]["by"]) == (202, 0, "eu", "co-weiss")
    status, body, _ = await call(site, world, "PUT", "/v1/audit/settings", {"law": "eu"}, sub="co-okeke")
    assert (status, body["version"], body["awaiting"]["by"]) == (202, 0, "co-okeke"), "something else was wanted"
    assert (await call(site, world, "GET", "/v1/audit/settings"))[1]["awaiting"]["provisions"] == []
    status, body, _ = await call(site, world, "PUT", "/v1/audit/settings", {"law": "eu"})
    assert (status, body["version"], body["awaiting"]) == (200, 1, None)
    found = await world.service._ledger.search(world.tenant, Filters(actions=("update",), kinds=("policy",)))
    assert [e.entry.reason for e in found] == ["settings-chosen", *["settings-wished"] * 3]
    assert found[0].entry.detail["first"] == "co-okeke"


def test_a_wish_is_shared_by_somebody_else_who_wants_the_same_within_a_week() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    wish = Wish("eu", (), "co-weiss", at)
    assert wish.is_shared_by(replace(wish, by="co-okeke", at=at + timedelta(days=6)))
    assert not wish.is_shared_by(replace(wish, at=at + timedelta(days=1)))
    assert not wish.is_shared_by(replace(wish, by="co-okeke", law="us-federal"))
    assert not wish.is_shared_by(replace(wish, by="co-okeke", at=at + timedelta(days=7)))


@pytest.mark.parametrize(
    "fault",
    [
        {"law": "mars"},
        {"provisions": [{"type": "permit", "purposes": ["TREET"]}]},
        {"provisions": [{"type": "deny", "roles": ["king"]}]},
        {"provisions": [{"type": "deny", "provisions": [{"type": "permit", "actions": ["peek"]}]}]},
    ],
)
async def test_what_cannot_be_chosen(world: World, site: str, fault: dict[str, Any]) -> None:
    status, problem, _ = await call(site, world, "PUT", "/v1/audit/settings", {"law": "eu"} | fault)
    assert status == 422 and problem["errors"]


async def test_the_packs_are_shown_with_citation_and_reviewer(world: World, site: str) -> None:
    status, body, _ = await call(site, world, "GET", "/v1/audit/law")
    rules = {r["id"]: r for r in body["rules"]}
    assert status == 200 and {p["id"] for p in body["packs"]} == {"us-federal", "eu"}
    for pack in body["packs"]:
        assert all(rules[r]["citation"] and rules[r]["reviewer"] == "" for r in pack["rules"])
    assert rules["rule:law.164.528"] == {
        "id": "rule:law.164.528",
        "citation": "45 CFR 164.528(a)(1), 164.528(b)",
        "text": "disclosures of six years are accounted for: when, to whom, what, why",
        "sources": [{"title": "Code of Federal Regulations, title 45 (HIPAA)", "sections": ["164.528(a)(1)", "164.528(b)"]}],
        "reading": "unread",
        "read_on": "",
        "text_of": "",
        "reviewer": "",
        "review": "not reviewed by a lawyer",
    }
    assert rules["rule:consent.deny-by-default"]["reading"] == "not-law"
