"""Bad input: refused whole, every fault named by its place, nothing of it echoed, nothing half-written."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import orjson
import pytest

from tests.e2e.rest import Answer, Person
from tests.integration.session_notes.world import SOAP, Clinic, World

CANARY = "the-kite-is-stuck"
CLIENT = {"name": "Noor Haddad", "birth_date": "1991-04-03"}
HERE = datetime.now(UTC).replace(microsecond=0)


def iso(**delta: float) -> str:
    return (HERE + timedelta(**delta)).isoformat()


@pytest.fixture(scope="module")
async def clinic(notes_world: World) -> Clinic:
    """One for all: what is refused leaves nothing behind."""
    return await notes_world.clinic().opened()


async def refused(who: Person, path: str, body: Any, *pointers: str) -> Answer:
    answer = await who.post(path, body, want=422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert sorted(e["pointer"] for e in answer.json["errors"]) == sorted(pointers)
    assert all(e["detail"] for e in answer.json["errors"])
    return answer


CLIENTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, ["/name", "/birth_date"]),
    "an unknown field": ({**CLIENT, "diagnosis": CANARY}, ["/diagnosis"]),
    "wrong types": ({"name": 7, "birth_date": 19910403}, ["/name", "/birth_date"]),
    "a day that is not": ({**CLIENT, "birth_date": "2023-02-29"}, ["/birth_date"]),
    "a time for a day": ({**CLIENT, "birth_date": "1991-04-03T10:00:00Z"}, ["/birth_date"]),
    "the future": ({**CLIENT, "birth_date": iso(days=2)[:10]}, ["/birth_date"]),
    "long ago": ({**CLIENT, "birth_date": "1899-12-31"}, ["/birth_date"]),
    "an empty name": ({**CLIENT, "name": ""}, ["/name"]),
    "a blank name": ({**CLIENT, "name": "   "}, ["/name"]),
    "a name of two lines": ({**CLIENT, "name": "a\nb"}, ["/name"]),
    "a NUL": ({**CLIENT, "name": "a\u0000b"}, ["/name"]),
    "a long name": ({**CLIENT, "name": "x" * 201}, ["/name"]),
    "identifiers": (
        {**CLIENT, "identifiers": [{"system": "urn:x"}, {"system": "urn:x", "value": "1", "use": "old"}]},
        ["/identifiers/0/value", "/identifiers/1/use"],
    ),
    "a language that is none": ({**CLIENT, "language": "the old one"}, ["/language"]),
}


@pytest.mark.parametrize("case", CLIENTS)
async def test_clients(clinic: Clinic, case: str) -> None:
    body, pointers = CLIENTS[case]
    assert CANARY not in (await refused(clinic.intake, "/v1/clients", body, *pointers)).text


SESSIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown field": ({"mood": CANARY}, ["/mood"]),
    "unknown words": (
        {"modality": "astrology", "format": "crowd", "attendance": True},
        ["/modality", "/format", "/attendance"],
    ),
    "ended before it began": ({"started_at": iso(hours=-1), "ended_at": iso(hours=-2)}, ["/ended_at"]),
    "ended as it began": ({"started_at": iso(hours=-1), "ended_at": iso(hours=-1)}, ["/ended_at"]),
    "a day and more": ({"started_at": iso(hours=-30), "ended_at": iso(hours=-1)}, ["/ended_at"]),
    "the future": ({"started_at": iso(days=2), "ended_at": iso(days=2, hours=1)}, ["/started_at", "/ended_at"]),
    "the first day of all": ({"started_at": "0001-01-01T00:00:00+14:00"}, ["/started_at"]),
    "the last day of all": ({"ended_at": "9999-12-31T23:59:59-14:00"}, ["/ended_at"]),
    "no offset": ({"started_at": "2026-03-01T10:00:00"}, ["/started_at"]),
    "seconds since the epoch": ({"started_at": 1_772_000_000}, ["/started_at"]),
    "no such hour": ({"started_at": "2026-03-01T25:00:00Z"}, ["/started_at"]),
    "no client": ({"client_id": "noor"}, ["/client_id"]),
    "a blank therapist": ({"therapist_id": " "}, ["/therapist_id"]),
    "a participant that is none": ({"participants": ["Noor", ""]}, ["/participants/1"]),
}


@pytest.mark.parametrize("case", SESSIONS)
async def test_sessions(clinic: Clinic, case: str) -> None:
    changes, pointers = SESSIONS[case]
    body = clinic.session_body(**changes)
    assert CANARY not in (await refused(clinic.marsh, "/v1/sessions", body, *pointers)).text


async def test_the_client_is_no_therapist(clinic: Clinic) -> None:
    await refused(clinic.marsh, "/v1/sessions", clinic.session_body(therapist_id=clinic.client_id), "/therapist_id")


PROGRESS: dict[str, tuple[Any, list[str]]] = {
    "nothing": ({}, ["/format", "/sections"]),
    "another format": ({"format": "POMR", "sections": SOAP}, ["/format"]),
    "a format in lower case": ({"format": "soap", "sections": SOAP}, ["/format"]),
    "sections of another format": ({"format": "DAP", "sections": SOAP}, ["/sections/subjective", "/sections/objective"]),
    "no text": ({"format": "SOAP", "sections": {"plan": " "}}, ["/sections"]),
    "no sections": ({"format": "SOAP", "sections": {}}, ["/sections"]),
    "a list": ({"format": "SOAP", "sections": ["plan"]}, ["/sections"]),
    "a number": ({"format": "SOAP", "sections": {"plan": 7}}, ["/sections/plan"]),
    "too long": ({"format": "narrative", "sections": {"narrative": "x" * 100_001}}, ["/sections/narrative"]),
    "labels": ({"format": "SOAP", "sections": SOAP, "labels": ["HIV", "GOSSIP", "PSYTHPN"]}, ["/labels/1", "/labels/2"]),
    "an author": ({"format": "SOAP", "sections": SOAP, "author": "somebody"}, ["/author"]),
}


@pytest.mark.parametrize("case", PROGRESS)
async def test_progress_notes(clinic: Clinic, case: str) -> None:
    body, pointers = PROGRESS[case]
    await refused(clinic.marsh, f"/v1/sessions/{await clinic.session()}/progress-notes", body, *pointers)


async def test_rule_164_501_what_psychotherapy_notes_exclude(clinic: Clinic) -> None:
    path = f"/v1/sessions/{await clinic.session()}/psychotherapy-notes"
    keys = [
        "medication", "prescriptions", "session_start", "session_stop", "session_times", "start_time", "end_time", "modality",
        "frequency", "test_results", "clinical_tests", "diagnosis", "functional_status", "treatment_plan", "symptoms",
        "prognosis", "progress", "risk", "safety_plan",
    ]  # fmt: skip
    answer = await refused(
        clinic.marsh,
        path,
        {"sections": {"transference": CANARY, **dict.fromkeys(keys, CANARY)}},
        *(f"/sections/{k}" for k in keys),
    )
    assert CANARY not in answer.text
    assert all("progress note" in e["detail"] for e in answer.json["errors"])
    draft = await clinic.marsh.post(path, {"sections": {"transference": "x"}})
    changed = await clinic.put(clinic.marsh, draft.id, {"sections": {"risk": CANARY}}, 1, want=422)
    assert [e["pointer"] for e in changed.json["errors"]] == ["/sections/risk"]
    formatted = await clinic.put(clinic.marsh, draft.id, {"sections": {"process": "x"}, "format": "SOAP"}, 1, want=422)
    assert [e["pointer"] for e in formatted.json["errors"]] == ["/format"]
    await refused(clinic.marsh, path, {"sections": {"process": ""}}, "/sections/process")
    await refused(clinic.marsh, path, {"sections": {CANARY: "x"}}, "/sections/*")
    await refused(clinic.marsh, path, {"sections": {"process": "x"}, "labels": ["HIV"]}, "/labels")


async def test_addenda(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    path = f"/v1/notes/{note}/addenda"
    await clinic.marsh.post(path, {"text": "x"}, want=409)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    for body in ({}, {"text": ""}, {"text": "  "}, {"text": "x" * 20_001}, {"text": None}):
        await refused(clinic.marsh, path, body, "/text")
    await refused(clinic.marsh, f"/v1/notes/{note}/signatures", {"by": "somebody"}, "/by")


RAW: dict[str, tuple[bytes, int]] = {
    "broken UTF-8": (b'{"format": "SOAP", "sections": {"plan": "\xff\xfe"}}', 422),
    "half a surrogate": (b'{"format": "SOAP", "sections": {"plan": "\\ud800"}}', 422),
    "no JSON": (b"plan: weekly", 422),
    "nothing": (b"", 422),
    "a list": (b"[]", 422),
    "deep": (b"[" * 100_000, 422),
}


@pytest.mark.parametrize("case", RAW)
async def test_raw_bodies(clinic: Clinic, case: str) -> None:
    body, status = RAW[case]
    await clinic.marsh.post(f"/v1/sessions/{await clinic.session()}/progress-notes", body, want=status)


@pytest.mark.parametrize("declared", [True, False])
async def test_five_megabytes(notes_world: World, declared: bool) -> None:
    clinic = await notes_world.clinic().opened()
    body = orjson.dumps({"format": "narrative", "sections": {"narrative": "x" * 5_000_000}})

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    path = f"/v1/sessions/{await clinic.session()}/progress-notes"
    data = BytesIO(body) if declared else in_pieces()
    headers = {"Authorization": f"Bearer {clinic.marsh.token}", "Content-Type": "application/json"}
    async with clinic.rest.session.post(clinic.world.base_url + path, data=data, headers=headers) as got:
        assert got.status == 413
    assert (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"] == []


async def test_a_body_of_another_kind(clinic: Clinic) -> None:
    path = f"/v1/sessions/{await clinic.session()}/progress-notes"
    await clinic.marsh.post(path, {"format": "SOAP", "sections": SOAP}, want=415, Content_Type="text/plain")


@pytest.mark.parametrize(
    "query", ["", "client_id=noor", *(f"client_id={{c}}&{q}" for q in ("limit=0", "limit=x", "cursor=x", "cursor=%00"))]
)
@pytest.mark.parametrize("path", ["/v1/notes", "/v1/sessions"])
async def test_queries(clinic: Clinic, path: str, query: str) -> None:
    await clinic.marsh.get(f"{path}?{query.format(c=clinic.client_id)}", want=422)


@pytest.mark.parametrize("path", ["/v1/notes/x", "/v1/sessions/x", "/v1/clients/x", "/v1/clients/x/next-session"])
async def test_ids_that_are_none(clinic: Clinic, path: str) -> None:
    await clinic.marsh.get(path, want=422)


async def test_records_that_are_none(clinic: Clinic) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    asked = len(clinic.asked())
    for path in ("notes", "sessions", "clients"):
        await clinic.marsh.get(f"/v1/{path}/{nowhere}", want=404)
    assert len(clinic.asked()) == asked + 3, "the gate is asked as about one that is hidden"
    await clinic.put(clinic.marsh, nowhere, {"sections": SOAP}, 1, want=404)
    await clinic.marsh.get(f"/v1/notes?client_id={nowhere}", want=404)
    await clinic.marsh.post("/v1/sessions", clinic.session_body(client_id=nowhere), want=404)


async def test_what_is_refused_is_not_half_written(notes_world: World) -> None:
    clinic = await notes_world.clinic().opened()
    session = await clinic.session()
    path = f"/v1/sessions/{session}/progress-notes"
    asked = len(clinic.asked())
    await clinic.marsh.post(path, {"format": "SOAP", "sections": {"plan": "x", "mood": "y"}}, want=422, Idempotency_Key="k")
    assert len(clinic.asked()) == asked
    await clinic.marsh.post(path, {"format": "SOAP", "sections": SOAP}, Idempotency_Key="k")
    listed = await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")
    assert len(listed.json["items"]) == 1
