"""A session's facts, its correction with its history, and *entered in error*: over HTTP, with the real gate."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass
from shared.contracts.topics import SESSION_NOTES
from tests.e2e.rest import Answer, Person
from tests.integration.session_notes.world import SOAP, Clinic

LAST_WEEK = (datetime.now(UTC) - timedelta(days=7)).replace(hour=15, minute=0, second=0, microsecond=0)


def body(clinic: Clinic, /, *, minutes: int = 50, **changes: Any) -> dict[str, Any]:
    ends = LAST_WEEK + timedelta(minutes=minutes)
    return clinic.session_body(**{"started_at": LAST_WEEK.isoformat(), "ended_at": ends.isoformat(), **changes})


async def correct(who: Person, session: str, body: Any, version: int | None, want: int = 200) -> Answer:
    headers = {} if version is None else {"If_Match": f'W/"{version}"'}
    return await who.call("PUT", f"/v1/sessions/{session}", body, want=want, **headers)


async def test_every_fact_comes_back(clinic: Clinic) -> None:
    facts: dict[str, Any] = {
        "scheduled": {"start": "2026-03-01T09:00:00Z", "end": "2026-03-01T09:50:00Z"},
        "psychotherapy": {
            "start": (LAST_WEEK + timedelta(minutes=5)).isoformat().replace("+00:00", "Z"),
            "stop": (LAST_WEEK + timedelta(minutes=47)).isoformat().replace("+00:00", "Z"),
        },
        "place": "video",
        "client_location": "Graz, Annenstrasse 7",
        "therapist_location": "Vienna, practice",
        "identity_checked": "by sight",
        "emergency_contact": "sister, +43 660 0000000",
        "services": [{"system": "http://www.ama-assn.org/go/cpt", "code": "90834", "modifiers": ["95"]}],
        "zone": "Europe/Vienna",
    }
    session = await clinic.session(**{k: v for k, v in body(clinic, **facts).items() if k != "client_id"})
    read = (await clinic.marsh.get(f"/v1/sessions/{session}")).json
    assert {k: read[k] for k in facts} == facts
    assert read["late_entry"] and read["at_the_place"]["code"] in ("CET", "CEST")
    assert read["suggested_services"] == [
        {
            "system": "http://www.ama-assn.org/go/cpt",
            "code": "90834",
            "modifiers": ["95"],
            "place_of_service": ["10", "02"],
            "minutes": 42,
            "rule": "42 minutes of psychotherapy: 38 to 52 minutes (CPT 90834)",
        }
    ]
    by_client = (await clinic.client.get(f"/v1/sessions/{session}")).json
    assert "suggested_services" not in by_client and by_client["place"] == "video"


async def test_what_cannot_be(clinic: Clinic) -> None:
    start = LAST_WEEK.isoformat()
    wrong: dict[str, dict[str, Any]] = {
        "/zone": {"zone": "Europe/Wien"},
        "/scheduled/end": {"scheduled": {"start": start, "end": start}},
        "/psychotherapy/start": {
            "psychotherapy": {"start": (LAST_WEEK - timedelta(hours=1)).isoformat(), "stop": start},
        },
        "/psychotherapy/stop": {"psychotherapy": {"start": start, "stop": (LAST_WEEK + timedelta(hours=2)).isoformat()}},
        "/services/0/modifiers/0": {"services": [{"system": "s", "code": "c", "modifiers": ["95x"]}]},
    }
    for pointer, changes in wrong.items():
        refused = await clinic.marsh.post("/v1/sessions", body(clinic, **changes), want=422)
        assert [e["pointer"] for e in refused.json["errors"]] == [pointer]


async def test_a_correction_keeps_what_was_there(clinic: Clinic) -> None:
    session = (await clinic.marsh.post("/v1/sessions", body(clinic))).id
    changed = body(clinic, minutes=40, modality="cbt", reason="The clock was wrong.")
    answer = await correct(clinic.marsh, session, changed, 1)
    assert answer.json == {"id": session, "version": 2} and len(answer.entries) == 1
    read = await clinic.marsh.get(f"/v1/sessions/{session}")
    assert (read.json["version"], read.json["modality"], read.headers["Etag"]) == (2, "cbt", 'W/"2"')
    history = await clinic.marsh.get(f"/v1/sessions/{session}/history")
    assert [(v["version"], v["what"], v["modality"], v["reason"]) for v in history.json["items"]] == [
        (1, "recorded", "psychodynamic", None),
        (2, "corrected", "cbt", "The clock was wrong."),
    ]
    assert history.json["items"][1]["by"] == "lena.marsh" and len(history.entries) == 1
    assert [v["what"] for v in (await clinic.client.get(f"/v1/sessions/{session}/history")).json["items"]] == [
        "recorded",
        "corrected",
    ]
    await clinic.stranger.get(f"/v1/sessions/{session}/history", want=404)


async def test_a_correction_needs_the_version_the_author_and_the_same_care(clinic: Clinic) -> None:
    session = (await clinic.marsh.post("/v1/sessions", body(clinic))).id
    await correct(clinic.marsh, session, body(clinic), None, want=428)
    await correct(clinic.marsh, session, body(clinic), 7, want=412)
    await correct(clinic.stranger, session, body(clinic), 1, want=404)
    await clinic.relate("sam.okoye")
    await correct(clinic.okoye, session, body(clinic), 1, want=403)
    day_before: dict[str, Any] = {
        "started_at": (LAST_WEEK - timedelta(days=1)).isoformat(),
        "ended_at": (LAST_WEEK - timedelta(hours=23)).isoformat(),
    }
    wrong: dict[str, dict[str, Any]] = {
        "/started_at": day_before,
        "/client_id": {"client_id": "7df5acac-52e0-457c-9656-6f2181f2bc3f"},
        "/members": {"format": "couple", "members": ["7df5acac-52e0-457c-9656-6f2181f2bc3f"]},
    }
    for pointer, changes in wrong.items():
        refused = await correct(clinic.marsh, session, body(clinic, **changes), 1, want=422)
        assert [e["pointer"] for e in refused.json["errors"]] == [pointer]
    assert (await clinic.marsh.get(f"/v1/sessions/{session}")).json["version"] == 1


async def test_one_that_took_place_after_all_is_told_once(clinic: Clinic) -> None:
    session = (await clinic.marsh.post("/v1/sessions", body(clinic, attendance="no_show"))).id
    await correct(clinic.marsh, session, body(clinic), 1)
    await correct(clinic.marsh, session, body(clinic, minutes=45), 2)
    await clinic.relayed(SESSION_NOTES, 1)
    assert (await clinic.marsh.get(f"/v1/sessions/{session}")).json["held"]
    assert len(clinic.sent(SESSION_NOTES)) == 1


async def test_entered_in_error(clinic: Clinic) -> None:
    session = (await clinic.marsh.post("/v1/sessions", body(clinic))).id
    await clinic.marsh.post(f"/v1/sessions/{session}/entered-in-error", {}, want=422)
    await clinic.okoye.post(f"/v1/sessions/{session}/entered-in-error", {"reason": "x"}, want=404)
    marked = await clinic.marsh.post(f"/v1/sessions/{session}/entered-in-error", {"reason": "It was another client's."})
    assert marked.json["version"] == 2
    read = (await clinic.marsh.get(f"/v1/sessions/{session}")).json
    assert (read["status"], read["held"], read["modality"]) == ("entered_in_error", False, "psychodynamic")
    assert read["in_error"]["reason"] == "It was another client's." and read["in_error"]["by"] == "lena.marsh"
    await clinic.marsh.post(f"/v1/sessions/{session}/entered-in-error", {"reason": "again"}, want=409)
    await correct(clinic.marsh, session, body(clinic), 2, want=409)
    note = {"format": "SOAP", "sections": SOAP}
    await clinic.marsh.post(f"/v1/sessions/{session}/progress-notes", note, want=409)


async def test_an_erased_session_keeps_its_shape_and_no_word(clinic: Clinic) -> None:
    facts: dict[str, Any] = {"client_location": "Graz", "place": "video", "zone": "Europe/Vienna"}
    session = (await clinic.marsh.post("/v1/sessions", body(clinic, **facts))).id
    await correct(clinic.marsh, session, body(clinic, **facts, reason="because"), 1)
    before = (await clinic.marsh.get(f"/v1/sessions/{session}")).json
    await clinic.erase(KeyClass.PROGRESS_NOTE)
    gone = (await clinic.marsh.get(f"/v1/sessions/{session}")).json
    assert gone.keys() == before.keys() and gone["client_location"] is None and gone["at_the_place"] is None
    history = (await clinic.marsh.get(f"/v1/sessions/{session}/history")).json["items"]
    assert [(v["reason"], v.get("place")) for v in history] == [(None, None)] * 2
    await correct(clinic.marsh, session, body(clinic), 2, want=409)


async def test_the_gate_is_asked_for_what_is_done(clinic: Clinic) -> None:
    session = (await clinic.marsh.post("/v1/sessions", body(clinic))).id
    await clinic.marsh.get(f"/v1/sessions/{session}/history")
    await correct(clinic.marsh, session, body(clinic), 1)
    assert [r.action for r in clinic.asked()][-2:] == [Action.READ, Action.UPDATE]
