"""FHIR Consent over HTTP, with PostgreSQL and the real gate: as an EHR would use it."""

import asyncio
import gzip
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from services.consent.domain.fhir.resource import stored_json
from tests.e2e.rest import Answer, Person
from tests.integration.consent.fhir_consents import BASE, FHIR_JSON, SCOPE, V3, consent, issues, post
from tests.integration.consent.test_erasure import erased
from tests.integration.consent.world import Clinic


def without_server_fields(resource: dict[str, Any]) -> dict[str, Any]:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {k: v for k, v in {**resource, "id": None, "meta": meta or None}.items() if v is not None}


async def stored(clinic: Clinic, consent_id: str) -> bytes:
    """The consent's stream, as the database holds it."""
    database = clinic.world.parts.database
    assert database is not None
    connection = await asyncpg.connect(database.app)
    try:
        await connection.execute("SELECT set_config('app.tenant_id', $1, false)", clinic.tenant)
        rows = await connection.fetch("SELECT type, data FROM events WHERE stream = $1", f"consent/{consent_id}")
    finally:
        await connection.close()
    assert "consent.fhir-source-recorded" in {r["type"] for r in rows}
    return b"".join(r["data"] for r in rows)


def as_an_earlier_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took any JSON, and stored it before it tried to write it again."""
    monkeypatch.setattr("services.consent.api.fhir.parse_json", stored_json)
    monkeypatch.setattr("services.consent.application.fhir_writing.encoded", lambda _: b"")


async def test_a_consent_that_cannot_be_shown_takes_no_other_along(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    good = (await post(clinic.intake, consent(clinic))).id
    with monkeypatch.context() as earlier:
        as_an_earlier_release(earlier)
        broken = consent(clinic, extension=[{"url": "https://example.org/x", "valueString": "LONE"}])
        raw = orjson.dumps(broken).replace(b"LONE", b"\\ud800")
        failed = await clinic.intake.call("POST", f"{BASE}/Consent", raw, Content_Type=FHIR_JSON)
    assert failed.status == 500, "an earlier release answered so, and had stored it"

    query = f"{BASE}/Consent?patient={clinic.client_id}"
    bundle = (await clinic.intake.get(query)).json
    shown = {e["search"]["mode"]: e["resource"] for e in bundle["entry"]}
    assert shown["match"]["id"] == good
    (told,) = shown["outcome"]["issue"]
    listed = (await clinic.intake.get(f"/v1/consents?client_id={clinic.client_id}")).json["items"]
    (bad,) = {i["id"] for i in listed} - {good}
    assert (told["severity"], told["code"]) == ("warning", "incomplete")
    assert told["diagnostics"].startswith(f"Consent/{bad}: ")

    history = (await clinic.intake.get(f"{BASE}/Consent/{bad}/_history")).json
    assert all("resource" not in e and e["response"]["outcome"]["resourceType"] == "OperationOutcome" for e in history["entry"])
    one = await clinic.intake.call("GET", f"{BASE}/Consent/{bad}")
    assert (one.status, issues(one)[0]["code"]) == (500, "exception")
    assert (await clinic.intake.get(f"/v1/consents/{bad}")).json["status"] in ("active", "proposed")


@pytest.mark.parametrize(
    "path", ["text.div", "contained.0.name", "extension.0.valueString", "provision.actor.0.reference.display"]
)
@pytest.mark.parametrize("bad", [b"\\ud800", b"\\u0000", b"\\u0085"])
async def test_broken_text_is_refused_wherever_it_stands(clinic: Clinic, path: str, bad: bytes) -> None:
    place: Any = "LONE"
    for part in reversed(path.split(".")[1:]):
        place = [place] if part.isdigit() else {part: place}
    raw = orjson.dumps(consent(clinic, **{path.split(".")[0]: place}))
    for sent in (raw.replace(b"LONE", bad), raw.replace(b'"LONE"', b'{"' + bad + b'":1}')):
        answer = await clinic.intake.call("POST", f"{BASE}/Consent", sent, Content_Type=FHIR_JSON)
        assert answer.status == 422, answer.text
        assert issues(answer)[0]["expression"][0].startswith(f"Consent.{path.split('.')[0]}")
    assert (await clinic.intake.get(f"{BASE}/Consent?patient={clinic.client_id}")).json.get("entry") is None


@pytest.mark.parametrize("number", [b"1e" + b"9" * 20, b"1" * 5_000, b"1e-400", b"0." + b"0" * 100 + b"1"])
async def test_a_number_that_cannot_be_given_back_is_refused(clinic: Clinic, number: bytes) -> None:
    raw = orjson.dumps(consent(clinic)).replace(b":1.5}", b":" + number + b"}")
    answer = await clinic.intake.call("POST", f"{BASE}/Consent", raw, Content_Type=FHIR_JSON)
    assert answer.status == 422, answer.text
    assert issues(answer)[0]["expression"] == ["Consent.extension[0].valueDecimal"]


async def test_a_long_decimal_is_given_back_digit_by_digit(clinic: Clinic) -> None:
    for number in (b"12345678901234567890123", b"1.50000000000000000000", b"2.5e10"):
        raw = orjson.dumps(consent(clinic)).replace(b":1.5}", b":" + number + b"}")
        made = await clinic.intake.call("POST", f"{BASE}/Consent", raw, want=201, Content_Type=FHIR_JSON)
        assert number.decode().replace("e10", "E+10") in made.text


async def test_names_that_stand_twice_and_compressed_bodies_are_refused(clinic: Clinic) -> None:
    raw = orjson.dumps(consent(clinic))
    twice = raw.replace(b'"status":"active"', b'"status":"active","status":"draft"')
    answer = await clinic.intake.call("POST", f"{BASE}/Consent", twice, Content_Type=FHIR_JSON)
    assert (answer.status, issues(answer)[0]["expression"]) == (422, ["Consent.status"])
    packed = await clinic.intake.call(
        "POST", f"{BASE}/Consent", gzip.compress(raw), Content_Type=FHIR_JSON, Content_Encoding="gzip"
    )
    assert (packed.status, packed.headers["Accept-Encoding"]) == (415, "identity")


async def test_what_was_sent_is_given_back_and_counts(clinic: Clinic) -> None:
    sent = consent(clinic)
    made = await post(clinic.intake, sent)
    number = made.json["meta"]["versionId"]
    assert made.headers["Etag"] == f'W/"{number}"'
    assert made.headers["Location"].endswith(f"{BASE}/Consent/{made.id}/_history/{number}")
    assert made.json["status"] == "active"
    assert without_server_fields(made.json) == sent
    for path in (f"Consent/{made.id}", f"Consent/{made.id}/_history/{number}"):
        read = await clinic.client.get(f"{BASE}/{path}")
        assert without_server_fields(read.json) == sent
        assert read.entries
        assert read.headers["Content-Type"] == FHIR_JSON
    shown = (await clinic.client.get(f"/v1/consents/{made.id}")).json
    assert (shown["status"], shown["kind"], shown["policy"]["dialect"]) == ("active", "disclosure", "r4")
    assert shown["signatures"][0]["evidence"] == "FHIR Consent.source: signed form"
    assert ("consent-policy.v1", "consent.policy-changed") in clinic.sent()


async def test_decimals_keep_their_precision(clinic: Clinic) -> None:
    raw = b'{"resourceType":"Consent","extension":[{"url":"urn:x","valueDecimal":1.50}],' + (
        b'"status":"proposed","scope":{"coding":[{"system":"%s","code":"patient-privacy"}]},"category":[{"text":"any"}],'
        b'"patient":{"reference":"Patient/%s"},"policy":[{"uri":"https://example.org/policy"}]}'
        % (SCOPE.encode(), clinic.client_id.encode())
    )
    assert '"valueDecimal":1.50' in (await post(clinic.intake, raw)).text


async def test_source_and_words_are_sealed_at_rest(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))
    sent = b"".join(m.payload for m in clinic.world.wiring.bus.sent if m.headers["ce_tenant"] == clinic.tenant)
    assert b"canary" not in sent and b"Y2FuYXJ5" not in sent
    assert await stored(clinic, made.id) and b"canary" not in await stored(clinic, made.id)
    for words in (b"Y2FuYXJ5", b"Riverside"):
        assert words not in await stored(clinic, made.id)


async def test_a_consent_without_its_statements_waits_and_says_for_what(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic, sourceAttachment=None))
    assert made.json["status"] == "proposed"
    told = await post(clinic.intake, consent(clinic, sourceAttachment=None), Prefer="return=OperationOutcome")
    assert any("right_to_revoke" in i["diagnostics"] for i in issues(told))


async def test_a_practitioner_creates_and_the_client_signs(clinic: Clinic) -> None:
    await post(clinic.marsh, consent(clinic), want=404)
    await clinic.related()
    made = await post(clinic.marsh, consent(clinic))
    assert made.json["status"] == "proposed"
    await clinic.client.post(f"/v1/consents/{made.id}/signatures")
    assert (await clinic.marsh.get(f"{BASE}/Consent/{made.id}")).json["status"] == "active"


async def test_prefer(clinic: Clinic) -> None:
    minimal = await post(clinic.intake, consent(clinic), Prefer="return=minimal")
    assert minimal.text == "" and "Location" in minimal.headers
    told = await post(clinic.intake, consent(clinic), Prefer="return=OperationOutcome")
    assert issues(told)[0]["severity"] == "warning" and "names nobody" in issues(told)[0]["diagnostics"]
    recipient = {"coding": [{"system": f"{V3}ParticipationType", "code": "IRCP"}]}
    naming = {"type": "permit", "actor": [{"role": recipient, "reference": {"reference": "Practitioner/lena.marsh"}}]}
    out = {"coding": [{"system": f"{V3}ActCode", "code": "OPTOUT"}]}
    form = consent(clinic, policyRule=out, provision={"provision": [naming]})
    told = await post(clinic.intake, form, Prefer="return=OperationOutcome")
    assert [(i["severity"], i["diagnostics"].partition(":")[0]) for i in issues(told)] == [("warning", "refuses")]


async def test_conditional_create(clinic: Clinic) -> None:
    body = consent(clinic)
    criteria = f"identifier=urn:example:forms|{body['identifier'][0]['value']}"
    first = await post(clinic.intake, body, If_None_Exist=criteria)
    again = await post(clinic.intake, body, want=200, If_None_Exist=criteria)
    assert again.id == first.id
    await post(clinic.intake, body)
    several = await post(clinic.intake, body, want=412, If_None_Exist=criteria)
    assert issues(several)[0]["code"] == "conflict"
    other = clinic.world.clinic()
    elsewhere = await post(other.intake, {**body, "patient": {"reference": f"Patient/{other.client_id}"}}, If_None_Exist=criteria)
    assert elsewhere.id != first.id  # another tenant


async def test_conditional_creates_at_the_same_time_make_one(clinic: Clinic) -> None:
    body = consent(clinic)
    criteria = f"identifier=urn:example:forms|{body['identifier'][0]['value']}"

    async def create() -> Answer:
        return await clinic.intake.call("POST", f"{BASE}/Consent", body, want=(200, 201), If_None_Exist=criteria)

    answers = await asyncio.gather(*(create() for _ in range(4)))
    assert len({a.id for a in answers}) == 1
    assert sorted(a.status for a in answers) == [200, 200, 200, 201]


async def test_the_same_idempotency_key_makes_one(clinic: Clinic) -> None:
    body, key = consent(clinic), str(uuid4())
    first = await post(clinic.intake, body, Idempotency_Key=key)
    assert (await post(clinic.intake, body, Idempotency_Key=key)).json == first.json


async def test_update_needs_the_version_that_was_read(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic, status="proposed"))
    path = f"{BASE}/Consent/{made.id}"
    body = {**made.json, "dateTime": "2026-01-03"}
    assert issues(await clinic.intake.put(path, body, want=428))[0]["code"] == "required"
    changed = await clinic.intake.put(path, body, If_Match=made.headers["Etag"])
    assert without_server_fields(changed.json) == without_server_fields(body)
    assert changed.headers["Etag"] != made.headers["Etag"]
    assert issues(await clinic.intake.put(path, body, want=412, If_Match=made.headers["Etag"]))[0]["code"] == "conflict"
    unchanged = await clinic.intake.put(path, changed.json, If_Match=changed.headers["Etag"])
    assert unchanged.headers["Etag"] == changed.headers["Etag"]
    await clinic.intake.put(path, {**body, "id": str(uuid4())}, want=400, If_Match=changed.headers["Etag"])
    active = await clinic.intake.put(path, {**changed.json, "status": "active"}, If_Match=changed.headers["Etag"])
    assert active.json["status"] == "active"
    again = await clinic.intake.get(f"{path}/_history/{made.json['meta']['versionId']}")
    assert again.json["dateTime"] == "2026-01-02"


async def test_an_active_consent_is_ended_and_never_rewritten(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))
    path, seen = f"{BASE}/Consent/{made.id}", made.headers["Etag"]
    narrower = {**made.json, "provision": {"period": {"start": "2026-01-01", "end": "2026-06-30"}}}
    assert issues(await clinic.intake.put(path, narrower, want=409, If_Match=seen))[0]["code"] == "conflict"
    ended = await clinic.intake.put(path, {**made.json, "status": "inactive"}, If_Match=seen)
    assert ended.json["status"] == "inactive"
    assert (await clinic.client.get(f"/v1/consents/{made.id}")).json["status"] == "revoked"


async def test_history_and_provenance(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic, status="proposed"))
    path = f"{BASE}/Consent/{made.id}"
    changed = await clinic.intake.put(path, {**made.json, "status": "active"}, If_Match=made.headers["Etag"])
    history = (await clinic.client.get(f"{path}/_history")).json
    assert history["type"] == "history" and history["total"] == len(history["entry"])
    assert history["entry"][0]["resource"] == changed.json
    assert history["entry"][-1]["resource"] == made.json
    assert [e["request"]["method"] for e in history["entry"]][-1] == "POST"
    for entry in history["entry"]:
        number = entry["resource"]["meta"]["versionId"]
        assert (await clinic.client.get(f"{path}/_history/{number}")).json == entry["resource"]
    await clinic.client.get(f"{path}/_history/99", want=404)
    found = (await clinic.client.get(f"{BASE}/Provenance?target=Consent/{made.id}")).json
    assert [e["resource"]["target"][0]["reference"] for e in found["entry"]] == [
        f"Consent/{made.id}/_history/{e['resource']['meta']['versionId']}" for e in history["entry"]
    ]
    first = found["entry"][-1]["resource"]
    assert first["activity"]["coding"][0]["code"] == "CREATE"
    assert first["agent"][0]["who"] == {"reference": "Practitioner/intake-1"}
    assert (await clinic.client.get(f"{BASE}/Provenance/{first['id']}")).json == first
    stranger = clinic.rest.as_("stranger", "therapist")
    assert "entry" not in (await stranger.get(f"{BASE}/Provenance?target=Consent/{made.id}")).json
    await stranger.get(f"{BASE}/Provenance/{first['id']}", want=404)


async def test_a_stranger_learns_nothing(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))
    stranger = clinic.rest.as_("stranger", "therapist")
    known = await stranger.get(f"{BASE}/Consent?patient={clinic.client_id}")
    unknown = await stranger.get(f"{BASE}/Consent?patient={uuid4()}")
    assert known.json.keys() == unknown.json.keys() and "entry" not in known.json
    hidden = await stranger.get(f"{BASE}/Consent/{made.id}", want=404)
    assert "Audit-Entry" not in hidden.headers and "Audit-Entry" not in known.headers
    assert issues(hidden) == issues(await stranger.get(f"{BASE}/Consent/{uuid4()}", want=404))
    assert issues(await stranger.get(f"{BASE}/Consent/{made.id}/_history", want=404))


async def test_smart_scopes_limit_the_token(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))

    def app(scope: str) -> Person:
        token = clinic.rest.mint(sub="intake-1", role="intake", tenant=clinic.tenant, scope=scope)
        return Person(clinic.rest, "intake-1", token)

    for scope, read, search, create in (
        ("system/Consent.rs", 200, 200, 403),
        ("system/Consent.cruds", 200, 200, 201),
        ("system/Consent.read", 200, 200, 403),
        ("system/Consent.c", 403, 403, 201),
        ("user/*.r", 200, 403, 403),
        ("system/Observation.rs openid", 403, 403, 403),
        ("system/Consent.rs?category=x", 403, 403, 403),
        ("patient/Consent.rs", 403, 403, 403),
        ("openid", 200, 200, 201),
    ):
        one = app(scope)
        await one.get(f"{BASE}/Consent/{made.id}", want=read)
        await one.get(f"{BASE}/Consent?patient={clinic.client_id}", want=search)
        refused = await post(one, consent(clinic), want=create)
        assert create == 201 or issues(refused)[0]["code"] == "forbidden"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"status": "nonsense"}, "Consent.status"),
        ({"category": []}, "Consent.category"),
        ({"patient": {"reference": "Patient/unknown"}}, "Consent.patient.reference"),
        ({"nonsense": 1}, "Consent"),
        ({"modifierExtension": [{"url": "urn:x"}]}, "Consent.modifierExtension"),
        ({"policyRule": None}, "Consent"),
        ({"provision": {"period": {"start": "2026-02-30"}}}, "Consent.provision.period.start"),
        ({"provision": {"provision": [{"type": "perhaps"}]}}, "Consent.provision.provision[0].type"),
    ],
)
async def test_every_fault_is_an_issue_with_its_path(clinic: Clinic, changes: dict[str, Any], path: str) -> None:
    found = issues(await post(clinic.intake, consent(clinic, **changes) | changes, want=422))
    assert path in [i.get("expression", [""])[0] for i in found]
    assert "nonsense" not in str(found) and "unknown" not in str(found)


async def test_errors_are_operation_outcomes_everywhere(clinic: Clinic) -> None:
    async with clinic.world.session.get(f"{clinic.world.base_url}{BASE}/Consent/{uuid4()}") as got:
        assert (got.status, got.headers["Content-Type"]) == (401, FHIR_JSON)
    issues(await post(clinic.intake, b"{", want=400))
    issues(await clinic.intake.post(f"{BASE}/Consent", b"<Consent/>", want=415, Content_Type="application/fhir+xml"))
    issues(await clinic.intake.get(f"{BASE}/Consent/{uuid4()}", want=406, Accept="application/fhir+xml"))
    issues(await clinic.intake.get(f"{BASE}/Consent/not-an-id", want=404))
    for verb in ("PATCH", "DELETE", "OPTIONS"):
        refused = await clinic.intake.call(verb, f"{BASE}/Consent/{uuid4()}", want=405)
        assert issues(refused)[0]["code"] == "not-supported" and refused.headers["Allow"] == "GET, HEAD, PUT"
    refused = await clinic.intake.call("DELETE", f"{BASE}/Consent", want=405)
    assert issues(refused) and refused.headers["Allow"] == "GET, HEAD, POST"
    issues(await post(clinic.intake, b" " * 800_000, want=413))
    issues(await clinic.intake.get(f"{BASE}/Consent/{uuid4()}/$everything", want=404))
    plain = await clinic.intake.get(f"{BASE}/Consent/{uuid4()}", want=404, Accept="application/json")
    assert plain.headers["Content-Type"] == "application/json"


async def test_a_consent_made_over_rest_is_read_over_fhir(clinic: Clinic) -> None:
    consent_id = await clinic.active()
    shown = (await clinic.client.get(f"{BASE}/Consent/{consent_id}")).json
    assert (shown["status"], shown["patient"]["reference"]) == ("active", f"Patient/{clinic.client_id}")
    assert shown["performer"][0]["display"] == "Noor Haddad"
    assert shown["policyRule"]["coding"][0]["code"] == "OPTIN"


async def test_a_pcf_consent_is_imported_with_its_dialect(clinic: Clinic) -> None:
    resource = consent(
        clinic,
        meta={"profile": ["https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consentBasic"]},
        policyRule=None,
        policy=[{"uri": "https://example.org/policy"}],
        provision={"type": "permit", "purpose": [{"system": f"{V3}ActReason", "code": "TREAT"}]},
    )
    made = await post(clinic.intake, resource)
    assert (made.json["status"], made.json["meta"]["profile"]) == ("active", resource["meta"]["profile"])
    policy = (await clinic.client.get(f"/v1/consents/{made.id}")).json["policy"]
    assert (policy["dialect"], policy["provisions"][0]["purposes"]) == ("pcf", ["TREAT"])
    rule = {"coding": [{"system": f"{V3}ActCode", "code": "OPTIN"}]}
    refused = await post(clinic.intake, {**resource, "policyRule": rule}, want=422)
    assert issues(refused)[0]["expression"] == ["Consent.policyRule"]


async def test_an_r5_consent_is_imported_and_shown_in_r4(clinic: Clinic) -> None:
    resource = {
        "resourceType": "Consent",
        "status": "active",
        "subject": {"reference": f"Patient/{clinic.client_id}"},
        "date": "2026-01-02",
        "grantor": [{"reference": f"Patient/{clinic.client_id}"}],
        "sourceAttachment": [{"title": "signed form"}],
        "decision": "permit",
        "provision": [{"purpose": [{"system": f"{V3}ActReason", "code": "HRESCH"}]}],
    }
    kind = f"{FHIR_JSON}; fhirVersion=5.0"
    made = await clinic.intake.post(f"{BASE}/Consent", resource, Content_Type=kind)
    assert made.json["status"] == "active"
    assert made.json["provision"]["provision"][0]["type"] == "deny"
    assert (await clinic.client.get(f"/v1/consents/{made.id}")).json["policy"]["dialect"] == "r5"
    issues(await clinic.intake.post(f"{BASE}/Consent", resource, want=415, Content_Type=f"{FHIR_JSON}; fhirVersion=3.0"))


async def test_an_erased_consent_shows_what_decisions_still_rest_on(clinic: Clinic) -> None:
    made = await post(clinic.intake, consent(clinic))
    path = f"{BASE}/Consent/{made.id}"
    await erased(clinic)
    shown = await clinic.intake.get(path)
    assert shown.json["meta"]["security"][0]["code"] == "REDACTED"
    assert shown.json["status"] == "active"
    for words in ("canary", "Riverside", "Noor", "sourceAttachment", "urn:example:forms"):
        assert words not in shown.text
    assert "canary" not in (await clinic.intake.get(f"{path}/_history")).text
    ended = await clinic.intake.put(path, {**shown.json, "status": "inactive"}, If_Match=shown.headers["Etag"])
    assert ended.json["status"] == "inactive"
