"""A record system that an administrator registered writes down consents; one that nobody registered does not."""

from typing import Any

import pytest

from tests.e2e.rest import Person
from tests.integration.consent.fhir_consents import BASE, consent, issues, post
from tests.integration.consent.test_fhir_edges import events
from tests.integration.consent.world import Clinic

SYSTEM = "ehr-riverside"


def ehr(clinic: Clinic, sub: str = SYSTEM) -> Person:
    return clinic.rest.as_(sub, "ehr_system")


def administrator(clinic: Clinic) -> Person:
    return clinic.rest.as_("adm-1", "administrator")


def officer(clinic: Clinic) -> Person:
    return clinic.rest.as_("officer-ada", "compliance_officer")


async def trusted(clinic: Clinic, system: str = SYSTEM) -> str:
    return (await administrator(clinic).post("/v1/ehr-systems", {"system": system, "name": "Riverside EHR"})).id


async def entries(clinic: Clinic, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await officer(clinic).get(f"/v1/audit/entries?client_id={clinic.client_id}&{query}".rstrip("&"))
    ).json["items"]
    return found


async def all_agree(clinic: Clinic) -> None:
    """Every decision comes out as recorded when it is made again."""
    for one in await entries(clinic):
        why = (await officer(clinic).get(f"/v1/audit/entries/{one['index']}/explanation")).json
        assert why.get("agrees", True), why


async def test_a_system_that_nobody_registered_writes_nothing(clinic: Clinic) -> None:
    before = await events(clinic)
    assert issues(await post(ehr(clinic), consent(clinic), want=403))[0]["code"] == "forbidden"
    await ehr(clinic).post("/v1/consents", clinic.form(), want=403)
    await trusted(clinic, "another-system")
    await post(ehr(clinic), consent(clinic), want=403)
    assert await events(clinic) == before


async def test_a_registered_system_writes_down_a_consent_and_the_client_signs_it(clinic: Clinic) -> None:
    registration = await trusted(clinic)
    made = await post(ehr(clinic), consent(clinic))
    assert made.json["status"] == "proposed"  # the client signs, not the system
    (told,) = await entries(clinic, "action=create")
    assert f"system:{registration}" in told["basis"] and told["agent"]["sub"] == SYSTEM
    await all_agree(clinic)
    assert (await ehr(clinic).get(f"{BASE}/Consent/{made.id}")).json == made.json
    changed = await ehr(clinic).put(
        f"{BASE}/Consent/{made.id}", {**made.json, "dateTime": "2026-01-03"}, If_Match=made.headers["Etag"]
    )
    assert changed.json["dateTime"] == "2026-01-03"
    await clinic.client.post(f"/v1/consents/{made.id}/signatures")
    assert (await clinic.client.get(f"{BASE}/Consent/{made.id}")).json["status"] == "active"
    ended = {**changed.json, "status": "inactive"}
    seen = (await ehr(clinic).get(f"{BASE}/Consent/{made.id}")).headers["Etag"]
    await ehr(clinic).put(f"{BASE}/Consent/{made.id}", ended, want=403, If_Match=seen)


async def test_it_reads_what_it_wrote_and_nothing_else(clinic: Clinic) -> None:
    await trusted(clinic)
    intakes = await post(clinic.intake, consent(clinic))
    body = consent(clinic)
    criteria = f"identifier=urn:example:forms|{body['identifier'][0]['value']}"
    first = await post(ehr(clinic), body, If_None_Exist=criteria)
    assert (await post(ehr(clinic), body, want=200, If_None_Exist=criteria)).id == first.id
    await ehr(clinic).get(f"{BASE}/Consent/{intakes.id}", want=404)
    await ehr(clinic).put(f"{BASE}/Consent/{intakes.id}", intakes.json, want=404, If_Match=intakes.headers["Etag"])
    found = (await ehr(clinic).get(f"{BASE}/Consent?patient={clinic.client_id}")).json
    assert [e["resource"]["id"] for e in found["entry"]] == [first.id]
    await ehr(clinic).get(f"/v1/relationships?client_id={clinic.client_id}")
    await ehr(clinic).post("/v1/relationships", clinic.relationship(), want=(403, 404))
    await ehr(clinic).post(f"/v1/consents/{first.id}/signatures", want=403)
    await ehr(clinic).post(f"/v1/consents/{first.id}/revocations", want=403)


async def test_the_trust_ends_at_once(clinic: Clinic) -> None:
    registration = await trusted(clinic)
    made = await post(ehr(clinic), consent(clinic))
    ended = await administrator(clinic).post(f"/v1/ehr-systems/{registration}/end", want=200)
    assert (ended.json["status"], ended.json["ended_by"]) == ("ended", "adm-1")
    await post(ehr(clinic), consent(clinic), want=403)
    await administrator(clinic).post(f"/v1/ehr-systems/{registration}/end", want=409)
    assert made.id
    await all_agree(clinic)  # what was decided then is explained by what held then
    assert await trusted(clinic) != registration
    await post(ehr(clinic), consent(clinic))


async def test_a_registration_is_on_record_and_seen_by_officers(clinic: Clinic) -> None:
    body = {"system": SYSTEM, "name": "Riverside EHR"}
    made = await administrator(clinic).post("/v1/ehr-systems", body)
    again = await administrator(clinic).post("/v1/ehr-systems", body, want=200)
    assert again.json == made.json
    shown = (await officer(clinic).get("/v1/ehr-systems")).json["items"]
    assert shown == [made.json] and shown[0]["status"] == "trusted"
    entry = (await officer(clinic).get(f"/v1/audit/entries/{made.entries[0]}")).json
    assert (entry["action"], entry["reason"], entry["agent"]["sub"]) == ("register-system", "system-registered", "adm-1")


@pytest.mark.parametrize("role", ["intake", "therapist", "supervisor", "trainee", "compliance_officer", "ehr_system"])
async def test_an_administrator_alone_registers(clinic: Clinic, role: str) -> None:
    registration = await trusted(clinic, "another")
    somebody = clinic.rest.as_("somebody", role)
    refused = await somebody.post("/v1/ehr-systems", {"system": "somebody", "name": "x"}, want=403)
    assert refused.entries  # an attempt is on record
    await somebody.post(f"/v1/ehr-systems/{registration}/end", want=403)
    await somebody.post("/v1/practice", solo(), want=403)
    if role != "compliance_officer":
        await somebody.get("/v1/ehr-systems", want=403)
        await somebody.get("/v1/practice", want=403)


@pytest.mark.parametrize("system", ["", "a b", " a", "a\n", "Ehr\u200b", "x" * 201])
async def test_a_system_is_named_by_a_sub_as_tokens_have_it(clinic: Clinic, system: str) -> None:
    refused = await administrator(clinic).post("/v1/ehr-systems", {"system": system, "name": "x"}, want=422)
    assert refused.json["errors"][0]["pointer"] == "/system"


def solo(practitioner: str = "lena.marsh", second: str = "officer-outside") -> dict[str, Any]:
    return {"kind": "solo", "practitioner": practitioner, "second_person": {"sub": second, "name": "Dr. Outside"}}


def alone(clinic: Clinic, sub: str = "lena.marsh", acting: str | None = None) -> Person:
    token = clinic.rest.mint(sub=sub, tenant=clinic.tenant, roles=["therapist", "intake"], role=acting)
    return Person(clinic.rest, sub, token)


AS_INTAKE = {"X_Acting_Role": "intake"}


async def test_a_practice_of_one_person_can_work(clinic: Clinic) -> None:
    said = await administrator(clinic).post("/v1/practice", solo())
    assert (await officer(clinic).get("/v1/practice")).json == said.json
    entry = (await officer(clinic).get(f"/v1/audit/entries/{said.entries[0]}")).json
    assert (entry["reason"], entry["detail"]) == ("solo-practice", {"practitioner": "lena.marsh", "second": "officer-outside"})
    marsh = alone(clinic)
    await marsh.post("/v1/relationships", clinic.relationship(), want=403)  # as a therapist
    related = await marsh.post("/v1/relationships", clinic.relationship(), **AS_INTAKE)
    made = await marsh.post("/v1/consents", clinic.form(), **AS_INTAKE)
    seen = {"witness": "Lena Marsh", "evidence": "Signed on paper, kept in the folder."}
    signed = await marsh.post(f"/v1/consents/{made.id}/signatures", seen, **AS_INTAKE)
    assert signed.json["status"] == "active"
    assert (await marsh.get(f"/v1/consents/{made.id}")).json["signatures"][0]["role"] == "intake"
    roles = {e["agent"]["role"] for e in await entries(clinic) if e["agent"]["sub"] == "lena.marsh"}
    assert roles == {"intake", "therapist"}
    await all_agree(clinic)
    await marsh.post(f"/v1/relationships/{related.id}/end", want=200)


async def test_several_roles_count_in_a_solo_practice_alone(clinic: Clinic) -> None:
    before = await events(clinic)
    marsh = alone(clinic)
    await marsh.post("/v1/relationships", clinic.relationship(), want=(403, 404), **AS_INTAKE)
    await marsh.post("/v1/consents", clinic.form(), want=(403, 404), **AS_INTAKE)
    await post(marsh, consent(clinic), want=404, **AS_INTAKE)
    assert await events(clinic) == before
    other = clinic.world.clinic()
    await administrator(other).post("/v1/practice", solo())
    somebody = alone(other, "somebody.else")
    await somebody.post("/v1/consents", other.form(), want=(403, 404), **AS_INTAKE)
    await alone(other).post("/v1/consents", other.form(), want=403, X_Acting_Role="compliance_officer")
    await other.intake.post("/v1/consents", other.form(), want=403, X_Acting_Role="therapist")


async def test_a_solo_practice_is_said_once_and_before_its_first_record(clinic: Clinic) -> None:
    refused = await administrator(clinic).post("/v1/practice", solo(second="lena.marsh"), want=422)
    assert refused.json["errors"][0]["pointer"] == "/second_person/sub"
    assert (await officer(clinic).get("/v1/practice")).json == {"kind": "group"}
    await administrator(clinic).post("/v1/practice", solo())
    await administrator(clinic).post("/v1/practice", solo(second="another"), want=409)
    grown = clinic.world.clinic()
    await grown.proposed()
    await administrator(grown).post("/v1/practice", solo(), want=409)


async def test_what_needs_two_people_needs_the_second_person(clinic: Clinic) -> None:
    await administrator(clinic).post("/v1/practice", solo())
    marsh, outside = alone(clinic), clinic.rest.as_("officer-outside", "compliance_officer")
    await clinic.proposed()
    asked = await marsh.post(
        "/v1/erasures", {"client_id": clinic.client_id, "key_classes": ["identity"], "basis": "GDPR 17(1)(b)"}, want=202
    )
    path = f"/v1/erasures/{asked.id}/approvals"
    await marsh.post(path, want=403)
    refused = await officer(clinic).post(path, want=403)
    assert "second person" in refused.json["detail"] and refused.entries
    await outside.post(path, want=202)
    assert (await marsh.get(f"/v1/erasures/{asked.id}")).json["approved_by"] == "officer-outside"
    for law, second, want in (("us", officer(clinic), 202), ("eu", outside, 200)):
        names = [p["id"] for p in (await officer(clinic).get("/v1/audit/law")).json["packs"]]
        chosen = {"law": next(n for n in names if n.startswith(law))}
        await marsh.put("/v1/audit/settings", chosen, want=202)
        await second.put("/v1/audit/settings", chosen, want=want)
    threat = {
        "client_id": clinic.client_id,
        "purpose": "THREAT",
        "reason": "A serious and imminent threat to a person.",
        "scope": [clinic.client_id],
        "minutes": 60,
        "recipient": "Police",
    }
    grant = await marsh.post("/v1/break-glass", threat)
    await clinic.rest.as_("t-okafor", "therapist").post(f"/v1/break-glass/{grant.id}/approvals", want=403)
    await marsh.post(f"/v1/break-glass/{grant.id}/approvals", want=403)
    approved = await outside.post(f"/v1/break-glass/{grant.id}/approvals", want=200)
    assert approved.json["status"] == "active"
