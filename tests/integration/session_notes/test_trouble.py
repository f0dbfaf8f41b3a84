"""What happens at the same time, without the gate, and with keys that do not fit."""

import asyncio
from collections import Counter

import pytest

from shared.gate.port import Away
from tests.integration.session_notes.world import SOAP, Clinic

OF_THE_COURSE = {
    ("/v1/clients/{client_id}/safety-plan", "put"),
    ("/v1/clients/{client_id}/safety-plan", "get"),
    ("/v1/clients/{client_id}/closed-topics", "post"),
    ("/v1/clients/{client_id}/closed-topics", "get"),
    ("/v1/closed-topics/{topic_id}/opening", "post"),
    ("/v1/moment-codes", "get"),
    ("/v1/sessions/{session_id}/moments", "post"),
    ("/v1/sessions/{session_id}/moments", "get"),
    ("/v1/clients/{client_id}/moments", "get"),
    ("/v1/moments/{moment_id}", "get"),
    ("/v1/moments/{moment_id}/entered-in-error", "post"),
    ("/v1/clients/{client_id}/plans", "post"),
    ("/v1/clients/{client_id}/plans", "get"),
    ("/v1/clients/{client_id}/thread", "get"),
    ("/v1/plans/{plan_id}", "get"),
    ("/v1/plans/{plan_id}/goals", "post"),
    ("/v1/plans/{plan_id}/signatures", "post"),
    ("/v1/plans/{plan_id}/reviews", "post"),
    ("/v1/goals/{goal_id}/agreements", "post"),
    ("/v1/goals/{goal_id}/attainments", "post"),
    ("/v1/goals/{goal_id}/interventions", "post"),
    ("/v1/goals/{goal_id}/notes", "post"),
    ("/v1/goals/{goal_id}/tasks", "post"),
    ("/v1/tasks/{task_id}/completions", "post"),
    ("/v1/clients/{client_id}/notes", "post"),
    ("/v1/clients/{client_id}/boundary-events", "post"),
    ("/v1/clients/{client_id}/boundary-events", "get"),
    ("/v1/clients/{client_id}/boundary-patterns", "get"),
    ("/v1/boundary-events/{event_id}", "get"),
    ("/v1/boundary-events/{event_id}/additions", "post"),
    ("/v1/boundary-events/{event_id}/reviews", "post"),
    ("/v1/clients/{client_id}/adverse-effects", "post"),
    ("/v1/clients/{client_id}/adverse-effects", "get"),
    ("/v1/adverse-effects/{effect_id}", "get"),
    ("/v1/adverse-effects/{effect_id}/reviews", "post"),
    ("/v1/concerns", "post"),
    ("/v1/concerns", "get"),
    ("/v1/concerns/{concern_id}", "get"),
    ("/v1/concerns/{concern_id}/answers", "post"),
    ("/v1/concerns/{concern_id}/closure", "post"),
}


async def notes_of(clinic: Clinic) -> list[str]:
    return [n["id"] for n in (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"]]


async def test_one_key_sent_ten_times_at_once_writes_one_note(clinic: Clinic) -> None:
    path = f"/v1/sessions/{await clinic.session()}/progress-notes"
    body = {"format": "SOAP", "sections": SOAP}
    answers = await asyncio.gather(*(clinic.marsh.post(path, body, Idempotency_Key="once") for _ in range(10)))
    assert len({a.id for a in answers}) == 1
    assert await notes_of(clinic) == [answers[0].id]


async def test_of_ten_revisions_at_once_one_wins(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    sent = [{"sections": {**SOAP, "plan": f"Plan {n}."}} for n in range(10)]
    answers = await asyncio.gather(*(clinic.marsh.call("PUT", f"/v1/notes/{note}", body, If_Match='W/"1"') for body in sent))
    assert Counter(a.status for a in answers) == {200: 1, 412: 9}
    winner = next(n for n, a in enumerate(answers) if a.status == 200)
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["sections"]["plan"] == f"Plan {winner}."


async def test_of_two_signatures_at_once_one_stands(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    answers = await asyncio.gather(*(clinic.marsh.call("POST", f"/v1/notes/{note}/signatures", {}) for _ in range(4)))
    assert sorted({a.status for a in answers} - {409, 412}) == [201]
    read = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    assert (len(read["signatures"]), read["version"]) == (1, 2)


async def test_without_the_gate_nothing_is_read_or_written(clinic: Clinic) -> None:
    session = await clinic.session()
    note = await clinic.progress(session)
    body = {"format": "SOAP", "sections": SOAP}
    clinic.world.line.cut = Away.LEDGER
    try:
        reads = [f"/v1/notes/{note}", f"/v1/notes?client_id={clinic.client_id}", f"/v1/sessions/{session}"]
        for path in (*reads, f"/v1/clients/{clinic.client_id}", f"/v1/clients/{clinic.client_id}/next-session"):
            answer = await clinic.marsh.get(path, want=503)
            assert answer.headers["Retry-After"]
        await clinic.marsh.post(f"/v1/sessions/{session}/progress-notes", body, want=503, Idempotency_Key="later")
        await clinic.put(clinic.marsh, note, {"sections": SOAP}, 1, want=503)
    finally:
        clinic.world.line.cut = None
    assert await notes_of(clinic) == [note]
    await clinic.marsh.post(f"/v1/sessions/{session}/progress-notes", body, Idempotency_Key="later")


async def test_a_purpose_that_the_role_may_not_claim(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await clinic.marsh.get(f"/v1/notes/{note}", want=403, X_Purpose_Of_Use="HMARKT")
    await clinic.marsh.get(f"/v1/notes/{note}", want=422, X_Purpose_Of_Use="what for")


@pytest.mark.parametrize("part", ["live", "ready"])
async def test_health(clinic: Clinic, part: str) -> None:
    async with clinic.rest.session.get(f"{clinic.world.base_url}/health/{part}") as got:
        assert got.status == 200


async def test_the_reference_page_names_every_path(clinic: Clinic) -> None:
    async with clinic.rest.session.get(f"{clinic.world.base_url}/openapi/session_notes.json") as got:
        paths = (await got.json())["paths"]
    assert {(path, verb) for path, verbs in paths.items() for verb in verbs} == {
        ("/v1/me", "get"),
        ("/v1/worklist", "get"),
        ("/v1/clients", "get"),
        ("/v1/clients", "post"),
        ("/v1/clients/search", "post"),
        ("/v1/clients/{client_id}", "get"),
        ("/v1/clients/{client_id}/name", "get"),
        ("/v1/clients/{client_id}/likeness", "post"),
        ("/v1/clients/{client_id}/next-session", "get"),
        ("/v1/clients/{client_id}/export/notes", "post"),
        ("/v1/sessions", "post"),
        ("/v1/sessions", "get"),
        ("/v1/sessions/{session_id}", "get"),
        ("/v1/sessions/{session_id}", "put"),
        ("/v1/sessions/{session_id}/history", "get"),
        ("/v1/sessions/{session_id}/entered-in-error", "post"),
        ("/v1/notes/search", "post"),
        ("/v1/sessions/{session_id}/progress-notes", "post"),
        ("/v1/sessions/{session_id}/psychotherapy-notes", "post"),
        ("/v1/notes", "get"),
        ("/v1/notes/{note_id}", "get"),
        ("/v1/notes/{note_id}", "put"),
        ("/v1/notes/{note_id}/signatures", "post"),
        ("/v1/notes/{note_id}/cosignatures", "post"),
        ("/v1/notes/{note_id}/addenda", "post"),
        ("/v1/notes/{note_id}/returns", "post"),
        ("/v1/notes/{note_id}/entered-in-error", "post"),
        ("/v1/notes/{note_id}/sections/{key}", "put"),
        ("/v1/notes/{note_id}/versions", "get"),
        *OF_THE_COURSE,
    }
