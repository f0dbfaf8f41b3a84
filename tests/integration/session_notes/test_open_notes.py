"""45 CFR 171 over HTTP: a client's own progress notes are open to them once signed; a hold keeps one of them back for a time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from services.audit_log.ledger.application.ledger_view import Filters
from tests.e2e.rest import Person
from tests.integration.session_notes.world import Clinic
from tests.support.waiting import until

WHY = "Reading of the plan just now could bring her into danger at home."


def hold(exception: str = "preventing_harm", **changes: Any) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(days=14)
    return {"exception": exception, "reason": WHY, "until": ends.isoformat(), **changes}


async def read_by_the_client(clinic: Clinic, note: str) -> None:
    async def open_to_them() -> bool:
        return (await clinic.client.call("GET", f"/v1/notes/{note}")).status == 200

    await until(open_to_them)


async def listed(who: Person, clinic: Clinic) -> dict[str, Any]:
    return dict((await who.get(f"/v1/notes?client_id={clinic.client_id}")).json)


async def test_45_cfr_171_a_note_opens_to_its_client_when_it_is_signed(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await clinic.client.get(f"/v1/notes/{note}", want=404)
    assert await listed(clinic.client, clinic) == {"items": [], "next": None}, "a draft is its author's, and is not told of"
    assert [n["id"] for n in (await listed(clinic.marsh, clinic))["items"]] == [note]
    await clinic.put(clinic.marsh, note, {"sections": {"plan": "Weekly, in the mornings."}}, 1)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    await read_by_the_client(clinic, note)
    assert [n["id"] for n in (await listed(clinic.client, clinic))["items"]] == [note]
    await clinic.client.get(f"/v1/notes/{note}?at=1", want=422)
    assert (await clinic.marsh.get(f"/v1/notes/{note}?at=1")).json["status"] == "draft"


async def test_45_cfr_171_201_a_held_note_is_told_of_and_not_shown_until_the_hold_ends(clinic: Clinic) -> None:
    kept, other = [await clinic.progress(await clinic.session()) for _ in range(2)]
    await clinic.signed(kept, other)
    body = hold()
    made = await clinic.marsh.post(f"/v1/notes/{kept}/holds", body)
    assert (made.json["status"], made.json["exception"]) == ("held", "preventing_harm") and made.entries
    refused = await clinic.client.get(f"/v1/notes/{kept}", want=403)
    assert "held back until" in refused.json["detail"]
    seen = await listed(clinic.client, clinic)
    assert [n["id"] for n in seen["items"]] == [other]
    assert [set(h) for h in seen["held"]] == [{"until"}] and kept not in str(seen)
    own = await clinic.client.get(f"/v1/notes/{kept}/holds")
    assert [set(h) for h in own.json["items"]] == [{"until"}]
    report = await clinic.client.get(f"/v1/audit/clients/{clinic.client_id}/access-report?limit=200")
    for told in (refused.text, str(seen), own.text, report.text):
        assert WHY not in told and "harm" not in told and made.id not in told, "never why"
    assert (await clinic.marsh.get(f"/v1/notes/{kept}")).status == 200, "who treats the client reads on"
    assert "held" not in await listed(clinic.marsh, clinic)
    await clinic.marsh.call("DELETE", f"/v1/notes/{kept}/holds/{made.id}", want=200)
    await clinic.client.get(f"/v1/notes/{kept}")
    await clinic.marsh.call("DELETE", f"/v1/notes/{kept}/holds/{made.id}", want=409)
    (stored,) = await clinic.world.gate._ledger.search(clinic.tenant, Filters(actions=("hold-note",)))
    assert stored.entry.detail["reason"] == WHY, "the reason is payload of the ledger"


async def test_45_cfr_171_202_a_hold_that_is_over_holds_nothing(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await clinic.signed(note)
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    await clinic.marsh.post(f"/v1/notes/{note}/holds", hold("privacy", until=soon))
    await clinic.client.get(f"/v1/notes/{note}", want=403)
    await read_by_the_client(clinic, note)
    assert (await clinic.marsh.get(f"/v1/notes/{note}/holds")).json["items"][0]["status"] == "over"
    assert (await clinic.client.get(f"/v1/notes/{note}/holds")).json["items"] == []


async def test_45_cfr_171_a_blanket_hold_is_refused(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    long = (datetime.now(UTC) + timedelta(days=366)).isoformat()
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    for wrong in (
        {"until": long},
        {"until": past},
        {"until": None},
        {"exception": "because"},
        {"reason": "no"},
        {"notes": [note]},
    ):
        await clinic.marsh.post(f"/v1/notes/{note}/holds", hold(**wrong), want=422)
    await clinic.marsh.post("/v1/notes/all/holds", hold(), want=422)


async def test_a_hold_is_for_who_wrote_the_note_or_treats_the_client(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await clinic.signed(note)
    await clinic.stranger.post(f"/v1/notes/{note}/holds", hold(), want=404)
    await clinic.intake.post(f"/v1/notes/{note}/holds", hold(), want=404)
    await clinic.client.post(f"/v1/notes/{note}/holds", hold(), want=403)
    await clinic.stranger.get(f"/v1/notes/{note}/holds", want=404)
    await clinic.marsh.post(f"/v1/notes/{uuid4()}/holds", hold(), want=404)
    private = await clinic.private(await clinic.session())
    await clinic.marsh.post(f"/v1/notes/{private}/holds", hold(), want=404)
    await clinic.client.get(f"/v1/notes/{note}")
    officer = clinic.rest.as_("officer-1", "compliance_officer")
    made = await clinic.marsh.post(f"/v1/notes/{note}/holds", hold())
    await officer.post(f"/v1/notes/{note}/holds", hold(), want=403)
    assert (await officer.get(f"/v1/notes/{note}/holds")).json["items"][0]["placed_by"] == "lena.marsh"
    await officer.call("DELETE", f"/v1/notes/{note}/holds/{made.id}", want=200)


async def test_a_safe_repeat_of_a_hold_is_one_hold(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    body, key = hold(), uuid4().hex
    first = await clinic.marsh.post(f"/v1/notes/{note}/holds", body, Idempotency_Key=key)
    again = await clinic.marsh.post(f"/v1/notes/{note}/holds", body, Idempotency_Key=key)
    assert first.id == again.id and len((await clinic.marsh.get(f"/v1/notes/{note}/holds")).json["items"]) == 1
