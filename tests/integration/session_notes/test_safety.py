"""A safety plan in the client's own words, and topics that the client has closed: over HTTP with the real gate."""

from shared.contracts.consent_policy import ConsentKind
from shared.contracts.records import KeyClass
from tests.integration.session_notes.world import Clinic

STEPS = {
    "warning_signs": ["I stop opening letters."],
    "own_coping": ["Walk to the weir and back."],
    "people_and_places": ["The library."],
    "people_to_ask": ["Samira"],
    "professionals": ["Dr. Marsh", "The crisis line"],
    "safer_surroundings": ["Samira keeps the tablets."],
}


async def test_either_side_writes_the_plan_and_the_newest_stands(clinic: Clinic) -> None:
    path = f"/v1/clients/{clinic.client_id}/safety-plan"
    await clinic.marsh.get(path, want=404)
    await clinic.marsh.call("PUT", path, STEPS, want=201)
    await clinic.client.call("PUT", path, STEPS, want=428)
    changed = {**STEPS, "own_coping": ["Walk to the weir.", "Ring the bell of the chapel."]}
    await clinic.client.call("PUT", path, changed, want=200, If_Match='W/"1"')
    await clinic.marsh.call("PUT", path, STEPS, want=412, If_Match='W/"1"')
    read = (await clinic.marsh.get(path)).json
    assert read["steps"] == changed and read["changed_by"] == "noor.haddad" and read["version"] == 2
    await clinic.stranger.get(path, want=404)
    await clinic.stranger.call("PUT", path, STEPS, want=404, If_Match="*")
    refused = (await clinic.marsh.call("PUT", path, {**STEPS, "warning_signs": []}, want=422, If_Match="*")).json
    assert refused["errors"][0]["pointer"] == "/warning_signs"


async def test_a_closed_topic_is_read_without_a_consent_and_opened_by_the_client_alone(clinic: Clinic) -> None:
    path = f"/v1/clients/{clinic.client_id}/closed-topics"
    topic = (await clinic.client.post(path, {"topic": "The summer at the lake."})).id
    await clinic.relate("sam.okoye")
    await clinic.consent(ConsentKind.TREATMENT, base="deny")
    shown = (await clinic.okoye.get(path)).json["items"]
    assert [(t["topic"], t["status"], t["opened"]) for t in shown] == [("The summer at the lake.", "closed", None)]
    await clinic.marsh.post(f"/v1/closed-topics/{topic}/opening", {}, want=403)
    await clinic.stranger.get(path, want=404)
    await clinic.client.post(f"/v1/closed-topics/{topic}/opening", {"words": "A little of it."})
    (shown,) = (await clinic.marsh.get(path)).json["items"]
    assert shown["status"] == "opened" and shown["opened"]["words"] == "A little of it."
    await clinic.client.post(f"/v1/closed-topics/{topic}/opening", {}, want=409)


async def test_both_are_erased_with_the_notes(clinic: Clinic) -> None:
    plan, topics = (f"/v1/clients/{clinic.client_id}/{name}" for name in ("safety-plan", "closed-topics"))
    await clinic.marsh.call("PUT", plan, STEPS, want=201)
    await clinic.marsh.post(topics, {"topic": "The summer at the lake."})
    await clinic.erase(KeyClass.PROGRESS_NOTE)
    assert (await clinic.marsh.get(plan)).json["steps"] == {name: [] for name in STEPS}
    assert [t["topic"] for t in (await clinic.marsh.get(topics)).json["items"]] == [""]
