"""What may have harmed a client, and what they say about how they are treated: over HTTP with the real gate."""

import pytest

from shared.contracts.consent_policy import ConsentKind, Provision, RelationshipRole
from shared.contracts.harm import HARM_TOLD
from shared.contracts.records import KeyClass
from shared.contracts.topics import RECEIPTS
from tests.e2e.rest import Person
from tests.integration.session_notes.world import Clinic
from tests.support.waiting import until

GIFT = {
    "kind": "gift",
    "began_by": "client",
    "what": "A drawing at the end of the hour.",
    "reasoning": "Taken and talked about: to refuse it would have shamed him.",
    "consultation": None,
}


async def supervised(clinic: Clinic) -> Person:
    await clinic.relate("mara.lind", RelationshipRole.SUPERVISOR)
    return clinic.rest.as_("mara.lind", "supervisor")


async def test_a_boundary_event_goes_to_the_supervisor_and_cannot_be_taken_back(clinic: Clinic) -> None:
    event = (await clinic.marsh.post(f"/v1/clients/{clinic.client_id}/boundary-events", GIFT)).id
    supervisor = await supervised(clinic)
    # whatever a consent says to supervisors
    await clinic.consent(ConsentKind.TREATMENT, provisions=(Provision(type="deny", roles=("supervisor",)),))
    (waits,) = (await supervisor.get("/v1/worklist")).json["harm_to_review"]
    assert (waits["id"], waits["kind"]) == (event, "boundary_event") and "what" not in waits
    assert (await clinic.marsh.get("/v1/worklist")).json["harm_to_review"] == []
    path = f"/v1/boundary-events/{event}"
    await clinic.marsh.post(f"{path}/additions", {"words": "Hung in the practice; he was glad."})
    await clinic.marsh.post(f"{path}/reviews", {"words": "Fine."}, want=403)
    await supervisor.post(f"{path}/additions", {"words": "Not mine."}, want=403)
    for verb in ("PUT", "DELETE", "PATCH"):
        await clinic.marsh.call(verb, path, GIFT, want=405)
    await clinic.marsh.post(f"{path}/entered-in-error", {"reason": "x"}, want=404)
    await supervisor.post(f"{path}/reviews", {"words": "Talked over in supervision."})
    read = (await supervisor.get(path)).json
    assert read["status"] == "reviewed" and read["what"] == GIFT["what"] and len(read["additions"]) == 1
    assert (await supervisor.get("/v1/worklist")).json["harm_to_review"] == []
    await clinic.stranger.get(path, want=404)


async def test_patterns_are_counts_with_their_rule(clinic: Clinic) -> None:
    path = f"/v1/clients/{clinic.client_id}/boundary-events"
    await clinic.marsh.post(path, GIFT)
    one = (await clinic.marsh.get(f"/v1/clients/{clinic.client_id}/boundary-patterns")).json
    assert one["patterns"] == [] and one["counts"] == {"gift": 1} and "a pattern" not in one["rule"]
    for kind in ("gift", "fee", "place"):
        await clinic.marsh.post(path, {**GIFT, "kind": kind})
    found = (await clinic.marsh.get(f"/v1/clients/{clinic.client_id}/boundary-patterns")).json
    assert found["patterns"] == [{"kind": "gift", "count": 2}, {"kind": "any", "count": 4}]
    await clinic.stranger.get(f"/v1/clients/{clinic.client_id}/boundary-patterns", want=404)


@pytest.mark.parametrize(("seriousness", "alarm"), [("fatal", "harm-fatal"), ("urgent", "harm-urgent"), ("serious", None)])
async def test_fatal_and_urgent_effects_alarm_at_once(clinic: Clinic, seriousness: str, alarm: str | None) -> None:
    words = "a fall on the way home"
    await clinic.marsh.post(f"/v1/clients/{clinic.client_id}/adverse-effects", {"what": words, "seriousness": seriousness})
    officer = clinic.rest.as_("officer-1", "compliance_officer")
    if alarm is None:
        assert not [m for m in clinic.sent(RECEIPTS) if m.headers["ce_type"] == HARM_TOLD]
        return

    async def alarmed() -> bool:
        return alarm in (await officer.get("/v1/audit/alarms")).text

    await until(alarmed)
    page = (await officer.get("/v1/audit/alarms")).text
    assert words not in page and clinic.client_id not in page


async def test_a_concern_stays_closed_to_whom_it_is_about(clinic: Clinic) -> None:
    await clinic.session()
    officer, supervisor = clinic.rest.as_("officer-1", "compliance_officer"), await supervised(clinic)
    words = {"words": "He laughed when I spoke of my brother.", "about": ["sam.okoye"]}
    concern = (await clinic.client.post("/v1/concerns", words)).id
    path = f"/v1/concerns/{concern}"
    # the therapist of the sessions, and who is named, in whatever role they come; no other therapist either
    for sub in ("lena.marsh", "sam.okoye"):
        await clinic.relate(sub, RelationshipRole.SUPERVISOR)
        for role in ("therapist", "supervisor", "compliance_officer"):
            person = clinic.rest.as_(sub, role)
            await person.get(path, want=404)
            await person.post(f"{path}/answers", {"words": "It was not so."}, want=404)
            if role != "therapist":
                assert (await person.get("/v1/concerns")).json["items"] == []
    await clinic.marsh.get("/v1/concerns", want=403)
    await clinic.stranger.get(path, want=404)
    for who in (officer, supervisor, clinic.client):
        assert [c["id"] for c in (await who.get("/v1/concerns")).json["items"]] == [concern]
        assert (await who.get(path)).json["words"] == words["words"]
    other = clinic.rest.as_("zoe", "client", client_id="00000000-0000-4000-8000-000000000001")
    assert (await other.get("/v1/concerns")).json["items"] == []
    await other.get(path, want=404)
    await clinic.marsh.post("/v1/concerns", {"words": "x"}, want=403)


async def test_a_concern_is_answered_tracked_and_closed(clinic: Clinic) -> None:
    officer = clinic.rest.as_("officer-1", "compliance_officer")
    concern = (await clinic.client.post("/v1/concerns", {"words": "The sessions begin late."})).id
    path = f"/v1/concerns/{concern}"

    async def alarmed() -> bool:
        return "harm-concern-raised" in (await officer.get("/v1/audit/alarms")).text

    await until(alarmed)
    assert "begin late" not in (await officer.get("/v1/audit/alarms")).text
    read = (await officer.get(path)).json
    assert read["status"] == "open" and read["due_at"] is not None
    await officer.post(f"{path}/closure", {"words": "Done."}, want=409)
    await officer.post(f"{path}/answers", {"words": "They begin on time from now on."})
    assert (await clinic.client.get(path)).json["due_at"] is None
    assert (await officer.get("/v1/concerns?status=open")).json["items"] == []
    await clinic.client.post(f"{path}/answers", {"words": "Not yet last week."})
    assert [c["id"] for c in (await officer.get("/v1/concerns?status=open")).json["items"]] == [concern]
    await clinic.client.post(f"{path}/closure", {"words": "It is well now."})
    read = (await officer.get(path)).json
    assert read["status"] == "closed" and read["closure"]["words"] == "It is well now."
    await officer.post(f"{path}/answers", {"words": "Again."}, want=409)


async def test_no_key_of_the_treatment_opens_a_concern(clinic: Clinic) -> None:
    concern = (await clinic.client.post("/v1/concerns", {"words": "About the fee."})).id
    (asked,) = (a for a in clinic.asked() for r in a.records if r.record_id == concern)
    assert {r.record_type for r in asked.records} == {"concern"} and asked.records[0].labels == ()
    await clinic.erase(KeyClass.CONCERN)
    assert (await clinic.client.get(f"/v1/concerns/{concern}")).json["status"] == "erased"
    assert (await clinic.client.get(f"/v1/clients/{clinic.client_id}")).json["name"] == "Noor Haddad"
