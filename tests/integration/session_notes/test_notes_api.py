"""Notes over HTTP, decided by the real gate: written, revised, signed, amended, listed, and kept from others."""

from base64 import b64decode
from typing import Any

import pytest

from shared.contracts.consent_policy import ConsentKind, Provision, RelationshipRole
from shared.contracts.disclosure import Action
from shared.contracts.likeness import Likeness, digest_of
from shared.contracts.records import KeyClass
from shared.contracts.topics import SESSION_NOTES
from tests.integration.session_notes.world import SOAP, Clinic


async def test_a_client_is_taken_in_and_read_by_those_in_treatment_only(clinic: Clinic) -> None:
    full = {
        "name": "Amara Lindqvist",
        "birth_date": "2000-02-29",
        "identifiers": [{"system": "urn:example:member", "value": "77-1"}],
        "pronouns": "they/them",
        "language": "sv-SE",
        "phone": "+46 8 000 000",
        "email": "amara@example.org",
        "address": "Example street 1",
    }
    made = await clinic.intake.post("/v1/clients", full)
    assert set(made.json) == {"id"}
    assert made.entries
    read = await clinic.intake.get(f"/v1/clients/{made.id}")
    assert {k: read.json[k] for k in full} == full
    assert (read.json["id"], read.json["erased"], read.headers["Etag"]) == (made.id, False, 'W/"1"')
    assert len(read.entries) == 1
    own = await clinic.marsh.get(f"/v1/clients/{clinic.client_id}")
    assert own.json["name"] == "Noor Haddad"
    await clinic.stranger.get(f"/v1/clients/{clinic.client_id}", want=404)
    await clinic.marsh.get(f"/v1/clients/{made.id}", want=404)
    await clinic.marsh.post("/v1/clients", full, want=(403, 404))


async def test_a_session_is_read_back_and_listed_newest_first(clinic: Clinic) -> None:
    body = clinic.session_body(participants=["Noor", "Sam"], attendance="no_show", modality="cbt", format="couple")
    first = await clinic.marsh.post("/v1/sessions", body)
    second = await clinic.session()
    read = (await clinic.marsh.get(f"/v1/sessions/{first.id}")).json
    assert read["held"] is False
    assert (read["attendance"], read["modality"], read["format"]) == ("no_show", "cbt", "couple")
    assert (read["participants"], read["prompts"], read["therapist_id"]) == (["Noor", "Sam"], [], "lena.marsh")
    listed = (await clinic.marsh.get(f"/v1/sessions?client_id={clinic.client_id}")).json
    assert [s["id"] for s in listed["items"]] == [second, first.id]
    assert listed["next"] is None
    await clinic.stranger.get(f"/v1/sessions/{first.id}", want=404)
    await clinic.stranger.get(f"/v1/sessions?client_id={clinic.client_id}", want=404)
    await clinic.stranger.post("/v1/sessions", body, want=404)


async def test_only_sessions_that_were_held_are_announced_and_without_their_times(clinic: Clinic) -> None:
    missed = await clinic.session(attendance="late_cancelled")
    held = await clinic.session()
    await clinic.relayed(SESSION_NOTES, 1)
    (message,) = clinic.sent(SESSION_NOTES)
    assert message.headers["ce_type"] == "session-notes.session-held"
    assert message.headers["ce_schemaversion"] == "1", "of the message; the event in the stream has had two forms"
    assert held.encode() in message.payload
    assert missed.encode() not in message.payload
    assert b"started_at" not in message.payload


async def test_a_progress_note_from_draft_to_addendum(clinic: Clinic) -> None:
    await clinic.relate("sam.okoye", RelationshipRole.SUPERVISOR)
    okoye = clinic.rest.as_("sam.okoye", "supervisor")
    session = await clinic.session()
    path = f"/v1/sessions/{session}/progress-notes"
    made = await clinic.marsh.post(path, {"format": "SOAP", "sections": {"plan": "Weekly."}, "labels": ["SUD"]})
    assert made.json == {"id": made.id, "version": 1}
    note = made.id
    read = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    assert (read["status"], read["kind"], read["author"], read["version"]) == ("draft", "progress", "lena.marsh", 1)
    assert read["sections"] == {"subjective": "", "objective": "", "assessment": "", "plan": "Weekly."}
    assert (read["labels"], read["session_id"], read["client_id"]) == (["SUD"], session, clinic.client_id)
    assert (await okoye.get(f"/v1/notes/{note}")).json["status"] == "draft"

    revised = await clinic.put(clinic.marsh, note, {"sections": SOAP}, 1)
    assert (revised.json["version"], revised.headers["Etag"]) == (2, 'W/"2"')
    await okoye.post(f"/v1/notes/{note}/cosignatures", want=409)
    signed = await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    assert (signed.json["status"], signed.json["version"]) == ("signed", 3)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures", want=409)
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, 3, want=409)
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, 1, want=409)
    await okoye.post(f"/v1/notes/{note}/addenda", {"text": "Mine."}, want=403)
    await okoye.post(f"/v1/notes/{note}/cosignatures")
    await okoye.post(f"/v1/notes/{note}/cosignatures", want=409)
    await clinic.marsh.post(f"/v1/notes/{note}/cosignatures", want=(403, 409))
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": "She called to confirm."})
    whole = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    assert (whole["status"], whole["sections"], whole["version"]) == ("cosigned", SOAP, 5)
    assert [s["by"] for s in whole["signatures"]] == ["lena.marsh"]
    assert [s["by"] for s in whole["cosignatures"]] == ["sam.okoye"]
    assert [(a["text"], a["by"]) for a in whole["addenda"]] == [("She called to confirm.", "lena.marsh")]
    assert whole["signatures"][0]["digest"] == whole["cosignatures"][0]["digest"]


async def test_rule_164_508_a_2_a_psychotherapy_note_is_its_authors_alone(clinic: Clinic) -> None:
    await clinic.relate("sam.okoye")
    await clinic.relate("the.supervisor", RelationshipRole.SUPERVISOR)
    supervisor = clinic.rest.as_("the.supervisor", "supervisor")
    note = await clinic.private(await clinic.session())
    read = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    assert (read["kind"], read["format"], read["labels"]) == ("psychotherapy", None, ["PSYTHPN"])
    for other in (clinic.okoye, supervisor, clinic.stranger, clinic.client, clinic.intake):
        await other.get(f"/v1/notes/{note}", want=404)
        for verb in ("signatures", "cosignatures"):
            await other.post(f"/v1/notes/{note}/{verb}", want=404)
        await other.post(f"/v1/notes/{note}/addenda", {"text": "x"}, want=404)
        await clinic.put(other, note, {"sections": {"process": "x"}}, 1, want=404)
    await clinic.put(clinic.marsh, note, {"sections": {"process": "Slower."}}, 1)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": "Later thought."})
    whole = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    assert (whole["sections"], whole["status"]) == ({"process": "Slower."}, "signed")


async def test_rule_164_508_a_2_i_b_training_under_supervision_opens_a_trainees_note(clinic: Clinic) -> None:
    await clinic.relate("tess.trainee", RelationshipRole.TRAINEE)
    await clinic.relate("the.supervisor", RelationshipRole.SUPERVISOR)
    trainee, supervisor = clinic.rest.as_("tess.trainee", "trainee"), clinic.rest.as_("the.supervisor", "supervisor")
    note = await clinic.private(await clinic.session(trainee), trainee)
    await trainee.post(f"/v1/notes/{note}/signatures")
    await supervisor.get(f"/v1/notes/{note}", want=404)
    await supervisor.get(f"/v1/notes/{note}", X_Purpose_Of_Use="TRAIN")
    await supervisor.post(f"/v1/notes/{note}/cosignatures", want=404)
    cosigned = await supervisor.post(f"/v1/notes/{note}/cosignatures", X_Purpose_Of_Use="TRAIN")
    assert cosigned.json["status"] == "cosigned"


async def test_who_does_not_treat_writes_nothing(clinic: Clinic) -> None:
    session = await clinic.session()
    body = {"format": "narrative", "sections": {"narrative": "x"}}
    for other in (clinic.stranger, clinic.rest.as_("lena.marsh", "therapist", tenant="another-clinic")):
        await other.post(f"/v1/sessions/{session}/progress-notes", body, want=404)
        await other.post(f"/v1/sessions/{session}/psychotherapy-notes", {"sections": {"process": "x"}}, want=404)
    await clinic.marsh.post(f"/v1/sessions/{clinic.client_id}/progress-notes", body, want=404)


async def test_a_missed_session_takes_a_progress_note_only(clinic: Clinic) -> None:
    session = await clinic.session(attendance="no_show")
    await clinic.progress(session)
    await clinic.marsh.post(f"/v1/sessions/{session}/psychotherapy-notes", {"sections": {"process": "x"}}, want=409)


async def test_a_list_holds_what_the_caller_may_read_by_one_question(clinic: Clinic) -> None:
    await clinic.relate("sam.okoye")
    session = await clinic.session()
    mine, theirs = [], []
    for number in range(4):
        mine.append(await clinic.progress(session))
        theirs.append(await clinic.private(session, text=f"Thought {number}."))
    asked = len(clinic.asked())
    everything = await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")
    assert {n["id"] for n in everything.json["items"]} == {*mine, *theirs}
    assert len(everything.entries) == 2, "psychotherapy notes have an entry of their own (ADR 0037)"
    assert len(clinic.asked()) == asked + 1
    found, path = [], f"/v1/notes?client_id={clinic.client_id}&limit=2"
    cursor = ""
    for _ in range(2):
        page = await clinic.okoye.get(path + cursor)
        assert len(page.entries) == 1
        assert len(page.json["items"]) == 2
        assert set(page.json) == {"items", "next"}
        found += page.json["items"]
        cursor = f"&cursor={page.json['next']}"
    assert [n["id"] for n in found] == mine[::-1]
    assert page.json["next"] is None
    await clinic.stranger.get(path, want=404)


async def test_a_cursor_is_bound_to_its_caller_and_query(clinic: Clinic) -> None:
    await clinic.relate("sam.okoye")
    session = await clinic.session()
    for _ in range(3):
        await clinic.progress(session)
    page = (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}&limit=1")).json
    await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}&limit=1&cursor={page['next']}")
    await clinic.okoye.get(f"/v1/notes?client_id={clinic.client_id}&limit=1&cursor={page['next']}", want=422)
    await clinic.marsh.get(f"/v1/sessions?client_id={clinic.client_id}&limit=1&cursor={page['next']}", want=422)


async def test_who_may_know_the_client_but_read_nothing_gets_an_empty_list(clinic: Clinic) -> None:
    await clinic.private(await clinic.session())
    await clinic.relate("sam.okoye")
    listed = await clinic.okoye.get(f"/v1/notes?client_id={clinic.client_id}")
    assert listed.json == {"items": [], "next": None}
    assert listed.entries


async def test_a_key_that_is_repeated_writes_once(clinic: Clinic) -> None:
    session = await clinic.session()
    path, body = f"/v1/sessions/{session}/progress-notes", {"format": "SOAP", "sections": SOAP}
    first = await clinic.marsh.post(path, body, Idempotency_Key="k-1")
    again = await clinic.marsh.post(path, body, Idempotency_Key="k-1")
    assert (again.json, again.headers["Etag"]) == (first.json, 'W/"1"')
    other = {"format": "SOAP", "sections": {**SOAP, "plan": "Other."}}
    reused = await clinic.marsh.post(path, other, Idempotency_Key="k-1", want=422)
    assert reused.json["type"] == "/problems/idempotency-key-reused"
    listed = (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"]
    assert [n["id"] for n in listed] == [first.id]


async def test_if_match(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, None, want=428)
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, 7, want=412)
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, 1)
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, 1, want=412)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures", If_Match='W/"1"', want=412)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures", If_Match='W/"2"')


async def test_labels_decide_who_reads(clinic: Clinic) -> None:
    await clinic.relate("sam.okoye")
    session = await clinic.session()
    plain, labelled = await clinic.progress(session), await clinic.progress(session, labels=["HIV"])
    apart = Provision(type="deny", actors=("sam.okoye",), labels=("HIV",))
    await clinic.consent(ConsentKind.TREATMENT, provisions=(apart,))
    await clinic.okoye.get(f"/v1/notes/{plain}")
    await clinic.okoye.get(f"/v1/notes/{labelled}", want=403)
    listed = await clinic.okoye.get(f"/v1/notes?client_id={clinic.client_id}&limit=1")
    assert ([n["id"] for n in listed.json["items"]], listed.json["next"]) == ([plain], None)
    await clinic.marsh.get(f"/v1/notes/{labelled}")


async def test_a_disclosure_under_42_cfr_part_2_carries_its_notice(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session(), labels=["SUD"])
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["notices"] == []
    await clinic.relate("sam.okoye")
    named = (Provision(type="permit", actors=("sam.okoye",)),)
    await clinic.consent(ConsentKind.PART2_TPO, provisions=named, covers=(KeyClass.PROGRESS_NOTE,))
    for read in (
        (await clinic.okoye.get(f"/v1/notes/{note}")).json,
        (await clinic.okoye.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"][0],
    ):
        assert [n["code"] for n in read["notices"]] == ["42-cfr-2.32", "consent-scope"]


async def test_relabelling_is_no_part_of_a_revision(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session(), labels=["HIV"])
    await clinic.put(clinic.marsh, note, {"sections": SOAP, "labels": ["HIV"]}, 1)
    for labels in ([], ["HIV", "SUD"]):
        refused = await clinic.put(clinic.marsh, note, {"sections": SOAP, "labels": labels}, 2, want=422)
        assert [e["pointer"] for e in refused.json["errors"]] == ["/labels"]


async def test_every_read_and_write_is_asked_once_as_what_it_is(clinic: Clinic) -> None:
    start = len(clinic.asked())
    session = await clinic.session()
    note = await clinic.progress(session)
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, 1)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": "More."})
    await clinic.marsh.get(f"/v1/notes/{note}")
    await clinic.marsh.get(f"/v1/sessions/{session}")
    await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")
    asked: list[Any] = [(r.action, [x.record_type.value for x in r.records]) for r in clinic.asked()[start:]]
    assert asked == [
        (Action.CREATE, ["session"]),
        (Action.CREATE, ["progress_note"]),
        (Action.UPDATE, ["progress_note"]),
        (Action.SIGN, ["progress_note"]),
        (Action.UPDATE, ["progress_note"]),
        (Action.READ, ["progress_note"]),
        (Action.READ, ["session"]),
        (Action.SEARCH, ["progress_note"]),
    ]


@pytest.mark.parametrize("path", ["/v1/notes", "/v1/sessions"])
async def test_nothing_without_a_token(clinic: Clinic, path: str) -> None:
    async with clinic.rest.session.get(f"{clinic.world.base_url}{path}?client_id={clinic.client_id}") as got:
        assert got.status == 401


async def test_likeness_is_asked_for_by_another_officer(clinic: Clinic) -> None:
    officer = clinic.rest.as_("imani.brook", "compliance_officer")
    path, body = f"/v1/clients/{clinic.client_id}/likeness", {"sub": "sami.haddad", "name": "Sami Haddad"}
    made = (await officer.call("POST", path, body, want=200, X_Purpose_Of_Use="HCOMPL")).json
    told = Likeness.model_validate_json(b64decode(made["statement"]))
    assert (told.same_surname, told.same_person, told.compared) == (True, False, digest_of("SAMI HADDAD"))
    assert "Haddad" not in b64decode(made["statement"]).decode()
    await officer.call("POST", path, body | {"sub": officer.sub}, want=403, X_Purpose_Of_Use="HCOMPL")
