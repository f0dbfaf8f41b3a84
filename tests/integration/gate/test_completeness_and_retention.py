"""Receipts that never come are noticed; payloads go when their time is over, unless held, and every proof stays."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.audit_log.assurance.application.retention_clock import RetentionClock
from services.audit_log.erasure.domain.holds import HoldPlaced
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.leaf import commit
from services.audit_log.ledger.domain.signed_note import parse_vkey
from services.audit_log.ledger.domain.tlog_proof import verify_proof
from shared.contracts.disclosure import Action
from shared.contracts.receipts import Receipt
from tests.integration.gate.gate_support import NOTES, World
from tests.integration.gate.test_explanations import call
from tests.integration.gate.test_grants_releases_receipts import show
from tests.support.http import serving
from tests.support.ledger import signed


def receipt(record: str, client: str, entry: int) -> Receipt:
    return Receipt(
        service="session_notes",
        event_id=uuid4(),
        event_type="session-notes.progress-note-drafted",
        record_id=UUID(record),
        client_id=UUID(client),
        entry=entry,
        digest="0" * 64,
    )


async def alarms(world: World) -> list[tuple[str, object]]:
    found = await world.service._ledger.search(world.tenant, Filters(kinds=("alarm",)))
    return [(s.entry.reason, s.entry.detail.get("entries")) for s in found]


async def test_a_receipt_that_never_comes_is_noticed_once_and_settled_by_a_late_one(world: World) -> None:
    await world.usual()
    therapist, sweep = world.token("t-rivera", "therapist"), world.service.care.completeness
    kept, written = world.ref(), world.ref()
    without = (await world.ask(therapist, Action.CREATE, kept)).entries[0]
    with_one = (await world.ask(therapist, Action.CREATE, written)).entries[0]
    await world.ask(therapist, Action.READ, written)
    await world.ask(world.token("t-nobody", "therapist"), Action.CREATE, world.ref())
    await show(world, NOTES, receipt(written.record_id, world.client, with_one))
    assert await sweep.sweep(world.tenant) == 0, "they are within their grace"
    world.clock.ahead = timedelta(minutes=11)
    assert await sweep.sweep(world.tenant) == 1
    assert await alarms(world) == [("entry-without-receipt", [without])]
    assert await sweep.sweep(world.tenant) == 0 and len(await alarms(world)) == 1, "once"
    standing = await sweep.standing(world.tenant)
    assert [(m.entry, m.service) for m in standing.open] == [(without, "session_notes")] and standing.settled == 0
    await show(world, NOTES, receipt(kept.record_id, world.client, without))
    standing = await sweep.standing(world.tenant)
    assert (standing.open, standing.settled, standing.receipts, standing.faulty) == ((), 1, 2, 0)


def clock_of(world: World, years: int | None) -> RetentionClock:
    own = world.service.care.retention
    return RetentionClock(own._table, own._ledger, own._holds, lambda: [world.tenant], years=years, now=world.clock.now)


async def test_the_clock_deletes_what_is_over_keeps_what_is_held_and_every_proof(world: World) -> None:
    await world.usual()
    ledger, therapist, other = world.service._ledger, world.token("t-rivera", "therapist"), str(uuid4())
    await world.agreed(world.relation("t-rivera", client=other), world.consent(client=other))
    free = (await world.ask(therapist, Action.CREATE, world.ref())).entries[0]
    held = (await world.ask(therapist, Action.CREATE, world.ref(client=other))).entries[0]
    proof = await signed(ledger, world.tenant, max(free, held))
    old = await ledger.proof(world.tenant, free)
    holds = world.service._erasures.holds

    async def standing(tenant: str, client_id: UUID) -> dict[UUID, HoldPlaced]:
        assert tenant == world.tenant
        return {uuid4(): None} if str(client_id) == other else {}  # type: ignore[dict-item]

    assert proof.checkpoint.size > max(free, held)
    run = await clock_of(world, 7).tick(world.tenant)
    assert (run.erased, run.held) == (0, 0), "nothing is so old"
    world.clock.ahead = timedelta(days=7 * 366)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holds, "standing", standing)
        run = await clock_of(world, 7).tick(world.tenant)
    # the other client's relationship, consent and note are held
    assert run.held == 3 and run.erased > 0
    assert (await ledger.entry(world.tenant, free)).erased and not (await ledger.entry(world.tenant, held)).erased
    key = parse_vkey(ledger.vkey(world.tenant))
    assert old.payload is not None and old.salt is not None and commit(old.salt, old.payload) == old.leaf
    assert verify_proof(old.text, old.leaf, key).size > free, "the proof of before"
    now = await ledger.proof(world.tenant, free)
    assert now.payload is None and now.salt is None and verify_proof(now.text, now.leaf, key)
    report = await ledger.verify(world.tenant)
    assert report.ok and report.erased == run.erased, report.what
    again = await clock_of(world, 7).tick(world.tenant)
    assert again.erased > 0, "without the hold the rest goes, and nothing of an erasure"
    assert (await clock_of(world, None).tick(world.tenant)).erased == 0
    assert (await ledger.verify(world.tenant)).ok


async def test_the_clock_is_visible_and_no_shorter_than_six_years(world: World) -> None:
    with pytest.raises(ValueError, match="6 years at least"):
        clock_of(world, 5)
    async with serving(world.service.app) as site:
        status, body, _ = await call(site, world, "GET", "/v1/audit/retention")
        assert (status, body) == (200, {"years": None, "last_run": None, "next_run": None})
        await world.service.care.retention.tick(world.tenant)
        status, body, headers = await call(site, world, "GET", "/v1/audit/retention")
        assert body["last_run"]["erased"] == 0 and body["next_run"] > body["last_run"]["at"] and "Audit-Entry" in headers
        status, body, _ = await call(site, world, "GET", "/v1/audit/completeness")
        assert (status, body["open"], body["last_run"]) == (200, [], None)
        status, body, _ = await call(site, world, "GET", "/v1/audit/witnesses")
        assert (status, body["items"]) == (200, [])
        for path in ("retention", "completeness", "witnesses"):
            status, _, _ = await call(site, world, "GET", f"/v1/audit/{path}", role="therapist")
            assert status == 403
