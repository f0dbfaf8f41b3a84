"""What the surface says of clients, sessions and notes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.rest import Rest, until
from tests.e2e.surface import SOAP, Clinic, pointers, problem

MODALITIES = ("psychodynamic", "humanistic", "cbt", "rebt", "trauma_informed", "integrative")
FORMATS = ("individual", "couple", "family", "group")
ATTENDANCES = ("attended", "cancelled", "late_cancelled", "no_show")


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).open()


@pytest.mark.parametrize(
    "more",
    [{}, {"identifiers": []}, {"identifiers": [{"system": "urn:clinic:mrn", "value": "A-17"}]}, {"pronouns": "she/her"}],
)
async def test_a_client_at_intake(there: Clinic, more: dict[str, Any]) -> None:
    made = await there.intake.post("/v1/clients", {"name": "Ada Ortiz", "birth_date": "1988-11-30", **more})
    assert set(made.json) >= {"id"}
    read = (await there.intake.get(f"/v1/clients/{made.id}")).json
    assert (read["name"], read["birth_date"]) == ("Ada Ortiz", "1988-11-30")
    problem(await there.stranger.call("GET", f"/v1/clients/{made.id}"), 404)


async def test_only_intake_admits(there: Clinic) -> None:
    for person in (there.marsh, there.client, there.officer):
        problem(await person.call("POST", "/v1/clients", {"name": "A", "birth_date": "1990-01-01"}), 403)
    assert pointers(await there.intake.call("POST", "/v1/clients", {"name": "", "birth_date": "30.11.1988"})) == {
        "/name",
        "/birth_date",
    }


@pytest.mark.parametrize(
    "changes",
    [
        *({"modality": m} for m in MODALITIES),
        *({"format": f} for f in FORMATS),
        *({"attendance": a} for a in ATTENDANCES),
        {"participants": []},
        {"participants": ["client", "partner"]},
        {"started_at": "2026-03-01T10:00:00Z", "ended_at": "2026-03-01T10:50:00Z"},
        {"started_at": "2026-03-01T10:00:00+00:00", "ended_at": "2026-03-01T12:50:00.5+02:00"},
    ],
)
async def test_sessions(there: Clinic, changes: dict[str, Any]) -> None:
    session = await there.held(**changes)
    read = (await there.marsh.get(f"/v1/sessions/{session}")).json
    for name in ("modality", "format", "attendance", "participants"):
        assert name not in changes or read[name] == changes[name]


async def test_a_session_of_this_very_hour(there: Clinic) -> None:
    now = datetime.now(UTC)
    await there.held(started_at=now.isoformat(), ended_at=(now + timedelta(minutes=50)).isoformat())


async def test_sessions_are_written_by_who_has_a_current_relationship(there: Clinic) -> None:
    now = datetime.now(UTC)
    body = {
        "client_id": there.client_id,
        "therapist_id": there.stranger.sub,
        "started_at": (now - timedelta(hours=1)).isoformat(),
        "ended_at": now.isoformat(),
        "modality": "cbt",
        "format": "individual",
        "attendance": "attended",
    }
    for person in (there.stranger, there.okoye):
        assert (await person.call("POST", "/v1/sessions", {**body, "therapist_id": person.sub})).status in (403, 404)
    problem(await there.intake.call("POST", "/v1/sessions", body), 403)
    await there.relate(there.okoye, "trainee")
    await there.held(there.okoye)


@pytest.mark.parametrize(
    ("format", "sections"),
    [
        ("SOAP", SOAP),
        ("DAP", {"data": "d", "assessment": "a", "plan": "p"}),
        ("BIRP", {"behavior": "b", "intervention": "i", "response": "r", "plan": "p"}),
        ("BIRP", {"behaviour": "b", "intervention": "i", "response": "r", "plan": "p"}),
        ("GIRP", {"goals": "g", "intervention": "i", "response": "r", "plan": "p"}),
        ("GIRP", {"goal": "g", "intervention": "i", "response": "r", "plan": "p"}),
        ("narrative", {"narrative": "n"}),
        ("narrative", {"text": "n"}),
    ],
)
async def test_progress_notes_of_each_format(there: Clinic, format: str, sections: dict[str, str]) -> None:
    path = f"/v1/sessions/{await there.held()}/progress-notes"
    made = await there.marsh.post(path, {"format": format, "sections": sections})
    assert made.json["version"] == 1
    read = await there.marsh.get(f"/v1/notes/{made.id}")
    assert read.json["sections"] == sections
    assert (read.json["kind"], read.json["status"], read.json["signatures"], read.json["addenda"]) == (
        "progress",
        "draft",
        [],
        [],
    )
    assert len(read.entries) == 1
    await there.marsh.post(f"/v1/notes/{made.id}/signatures", {})
    assert (await there.marsh.get(f"/v1/notes/{made.id}")).json["status"] == "signed"


async def test_a_note_of_one_section_can_be_signed(there: Clinic) -> None:
    note = await there.progress(sections={"subjective": "s"})
    await there.marsh.call("POST", f"/v1/notes/{note}/signatures", want=201)
    read = (await there.marsh.get(f"/v1/notes/{note}")).json
    assert (read["sections"]["subjective"], len(read["signatures"])) == ("s", 1)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"format": "SOAP", "sections": {"mood": "x"}}, "/sections/mood"),
        ({"format": "FREE", "sections": {"x": "y"}}, "/format"),
        ({"format": "SOAP", "sections": {}}, "/sections"),
        ({"sections": SOAP}, "/format"),
        ({"format": "SOAP", "sections": SOAP, "x": 1}, "/x"),
        ({"format": "SOAP", "sections": {"plan": 5}}, "/sections/plan"),
    ],
)
async def test_progress_notes_that_cannot_be(there: Clinic, body: dict[str, Any], pointer: str) -> None:
    path = f"/v1/sessions/{await there.held()}/progress-notes"
    assert pointer in pointers(await there.marsh.call("POST", path, body))
    assert (await there.marsh.get(f"/v1/notes?client_id={there.client_id}")).json["items"] == []


@pytest.mark.parametrize("labels", [[], ["PSY"], ["SUD", "HIV"], ["ETH"], ["HIPAASelfPay"]])
async def test_labels(there: Clinic, labels: list[str]) -> None:
    note = await there.progress(labels=labels)
    assert (await there.marsh.get(f"/v1/notes/{note}")).json["labels"] == labels


EXCLUDED = (
    "medication", "prescription", "session_start", "session_stop", "start_time", "stop_time", "modality", "frequency",
    "test_results", "diagnosis", "functional_status", "treatment_plan", "symptoms", "prognosis", "progress_to_date",
)  # fmt: skip


@pytest.mark.parametrize("name", EXCLUDED)
async def test_what_164_501_excludes(there: Clinic, name: str) -> None:
    path = f"/v1/sessions/{await there.held()}/psychotherapy-notes"
    answer = await there.marsh.call("POST", path, {"sections": {"process": "p", name: "x"}})
    assert pointers(answer) == {f"/sections/{name}"}


async def test_psychotherapy_notes_are_their_authors_alone(there: Clinic) -> None:
    path = f"/v1/sessions/{await there.held()}/psychotherapy-notes"
    sections = {"transference": "t", "countertransference": "c", "process": "p", "hypotheses": "h", "own_idea": "o"}
    made = await there.marsh.post(path, {"sections": sections})
    read = (await there.marsh.get(f"/v1/notes/{made.id}")).json
    assert (read["kind"], read["sections"], read["status"]) == ("psychotherapy", sections, "draft")
    await there.relate(there.okoye)
    supervisor = there.newcomer("supervisor")
    await there.relate(supervisor, "supervisor")
    for person in (there.client, there.okoye, supervisor, there.intake, there.officer, there.stranger):
        problem(await person.call("GET", f"/v1/notes/{made.id}"), 404)
        problem(await person.call("POST", f"/v1/notes/{made.id}/addenda", {"text": "x"}), 404)
    for person in (there.client, there.okoye, supervisor):
        assert (await person.get(f"/v1/notes?client_id={there.client_id}")).json["items"] == []


async def test_a_draft_is_decided_like_a_signed_note_but_for_its_client(there: Clinic) -> None:
    note = await there.progress()
    await there.relate(there.okoye, "care_team")
    for status in ("draft", "signed"):
        assert (await there.okoye.get(f"/v1/notes/{note}")).json["status"] == status
        problem(await there.stranger.call("GET", f"/v1/notes/{note}"), 404)
        if status == "draft":
            await there.marsh.post(f"/v1/notes/{note}/signatures", {})


async def test_signature_cosignature_addenda(there: Clinic) -> None:
    supervisor = there.newcomer("supervisor")
    await there.relate(supervisor, "supervisor")
    note = await there.progress()
    path = f"/v1/notes/{note}"
    problem(await supervisor.call("POST", f"{path}/cosignatures", {}), 409)
    problem(await supervisor.call("POST", f"{path}/signatures", {}), 403)
    problem(await there.marsh.call("POST", f"{path}/addenda", {"text": "x"}), 409)
    await there.marsh.post(f"{path}/signatures", {})
    problem(await there.marsh.call("POST", f"{path}/signatures", {}), 409)
    problem(await there.marsh.call("POST", f"{path}/cosignatures", {}), 403)
    await supervisor.post(f"{path}/cosignatures", {})
    await there.marsh.post(f"{path}/addenda", {"text": "She called back."})
    assert "/text" in pointers(await there.marsh.call("POST", f"{path}/addenda", {"note": "x"}))
    read = (await there.marsh.get(path)).json
    assert [s["by"] for s in read["signatures"]] == [there.marsh.sub]
    assert [s["by"] for s in read["cosignatures"]] == [supervisor.sub]
    assert [a["text"] for a in read["addenda"]] == ["She called back."]
    tag = (await there.marsh.get(path)).headers["Etag"]
    problem(await there.marsh.call("PUT", path, {"format": "SOAP", "sections": SOAP}, If_Match=tag), 409)


async def test_a_draft_is_changed_with_its_version(there: Clinic) -> None:
    note = await there.progress(labels=["PSY"])
    path, body = f"/v1/notes/{note}", {"format": "DAP", "sections": {"data": "d", "assessment": "", "plan": ""}}
    tag = (await there.marsh.get(path)).headers["Etag"]
    problem(await there.marsh.call("PUT", path, body), 428)
    assert (await there.marsh.put(path, body, If_Match=tag)).json["version"] == 2
    problem(await there.marsh.call("PUT", path, body, If_Match=tag), 412)
    read = (await there.marsh.get(path)).json
    assert (read["format"], read["sections"]["data"], read["labels"]) == ("DAP", "d", ["PSY"])


async def test_unknown_ids(there: Clinic) -> None:
    for path in (f"/v1/notes/{uuid4()}", f"/v1/sessions/{uuid4()}", f"/v1/clients/{uuid4()}"):
        problem(await there.marsh.call("GET", path), 404)
    problem(await there.marsh.call("POST", f"/v1/sessions/{uuid4()}/progress-notes", {"format": "SOAP", "sections": SOAP}), 404)
    problem(await there.marsh.call("GET", "/v1/notes"), 422)
    assert (await there.marsh.call("GET", "/v1/notes/not-a-uuid")).status in (404, 422)


async def test_a_client_reads_their_own_progress_notes_and_nobody_elses(there: Clinic) -> None:
    note = await there.progress()
    problem(await there.client.call("GET", f"/v1/notes/{note}"), 404)
    await there.marsh.post(f"/v1/notes/{note}/signatures", {})

    async def open_to_the_client() -> bool:
        return (await there.client.call("GET", f"/v1/notes/{note}")).status == 200

    await until("a signed note is open to its client", open_to_the_client)
    assert (await there.client.get(f"/v1/notes/{note}")).json["sections"] == SOAP
    other = there.rest.as_("another", "client", client_id=str(uuid4()))
    problem(await other.call("GET", f"/v1/notes/{note}"), 404)
    problem(await other.call("GET", f"/v1/notes?client_id={there.client_id}"), 404)


async def test_self_pay_does_not_go_to_the_plan(there: Clinic) -> None:
    ehr = there.newcomer("ehr_system")
    paid, other = await there.progress(labels=["HIPAASelfPay"]), await there.progress()
    await there.agreed("disclosure", {"type": "permit", "actors": [ehr.sub]}, base="deny")
    for purpose, status in (("TREAT", 200), ("HPAYMT", 404)):
        assert (await ehr.call("GET", f"/v1/notes/{paid}", X_Purpose_Of_Use=purpose)).status == status
        await ehr.get(f"/v1/notes/{other}", X_Purpose_Of_Use=purpose)


async def test_164_526_an_accepted_amendment_goes_along_with_the_note(there: Clinic) -> None:
    """From the client's request at consent to the note at session_notes, by way of the messages between them."""
    note = (await there.marsh.post(f"/v1/sessions/{await there.held()}/progress-notes", {"format": "SOAP", "sections": SOAP})).id
    asked = {
        "client_id": there.client_id, "record_id": note, "record_type": "progress_note",
        "what": "My sister's name is Mona.", "why": "The note says Mara.",
    }  # fmt: skip
    path = f"/v1/amendment-requests/{(await there.client.post('/v1/amendment-requests', asked)).id}"
    await there.marsh.post(f"{path}/acceptances", {"text": "Her sister's name is Mona."})

    async def shown() -> bool:
        read = (await there.marsh.get(f"/v1/notes/{note}")).json
        return [(f"/v1/amendment-requests/{a['id']}", a["kind"]) for a in read["amendments"]] == [(path, "accepted")]

    await until("the note shows that it was amended", shown, 15)
    assert (await there.client.get(path)).json["amendment"] == "Her sister's name is Mona."
