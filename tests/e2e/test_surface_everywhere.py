"""What the surface says of every service: callers, tokens, problems, refusals, lists, health."""

import json
import re
from io import BytesIO
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Answer, Person, Rest
from tests.e2e.surface import SOAP, Clinic, pointers, problem

ROLES = (
    "intake", "therapist", "supervisor", "trainee", "client", "representative", "compliance_officer", "ehr_system",
    "administrator",
)  # fmt: skip


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).open()


async def raw(session: aiohttp.ClientSession, url: str, verb: str = "GET", **sent: Any) -> Answer:
    async with session.request(verb, url, **sent) as got:
        return Answer(got.status, {k.title(): v for k, v in got.headers.items()}, await got.text())


@pytest.mark.parametrize("role", ROLES)
async def test_a_development_token_for_every_role(
    embedded: EmbeddedProcess, session: aiohttp.ClientSession, clinic: Rest, role: str
) -> None:
    body: dict[str, Any] = {"sub": f"one-{role}", "tenant": clinic.tenant, "role": role}
    if role == "client":
        body["client_id"] = str(uuid4())
    made = await raw(session, f"{embedded.url}/dev/token", "POST", json=body, headers={"X-Request-Id": "mine-1"})
    assert made.status == 200
    assert made.headers["X-Request-Id"] == "mine-1"
    person = Person(clinic, body["sub"], made.json["access_token"])
    assert (await person.call("GET", "/v1/instruments")).status == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"sub": "a"}, {"sub": "a", "tenant": "t", "role": "king"}, {"sub": "a", "tenant": "t", "role": "intake", "x": 1}],
)
async def test_a_development_token_that_cannot_be(
    embedded: EmbeddedProcess, session: aiohttp.ClientSession, body: dict[str, Any]
) -> None:
    pointers(await raw(session, f"{embedded.url}/dev/token", "POST", json=body))
    problem(await raw(session, f"{embedded.url}/dev/token"), 405)


async def test_a_token_may_carry_a_name_and_a_scope(there: Clinic, embedded: EmbeddedProcess) -> None:
    token = embedded.mint(sub=there.marsh.sub, role="therapist", tenant=there.rest.tenant, scope="user/*.cruds launch")
    assert (await Person(there.rest, "x", token).call("GET", f"/v1/clients/{there.client_id}")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/consents?client_id={c}", "/v1/relationships?client_id={c}", "/v1/clients/{c}", "/v1/notes?client_id={c}",
        "/v1/sessions?client_id={c}", "/v1/instruments", "/v1/administrations?client_id={c}", "/v1/clients/{c}/alliance",
        "/v1/audit/entries", "/v1/audit/clients/{c}/access-report", "/v1/erasures/{c}", "/v1/notes/{c}", "/v1/consents/{c}",
    ],
)  # fmt: skip
async def test_401_without_a_valid_token(
    there: Clinic, embedded: EmbeddedProcess, session: aiohttp.ClientSession, path: str
) -> None:
    url = embedded.url + path.format(c=there.client_id)
    for header in (None, "Bearer", "Bearer nonsense", "Basic YTpi", f"Bearer {there.marsh.token[:-3]}AAA"):
        refused = await raw(session, url, headers={} if header is None else {"Authorization": header})
        problem(refused, 401)
        assert refused.headers["Www-Authenticate"].startswith("Bearer")


async def test_post_without_a_token(there: Clinic, embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> None:
    for path in ("/v1/consents", "/v1/clients", "/v1/sessions", "/v1/administrations", "/v1/break-glass", "/v1/erasures"):
        problem(await raw(session, embedded.url + path, "POST", json={}), 401)


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/v1/consents/x/y/z", 404),
        ("GET", "/v1/audit/nowhere", 404),
        ("DELETE", "/v1/consents", 405),
        ("DELETE", "/v1/notes", 405),
        ("PATCH", "/v1/administrations", 405),
        ("PUT", "/v1/break-glass", 405),
    ],
)
async def test_an_unknown_address_or_method_is_a_problem_too(there: Clinic, verb: str, path: str, status: int) -> None:
    problem(await there.marsh.call(verb, path), status)


async def test_request_ids_are_taken_and_made(there: Clinic) -> None:
    given = await there.marsh.call("GET", f"/v1/clients/{there.client_id}", X_Request_Id="trace-42.a")
    assert given.headers["X-Request-Id"] == "trace-42.a"
    made = await there.marsh.call("GET", f"/v1/notes/{uuid4()}")
    assert made.headers["X-Request-Id"]
    assert problem(made, 404)["request_id"] == made.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_health(embedded: EmbeddedProcess, session: aiohttp.ClientSession, path: str) -> None:
    answer = await raw(session, embedded.url + path, headers={"X-Request-Id": "probe-1"})
    assert answer.status == 200
    assert answer.headers["X-Request-Id"] == "probe-1"
    if path == "/health/ready":
        assert answer.json["status"] == "ready"
    if path == "/metrics":
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert "http_requests_total" in answer.text


async def test_the_first_page_leads_to_all_that_is_here(embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> None:
    leads_to = re.findall(r'href="(/[^"]*)"', (await raw(session, f"{embedded.url}/")).text)
    assert {"/review/", "/fhir/R4/metadata", "/health/ready", "/metrics"} <= set(leads_to)
    for path in leads_to:
        assert (await raw(session, embedded.url + path)).status == 200, path


async def test_fhir(embedded: EmbeddedProcess, session: aiohttp.ClientSession, there: Clinic) -> None:
    found = await raw(session, f"{embedded.url}/fhir/R4/metadata")
    assert (found.status, found.headers["Content-Type"].split(";")[0]) == (200, "application/fhir+json")
    assert (found.json["resourceType"], found.json["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    smart = await raw(session, f"{embedded.url}/.well-known/smart-configuration")
    assert smart.status == 200
    assert "capabilities" in smart.json
    for path in ("/fhir/R4/Nowhere/1", "/fhir/R4/Patient/x/y", "/fhir/R4/"):
        answer = await there.marsh.call("GET", path)
        assert answer.status in (400, 403, 404)
        assert answer.json["resourceType"] == "OperationOutcome"


async def test_purposes(there: Clinic) -> None:
    path = f"/v1/clients/{there.client_id}"
    await there.marsh.get(path, X_Purpose_Of_Use="TREAT")
    await there.client.get(path, X_Purpose_Of_Use="PATRQT")
    problem(await there.marsh.call("GET", path, X_Purpose_Of_Use="HMARKT"), 403)
    problem(await there.marsh.call("GET", path, X_Purpose_Of_Use="HRESCH"), 403)
    problem(await there.client.call("GET", path, X_Purpose_Of_Use="TREAT"), 403)
    problem(await there.intake.call("GET", path, X_Purpose_Of_Use="BTG"), 403)
    # a purpose that needs a grant, without one
    problem(await there.marsh.call("GET", path, X_Purpose_Of_Use="BTG"), 403)
    entry = (await there.officer.get(f"/v1/audit/entries?client_id={there.client_id}&purpose=TREAT&limit=1")).json["items"][0]
    assert entry["purpose"]["code"] == "TREAT"
    assert entry["purpose"]["defaulted"] in (True, False)


async def test_the_default_purpose_is_recorded_as_defaulted(there: Clinic) -> None:
    for headers, defaulted in (({}, True), ({"X_Purpose_Of_Use": "TREAT"}, False)):
        read = await there.marsh.get(f"/v1/clients/{there.client_id}", **headers)
        entry = (await there.officer.get(f"/v1/audit/entries/{read.entries[0]}")).json
        assert entry["purpose"] == {"code": "TREAT", "defaulted": defaulted}


async def test_refusals_keep_their_reasons(there: Clinic) -> None:
    """403 where one may know that it exists, 404 elsewhere; why stands in the ledger alone."""
    note, private = await there.progress(), await there.private()
    unrelated = await there.stranger.call("GET", f"/v1/notes/{note}")
    unknown = await there.stranger.call("GET", f"/v1/notes/{uuid4()}")
    problem(unrelated, 404)
    problem(unknown, 404)
    strip = {"request_id"}
    assert {k: v for k, v in unrelated.json.items() if k not in strip} == {
        k: v for k, v in unknown.json.items() if k not in strip
    }
    problem(await there.client.call("GET", f"/v1/notes/{private}"), 404)
    await there.relate(there.okoye, "care_team")
    problem(await there.okoye.call("GET", f"/v1/notes/{private}"), 404)
    consent = await there.agreed("treatment", {"type": "deny", "actors": [there.okoye.sub]})
    assert consent
    refused = await there.okoye.call("GET", f"/v1/notes/{note}")
    body = problem(refused, 403)
    assert "consent-denies" not in json.dumps(body)
    entry = (await there.officer.get(f"/v1/audit/entries?client_id={there.client_id}&agent={there.okoye.sub}&outcome=deny")).json
    assert any("consent-denies" in json.dumps(e) for e in entry["items"])


@pytest.mark.parametrize("what", ["notes", "sessions", "consents", "relationships", "administrations"])
async def test_lists_come_in_pages(there: Clinic, what: str) -> None:
    for _ in range(3):
        await there.progress()
        await there.asked()
        await there.agreed("telehealth")
        await there.relate(there.newcomer(), "care_team")
    path = f"/v1/{what}?client_id={there.client_id}"
    reader = there.marsh if what == "notes" else there.client  # drafts are their author's
    whole = (await reader.get(path)).json
    assert set(whole) == {"items", "next"}
    assert whole["next"] is None
    assert len(whole["items"]) >= 3
    found, cursor = [], ""
    while True:
        page = (await reader.get(f"{path}&limit=2{cursor}")).json
        assert len(page["items"]) <= 2
        found += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [i["id"] for i in found] == [i["id"] for i in whole["items"]]


async def test_every_clinical_answer_names_its_entry(there: Clinic) -> None:
    note = await there.progress()
    session = (await there.marsh.get(f"/v1/notes/{note}")).json["session_id"]
    rated = await there.rated()
    await there.marsh.post(f"/v1/clients/{there.client_id}/outcomes", {"measure": "phq-9", "score": 9})
    c = there.client_id
    assert len(rated.entries) == 1
    for path in (
        f"/v1/notes/{note}", f"/v1/notes?client_id={c}", f"/v1/sessions/{session}", f"/v1/sessions?client_id={c}",
        f"/v1/clients/{c}", f"/v1/clients/{c}/alliance?instrument=wai-sr", f"/v1/clients/{c}/outcomes",
        f"/v1/consents?client_id={c}", f"/v1/administrations?client_id={c}", f"/v1/administrations/{rated.id}",
        f"/v1/relationships?client_id={c}",
    ):  # fmt: skip
        read = await there.marsh.get(path)
        assert len(read.entries) == 1, path
        entry = (await there.officer.get(f"/v1/audit/entries/{read.entries[0]}")).json
        assert entry["agent"]["sub"] == there.marsh.sub


POSTS = ("client", "consent", "signature", "revocation", "relationship", "end", "session", "progress", "private",
         "note signature", "addendum", "administration", "responses", "outcome", "break-glass", "erasure")  # fmt: skip


@pytest.mark.parametrize("what", POSTS)
async def test_safe_repeats_of_every_post(there: Clinic, what: str) -> None:
    """The same key and body: the same answer, and nothing made twice. Another body under that key is refused."""
    c, marsh = there.client_id, there.marsh
    note = await there.progress() if what in ("note signature", "addendum") else ""
    if what == "addendum":
        await marsh.post(f"/v1/notes/{note}/signatures", {})
    held = await there.held() if what in ("progress", "private") else ""
    asked = (await there.asked()).id if what == "responses" else ""
    consent = (await there.intake.post("/v1/consents", there.form())).id if what == "signature" else ""
    if what == "revocation":
        consent = await there.agreed("telehealth")
    ended = (await there.relate(there.okoye)).id if what == "end" else ""
    relation = {"client_id": c, "practitioner_id": there.okoye.sub, "role": "care_team", "period": {"start": "2026-01-01"}}
    session = {
        "client_id": c, "therapist_id": marsh.sub, "started_at": "2026-01-01T10:00:00Z", "ended_at": "2026-01-01T10:50:00Z",
        "modality": "rebt", "format": "group", "attendance": "attended",
    }  # fmt: skip
    glass = {"client_id": c, "purpose": "BTG", "reason": "Crisis call at night.", "scope": [], "minutes": 15}
    erasure = {"client_id": c, "key_classes": ["measures"], "basis": "GDPR 17"}
    person, path, body, other = {
        "client": (there.intake, "/v1/clients", {"name": "A. Person", "birth_date": "1990-01-01"},
                   {"name": "B. Person", "birth_date": None}),
        "consent": (there.intake, "/v1/consents", there.form(), there.form("telehealth")),
        "signature": (there.client, f"/v1/consents/{consent}/signatures", {}, None),
        "revocation": (there.client, f"/v1/consents/{consent}/revocations", {}, {"reason": "another"}),
        "relationship": (there.intake, "/v1/relationships", relation, {**relation, "role": "trainee"}),
        "end": (there.intake, f"/v1/relationships/{ended}/end", {}, None),
        "session": (marsh, "/v1/sessions", session, {**session, "format": "couple"}),
        "progress": (marsh, f"/v1/sessions/{held}/progress-notes", {"format": "SOAP", "sections": SOAP},
                     {"format": "narrative", "sections": {"narrative": "x"}}),
        "private": (marsh, f"/v1/sessions/{held}/psychotherapy-notes", {"sections": {"process": "x"}},
                    {"sections": {"dreams": "x"}}),
        "note signature": (marsh, f"/v1/notes/{note}/signatures", {}, None),
        "addendum": (marsh, f"/v1/notes/{note}/addenda", {"text": "x"}, {"text": "y"}),
        "administration": (marsh, "/v1/administrations", {"client_id": c, "instrument": "ors", "rater": "client"},
                           {"client_id": c, "instrument": "wai-sr", "rater": "client"}),
        "responses": (there.client, f"/v1/administrations/{asked}/responses", {"answers": {str(i): 3 for i in range(1, 13)}},
                      {"answers": {str(i): 2 for i in range(1, 13)}}),
        "outcome": (marsh, f"/v1/clients/{c}/outcomes", {"measure": "phq-9", "score": 4}, {"measure": "phq-9", "score": 5}),
        "break-glass": (marsh, "/v1/break-glass", glass, {**glass, "minutes": 16}),
        "erasure": (there.officer, "/v1/erasures", erasure, {**erasure, "basis": "GDPR 17(1)(b)"}),
    }[what]  # fmt: skip
    key = str(uuid4())
    first = await person.call("POST", path, body, Idempotency_Key=key)
    assert first.status in (200, 201, 202), first.text
    again = await person.call("POST", path, body, Idempotency_Key=key)
    assert (again.status, again.json) == (first.status, first.json)
    if other is not None:
        problem(await person.call("POST", path, other, Idempotency_Key=key), 422)


@pytest.mark.parametrize(
    ("path", "person"),
    [("/v1/consents", "intake"), ("/v1/clients", "intake"), ("/v1/sessions", "marsh"), ("/v1/administrations", "marsh"),
     ("/v1/relationships", "intake"), ("/v1/break-glass", "marsh"), ("/v1/erasures", "officer")],
)  # fmt: skip
async def test_bad_bodies(there: Clinic, path: str, person: str) -> None:
    who: Person = getattr(there, person)
    faults = pointers(await who.call("POST", path, {"surprise": 1}))
    assert "/surprise" in faults
    assert len(faults) > 1
    for body in (b"", b"{", b"[]", b"null", b'"x"', b'{"client_id": "\xff"}'):
        problem(await who.call("POST", path, body), 422)
    problem(await who.call("POST", path, BytesIO(b'{"x": "' + b"a" * 3_000_000 + b'"}')), 413)
    problem(await who.call("POST", path, b"<a/>", Content_Type="application/xml"), 415)
