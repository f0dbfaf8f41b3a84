"""After the glass was broken: who is told, what is still to be written down, and what a reviewer finds."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp

from services.audit_log.ledger.application.ledger_view import Filters
from shared.contracts.disclosure import Action
from tests.integration.gate.gate_support import World

REASON = "Found unresponsive; the ward asks for medication and safety plan."
NOTE = "The ward's call is documented, the scope was right."


async def call(site: str, token: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, site + path, json=body, headers=headers) as response,
    ):
        return response.status, await response.json(content_type=None)


async def granted(site: str, world: World, purpose: str = "BTG", **other: Any) -> dict[str, Any]:
    body = {"client_id": world.client, "purpose": purpose, "reason": REASON, "scope": [], "minutes": 30} | other
    status, made = await call(site, world.token("t-night", "therapist"), "POST", "/v1/break-glass", body)
    assert status == 201
    return dict(made)


def lind(world: World) -> str:
    return world.token("s-lind", "supervisor")


async def test_supervisors_are_told_at_once(world: World, site: str) -> None:
    made = await granted(site, world)
    (alarm,) = await world.service._ledger.search(world.tenant, Filters(kinds=("alarm",)))
    assert (alarm.entry.reason, alarm.entry.client_id) == ("break-glass-granted", world.client)
    assert "reason" not in alarm.entry.detail
    for token in (lind(world), world.token("co-weiss", "compliance_officer")):
        status, page = await call(site, token, "GET", "/v1/audit/reviews")
        (item,) = page["items"]
        assert (status, item["id"], item["holder"], item["overdue"], item["decision"]) == (
            200,
            made["id"],
            "t-night",
            False,
            None,
        )
    for role in ("therapist", "trainee", "intake", "administrator", "client"):
        claims = {"client_id": world.client} if role == "client" else {}
        assert (await call(site, world.token("x", role, **claims), "GET", "/v1/audit/reviews"))[0] == 403


async def test_missing_documentation_is_queued_and_never_in_the_way(world: World, site: str) -> None:
    await world.usual()
    ref, key = await world.note()
    made = await granted(site, world)
    night = world.token("t-night", "therapist")
    assert (await world.ask(night, Action.READ, ref, purpose="BTG")).keys == (key,)
    status, page = await call(site, lind(world), "GET", "/v1/audit/reviews?status=documentation")
    assert status == 200 and page["items"][0]["missing"] == ["recipient", "nature_of_emergency"]
    path = f"/v1/audit/reviews/{made['id']}/documentation"
    assert (await call(site, world.token("t-other", "therapist"), "POST", path, {"recipient": "Ward 4"}))[0] == 404
    assert (await call(site, night, "POST", path, {}))[0] == 422
    status, half = await call(site, night, "POST", path, {"recipient": "Dr. Imani Cole, Ward 4"})
    assert (status, half["missing"]) == (200, ["nature_of_emergency"])
    assert (await call(site, night, "POST", path, {"recipient": "somebody else"}))[0] == 409
    assert (await call(site, night, "POST", path, {"nature_of_emergency": "Overdose suspected, unresponsive."}))[0] == 200
    assert (await call(site, lind(world), "GET", "/v1/audit/reviews?status=documentation"))[1]["items"] == []
    written = [
        s.entry.detail
        for s in await world.service._ledger.search(world.tenant, Filters(kinds=("grant",)))
        if s.entry.reason == "documented"
    ]
    assert {k for d in written for k in d} == {"holder", "recipient", "nature_of_emergency"}


async def test_a_recipient_named_beforehand_is_not_asked_again(world: World, site: str) -> None:
    await granted(site, world, recipient="Dr. Imani Cole, Ward 4")
    await granted(site, world, "THREAT", scope=[str(uuid4())], recipient="the person who was named")
    page = (await call(site, lind(world), "GET", "/v1/audit/reviews"))[1]
    assert {i["purpose"]: i["missing"] for i in page["items"]} == {"BTG": ["nature_of_emergency"], "THREAT": []}


async def test_a_reviewer_learns_of_no_record_by_what_a_grant_names(world: World, site: str) -> None:
    """It may be a psychotherapy note. Officers read the ledger, and who asked for it knows it."""
    await world.usual()
    ref, _ = await world.note(kind="psychotherapy_note")
    made = await granted(site, world, "THREAT", scope=[ref.record_id], recipient="the person who was named")
    path = f"/v1/audit/reviews/{made['id']}"
    assert made["scope"] == [ref.record_id]
    for token in (lind(world), world.token("t-okafor", "therapist")):
        status, approved = await call(site, token, "POST", f"/v1/break-glass/{made['id']}/approvals")
        if status == 200:
            assert approved["scope"] == ["record"]
        assert ref.record_id not in str(approved)
    for asked in (path, "/v1/audit/reviews?status=all"):
        told = (await call(site, lind(world), "GET", asked))[1]
        assert "record" in str(told) and ref.record_id not in str(told)
        assert ref.record_id in str((await call(site, world.token("co-weiss", "compliance_officer"), "GET", asked))[1])


async def test_a_reviewer_sees_the_reason_and_each_use(world: World, site: str) -> None:
    await world.usual()
    ref, _ = await world.note()
    made = await granted(site, world)
    await world.ask(world.token("t-night", "therapist"), Action.READ, ref, purpose="BTG")
    status, review = await call(site, lind(world), "GET", f"/v1/audit/reviews/{made['id']}")
    told = [(s["kind"], s["reason"]) for s in review["story"]]
    assert status == 200 and told == [("grant", "active"), ("alarm", "break-glass-granted"), ("disclosure", "break-glass")]
    assert review["story"][0]["detail"]["reason"] == REASON and review["story"][2]["records"] == [ref.record_id]
    assert (await call(site, lind(world), "GET", f"/v1/audit/reviews/{uuid4()}"))[0] == 404


async def test_a_finding_by_somebody_else_counts_once_and_ends_what_was_not_justified(world: World, site: str) -> None:
    await world.usual()
    ref, key = await world.note()
    made = await granted(site, world)
    night = world.token("t-night", "therapist")
    path, found = f"/v1/audit/reviews/{made['id']}/decisions", {"decision": "not_justified", "note": NOTE}
    assert (await call(site, night, "POST", path, found))[0] == 403
    assert (await call(site, world.token("t-night", "supervisor"), "POST", path, found))[0] == 403
    assert (await call(site, lind(world), "POST", path, {"decision": "fine", "note": NOTE}))[0] == 422
    assert (await world.ask(night, Action.READ, ref, purpose="BTG")).keys == (key,)
    status, review = await call(site, lind(world), "POST", path, found)
    assert (status, review["decision"], review["decided_by"]) == (200, "not_justified", "s-lind")
    assert (await call(site, lind(world), "POST", path, found))[0] == 409
    assert not (await world.ask(night, Action.READ, ref, purpose="BTG")).keys
    assert (await call(site, lind(world), "GET", "/v1/audit/reviews"))[1]["items"] == []
    assert len((await call(site, lind(world), "GET", "/v1/audit/reviews?status=decided"))[1]["items"]) == 1


async def test_a_justified_grant_goes_on_and_is_overdue_no_more(world: World, site: str) -> None:
    made = await granted(site, world)
    world.clock.ahead += timedelta(hours=73)
    page = (await call(site, lind(world), "GET", "/v1/audit/reviews"))[1]
    assert page["items"][0]["overdue"]
    body = {"decision": "justified", "note": NOTE}
    assert not (await call(site, lind(world), "POST", f"/v1/audit/reviews/{made['id']}/decisions", body))[1]["overdue"]


async def test_the_queue_has_pages_soonest_due_first(world: World, site: str) -> None:
    await granted(site, world)
    await granted(site, world, "THREAT", scope=[str(uuid4())], recipient="the person who was named")
    await granted(site, world, "ETREAT")
    first = (await call(site, lind(world), "GET", "/v1/audit/reviews?limit=2"))[1]
    rest = (await call(site, lind(world), "GET", f"/v1/audit/reviews?limit=2&cursor={first['next']}"))[1]
    assert [i["purpose"] for i in first["items"] + rest["items"]] == ["THREAT", "BTG", "ETREAT"] and rest["next"] is None
    for bad in ("status=some", "limit=0", "cursor=x", "more=1"):
        assert (await call(site, lind(world), "GET", f"/v1/audit/reviews?{bad}"))[0] == 422
