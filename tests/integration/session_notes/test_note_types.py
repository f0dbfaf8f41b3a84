"""What a progress note is for, and notes of contacts outside a session."""

from typing import Any

import pytest

from services.session_notes.notes.domain.notes import NoteType
from tests.integration.session_notes.world import SOAP, Clinic

CALL: dict[str, Any] = {"type": "contact", "format": "narrative", "sections": {"narrative": "He called to say he is safe."}}


@pytest.mark.parametrize("type", NoteType)
async def test_a_note_says_what_it_is_for(clinic: Clinic, type: NoteType) -> None:
    note = await clinic.progress(await clinic.session(), type=type)
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["type"] == type


async def test_the_type_is_progress_unless_told_and_stays_unless_told_anew(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    path = f"/v1/notes/{note}"
    assert (await clinic.marsh.get(path)).json["type"] == "progress"
    await clinic.put(clinic.marsh, note, {"sections": SOAP, "type": "crisis"}, 1)
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, 2)
    await clinic.marsh.call("PUT", f"{path}/sections/plan", {"text": "Twice a week."}, want=200, If_Match='W/"3"')
    assert (await clinic.marsh.get(path)).json["type"] == "crisis"
    assert (await clinic.marsh.get(f"{path}?at=1")).json["type"] == "progress"


async def test_a_psychotherapy_note_has_no_type(clinic: Clinic) -> None:
    note = await clinic.private(await clinic.session())
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["type"] is None
    answer = await clinic.put(clinic.marsh, note, {"sections": {"process": "Slow."}, "type": "crisis"}, 1, want=422)
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/type"]


async def test_a_contact_outside_a_session_is_a_note_like_every_other(clinic: Clinic) -> None:
    path = f"/v1/clients/{clinic.client_id}/notes"
    made = await clinic.marsh.post(path, CALL, Idempotency_Key="call")
    assert (await clinic.marsh.post(path, CALL, Idempotency_Key="call")).id == made.id
    read = (await clinic.marsh.get(f"/v1/notes/{made.id}")).json
    assert (read["type"], read["session_id"], read["sections"]) == ("contact", None, CALL["sections"])
    assert made.id in [n["id"] for n in (await clinic.marsh.get("/v1/worklist")).json["unsigned"]]
    await clinic.marsh.post(f"/v1/notes/{made.id}/signatures")
    await clinic.put(clinic.marsh, made.id, {"sections": {"narrative": "Other words."}}, 2, want=409)
    assert made.id in [n["id"] for n in (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"]]
    (found,) = (await clinic.marsh.post("/v1/notes/search", {"words": "called safe"}, want=200)).json["items"]
    assert (found["id"], found["session_id"]) == (made.id, None)


async def test_who_may_write_one_and_of_whom(clinic: Clinic) -> None:
    path = f"/v1/clients/{clinic.client_id}/notes"
    await clinic.rest.as_("somebody.else", "therapist").post(path, CALL, want=404)
    await clinic.marsh.post("/v1/clients/00000000-0000-4000-8000-000000000000/notes", CALL, want=404)
    answer = await clinic.marsh.post(path, {**CALL, "type": "gossip"}, want=422)
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/type"]
