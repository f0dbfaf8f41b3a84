"""The edges of FHIR over HTTP: preconditions, searches, history, and what a refused write leaves behind (nothing)."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import pytest

from tests.e2e.rest import Answer, Person
from tests.integration.consent.fhir_consents import BASE, V3, consent, issues, post
from tests.integration.consent.world import Clinic

FORM = "application/x-www-form-urlencoded"
ENDED = ("inactive", "rejected", "entered-in-error")


async def events(clinic: Clinic) -> int:
    """Events of this tenant."""
    database = clinic.world.parts.database
    assert database is not None
    connection = await asyncpg.connect(database.app)
    try:
        await connection.execute("SELECT set_config('app.tenant_id', $1, false)", clinic.tenant)
        return int(await connection.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1", clinic.tenant))
    finally:
        await connection.close()


@pytest.mark.parametrize("status", ENDED)
async def test_a_create_that_may_not_end_it_writes_nothing(clinic: Clinic, status: str) -> None:
    await clinic.related()
    before = await events(clinic)
    refused = await post(clinic.marsh, consent(clinic, status=status), want=403)
    assert issues(refused)[0]["code"] == "forbidden"
    assert await events(clinic) == before
    made = await post(clinic.intake, consent(clinic, status=status))
    assert made.json["status"] == status
    assert [e["resource"]["meta"]["versionId"] for e in (await history(clinic.intake, made.id))] == [
        made.json["meta"]["versionId"]
    ]


@pytest.mark.parametrize("status", ENDED)
async def test_an_update_that_may_not_end_it_changes_nothing(clinic: Clinic, status: str) -> None:
    await clinic.related()
    made = await post(clinic.marsh, consent(clinic))
    assent = {"client_id": clinic.client_id, "name": "Ines"}
    assert assent and made.json["status"] == "proposed"
    before, path = await events(clinic), f"{BASE}/Consent/{made.id}"
    changed = {**made.json, "dateTime": "2026-01-03", "status": status}
    await clinic.marsh.put(path, changed, want=403, If_Match=made.headers["Etag"])
    assert await events(clinic) == before
    assert (await clinic.marsh.get(path)).json == made.json


async def test_an_update_that_may_not_end_it_keeps_the_client_s_signature(clinic: Clinic) -> None:
    """A consent that waits for something else than the client's signature, which it has."""
    await clinic.related()
    made = await post(clinic.marsh, consent(clinic, sourceAttachment=None))
    await clinic.client.post(f"/v1/consents/{made.id}/signatures")
    now = await clinic.marsh.get(f"{BASE}/Consent/{made.id}")
    assert now.json["status"] == "proposed"
    ended = {**now.json, "status": "inactive", "dateTime": "2026-01-03"}
    await clinic.marsh.put(f"{BASE}/Consent/{made.id}", ended, want=403, If_Match=now.headers["Etag"])
    assert len((await clinic.client.get(f"/v1/consents/{made.id}")).json["signatures"]) == 1


async def test_a_create_with_its_signature_is_one_version(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))
    assert made.json["status"] == "active"
    (only,) = await history(clinic.intake, made.id)
    assert only["resource"] == made.json
    number = int(made.json["meta"]["versionId"])
    for earlier in range(1, number):
        await clinic.intake.get(f"{BASE}/Consent/{made.id}/_history/{earlier}", want=404)


async def history(person: Person, consent_id: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.get(f"{BASE}/Consent/{consent_id}/_history{query}")).json.get("entry", [])
    return found


async def versions_of(clinic: Clinic, count: int) -> tuple[str, list[Answer]]:
    made = await post(clinic.intake, consent(clinic, status="proposed"))
    answers = [made]
    for day in range(3, count + 2):
        body = {**answers[-1].json, "dateTime": f"2026-01-0{day}"}
        answers.append(await clinic.intake.put(f"{BASE}/Consent/{made.id}", body, If_Match=answers[-1].headers["Etag"]))
    return made.id, answers


async def test_history_is_what_vread_gives_and_can_be_shorter(clinic: Clinic) -> None:
    consent_id, answers = await versions_of(clinic, 4)
    entries = await history(clinic.intake, consent_id)
    listed = [int(e["resource"]["meta"]["versionId"]) for e in entries]
    given = []
    for number in range(1, listed[0] + 3):
        answer = await clinic.intake.get(f"{BASE}/Consent/{consent_id}/_history/{number}", want=(200, 404))
        given += [number] if answer.status == 200 else []
    assert listed == given[::-1] and len(listed) == 4
    shown = answers[2].json["meta"]["lastUpdated"].replace("+", "%2B")
    since = await history(clinic.intake, consent_id, f"?_since={shown}")
    assert [e["resource"] for e in since] == [answers[3].json, answers[2].json]
    assert await history(clinic.intake, consent_id, "?_since=2100-01-01T00:00:00Z") == []
    seen, url, pages = [], f"{BASE}/Consent/{consent_id}/_history?_count=3", 0
    while url:
        bundle = (await clinic.intake.get(url)).json
        assert bundle["total"] == 4
        seen += [e["resource"]["meta"]["versionId"] for e in bundle["entry"]]
        url = next((BASE + link["url"].split(BASE, 1)[1] for link in bundle["link"] if link["relation"] == "next"), "")
        pages += 1
    assert (pages, [int(n) for n in seen]) == (2, listed)


@pytest.mark.parametrize(
    "query", ["_at=2026", "_since=2026-01-01", "_since=soon", "_count=0002009", "_list=x", "_since=ge2026-01-01T00:00:00Z"]
)
async def test_history_refuses_what_it_does_not_know(clinic: Clinic, query: str) -> None:
    made = await post(clinic.intake, consent(clinic, status="proposed"))
    issues(await clinic.intake.get(f"{BASE}/Consent/{made.id}/_history?{query}", want=400))


async def found(person: Person, query: str) -> set[str]:
    bundle = (await person.get(f"{BASE}/Consent?{query}")).json
    return {e["resource"]["id"] for e in bundle.get("entry", [])}


async def test_a_consent_is_found_by_what_the_server_itself_shows(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))
    shown = made.json["meta"]["lastUpdated"].replace("+", "%2B")
    patient = f"patient={clinic.world.parts.public_url}{BASE}/Patient/{clinic.client_id}"
    for query, expected in (
        (f"_lastUpdated={shown}", {made.id}),
        (f"_lastUpdated=ge{shown}&_lastUpdated=le{shown}", {made.id}),
        (f"_lastUpdated=gt{shown}", set()),
        (f"_lastUpdated=lt{shown}", set()),
        ("status=http://hl7.org/fhir/consent-state-codes|active", {made.id}),
        ("status=http://hl7.org/fhir/consent-state-codes|", {made.id}),
        ("status=urn:elsewhere|active", set()),
        ("status=|active", set()),
        (f"purpose={V3}ActReason|", set()),
        ("identifier=urn:example:forms|", {made.id}),
        ("period=ge2026-01-01T00:00Z", {made.id}),
        ("period=sa2025-12-31T23:59%2B00:00", {made.id}),
        ("period=2026-01", set()),
    ):
        assert await found(clinic.intake, f"{patient}&{query}") == expected, query


@pytest.mark.parametrize("patient", ["https://elsewhere.example/fhir/R4/Patient/{c}", "Practitioner/{c}", "{c},{c}", "Patient/"])
async def test_a_patient_of_elsewhere_is_refused(clinic: Clinic, patient: str) -> None:
    issues(await clinic.intake.get(f"{BASE}/Consent?patient={patient.format(c=clinic.client_id)}", want=400))


async def test_a_search_by_form_is_read_as_the_one_by_address(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))
    path = f"{BASE}/Consent/_search"
    body = f"status=active&patient=Patient%2F{clinic.client_id}".encode()
    answer = await clinic.intake.post(path, body, want=200, Content_Type=f"{FORM}; charset=utf-8")
    assert [e["resource"]["id"] for e in answer.json["entry"]] == [made.id]
    issues(await clinic.intake.post(path, b"{}", want=415))
    issues(await clinic.intake.post(path, b"status=%ff", want=400, Content_Type=FORM))
    issues(await clinic.intake.post(path, b"a" * 20_000, want=413, Content_Type=FORM))


async def test_conditional_create_as_clients_write_it(clinic: Clinic) -> None:
    body = consent(clinic)
    token = f"urn:example:forms|{body['identifier'][0]['value']}"
    first = await post(clinic.intake, body, If_None_Exist=f"identifier={token}")
    for header in (
        f"?identifier={token}",
        f"Consent?identifier={quote(token, safe='')}",
        f"{clinic.world.base_url}{BASE}/Consent?identifier={quote(token, safe='')}",
        f"identifier={quote(token, safe='')}&patient=Patient/{clinic.client_id}",
    ):
        again = await post(clinic.intake, body, want=200, If_None_Exist=header)
        assert again.id == first.id, header
    for header in ("Patient?identifier=x", "?", "nonsense=x"):
        issues(await post(clinic.intake, body, want=400, If_None_Exist=header))


async def test_if_match_in_each_spelling(clinic: Clinic) -> None:
    consent_id, answers = await versions_of(clinic, 1)
    path, body = f"{BASE}/Consent/{consent_id}", answers[0].json
    number = body["meta"]["versionId"]
    for header in ('W/"{}"', '"{}"', "*", 'W/"99", "{}"'):
        changed = {**body, "dateTime": "2026-01-05" if body["dateTime"] != "2026-01-05" else "2026-01-06"}
        body = (await clinic.intake.put(path, changed, If_Match=header.format(number))).json
        number = body["meta"]["versionId"]
    issues(await clinic.intake.put(path, body, want=412, If_Match='W/"1", "elsewhere"'))
    refused = await clinic.intake.put(path, body, want=422, If_Match=number)
    assert "ETag" in issues(refused)[0]["diagnostics"]


async def test_head_is_get_without_its_content(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))
    for path in (f"{BASE}/Consent/{made.id}", f"{BASE}/Consent/{made.id}/_history", f"{BASE}/Consent?patient={clinic.client_id}"):
        shown = await clinic.intake.get(path)
        head = await clinic.intake.call("HEAD", path, want=200)
        assert head.text == "" and head.headers["Content-Length"] == str(len(shown.text.encode()))
        assert head.headers["Content-Type"] == shown.headers["Content-Type"] and head.entries
    hidden = await clinic.rest.as_("stranger", "therapist").call("HEAD", f"{BASE}/Consent/{made.id}", want=404)
    assert hidden.text == ""
    await clinic.intake.call("HEAD", f"{BASE}/Consent/{uuid4()}", want=404)


@pytest.mark.parametrize(
    ("provision", "where"),
    [
        ({"provision": [{"type": "deny"}] * 101}, "Consent.provision.provision"),
        (
            {
                "provision": [
                    {
                        "type": "deny",
                        "actor": [
                            {
                                "role": {"coding": [{"system": f"{V3}ParticipationType", "code": "IRCP"}]},
                                "reference": {"reference": "Practitioner/a"},
                            }
                        ]
                        * 200,
                    }
                ]
            },
            "Consent.provision.provision[0].actor",
        ),
    ],
)
async def test_too_much_is_422_with_its_path(clinic: Clinic, provision: dict[str, Any], where: str) -> None:
    before = await events(clinic)
    refused = await post(clinic.intake, consent(clinic, provision=provision), want=422)
    assert where in [path for i in issues(refused) for path in i.get("expression", [])]
    assert await events(clinic) == before
