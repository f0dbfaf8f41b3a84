"""A refused request leaves no event: every write route of every service, by every role, generated from the OpenAPI documents.

Each request carries an id of its own, which stands in the meta of whatever it wrote. Afterwards no event of any service may
stand under the id of a request that was answered with 4xx.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from infra.postgres.launcher import LocalPostgres
from shared.contracts.records import ServiceName
from shared.identity.roles import Role
from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Answer, Person, Rest
from tests.e2e.surface import SOAP, Clinic, today

WRITES = ("post", "put", "patch", "delete")
DATABASES = ("consent", "session_notes", "alliance_measurement", "audit_log")
ENDED = ("inactive", "rejected", "entered-in-error")
NOT_OURS = ("/review/",)
"""pages of a browser: their forms have a session of their own"""


@dataclass
class Known:
    """Ids that exist, by the name of a parameter or field."""

    ids: dict[str, str] = field(default_factory=dict)

    def path(self, template: str) -> str:
        parts = [self.ids.get(p.strip("{}"), str(uuid4())) if p.startswith("{") else p for p in template.split("/")]
        return "/".join(parts)

    def value(self, name: str, schema: dict[str, Any]) -> Any:
        """Something that the schema takes, as far as a schema says it."""
        if name in self.ids:
            return self.ids[name]
        for choice in ("anyOf", "oneOf", "allOf"):
            if schema.get(choice):
                return self.value(name, schema[choice][0])
        if "const" in schema or "enum" in schema:
            return schema.get("const", (schema.get("enum") or [None])[0])
        match schema.get("type"):
            case "object":
                required = schema.get("required", [])
                return {n: self.value(n, s) for n, s in schema.get("properties", {}).items() if n in required}
            case "array":
                return [self.value(name, schema.get("items", {})) for _ in range(schema.get("minItems", 1))]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
        formats: dict[str, Any] = {"uuid": str(uuid4()), "date": today(), "date-time": f"{today()}T08:00:00Z"}
        return formats.get(str(schema.get("format")), "because it is so " * (1 + schema.get("minLength", 0) // 16))


def fhir_consent(client_id: str, consent_id: str | None, status: str) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        **({"id": consent_id} if consent_id else {}),
        "status": status,
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{client_id}"},
        "dateTime": today(),
        "sourceAttachment": {"title": "signed form"},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
    }


@dataclass(frozen=True)
class Write:
    verb: str
    template: str
    bodies: tuple[Any, ...]


def bodies(known: Known, template: str, operation: dict[str, Any]) -> tuple[Any, ...]:
    """One that the schema takes, and some that nothing takes."""
    content: dict[str, dict[str, Any]] = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = next((kind["schema"] for kind in content.values() if "schema" in kind), {})
    if template.startswith("/fhir/R4/Consent"):
        consent_id = known.ids["consent_id"] if "{" in template else None
        made = tuple(fhir_consent(known.ids["client_id"], consent_id, s) for s in ("active", "proposed", *ENDED))
        return (*made, {})
    return (known.value("", schema) if schema else {}, {}, b"{", {"nonsense": 1})


async def writes(there: Clinic, known: Known) -> list[Write]:
    found = []
    for service in ServiceName:
        document = (await there.intake.get(f"/openapi/{service}.json")).json
        for template, operations in document["paths"].items():
            if not template.startswith(NOT_OURS):
                found += [Write(v.upper(), template, bodies(known, template, operations[v])) for v in WRITES if v in operations]
    return found


def callers(there: Clinic, rest: Rest) -> Iterator[tuple[str, Person]]:
    own = there.client_id
    for role in Role:
        if role in (Role.CLIENT, Role.REPRESENTATIVE):
            yield f"{role}, own", rest.as_(f"{role}-own", role, client_id=own)
            yield f"{role}, another", rest.as_(f"{role}-other", role, client_id=str(uuid4()))
        else:
            yield f"{role}", rest.as_(f"{role}-x", role)
    yield "the client's therapist", there.marsh


async def somebody_s_records(there: Clinic) -> Known:
    """A client with a session, a note, an administration, an outcome and two consents, one of which waits for its signature."""
    proposed = await there.marsh.post("/fhir/R4/Consent", fhir_consent(there.client_id, None, "proposed"))
    started = f"{today()}T00:00:00Z"
    session = {
        "client_id": there.client_id,
        "therapist_id": there.marsh.sub,
        "started_at": started,
        "ended_at": started,
        "modality": "cbt",
        "format": "individual",
        "attendance": "attended",
    }
    made = await there.marsh.call("POST", "/v1/sessions", session)
    ids = {"client_id": there.client_id, "consent_id": proposed.id, "practitioner_id": "somebody.else"}
    if made.status == 201:
        note = await there.marsh.post(f"/v1/sessions/{made.id}/progress-notes", {"format": "SOAP", "sections": SOAP})
        ids |= {"session_id": made.id, "note_id": note.id}
        moment = {"kind": "repair", "class": "open"}
        ids["moment_id"] = (await there.marsh.post(f"/v1/sessions/{made.id}/moments", moment)).id
    ids |= await planned(there)
    measure = {"client_id": there.client_id, "instrument": "wai-sr", "rater": "client"}
    ids["administration_id"] = (await there.marsh.post("/v1/administrations", measure)).id
    outcome = {"measure": "gaf", "score": 61}
    ids["outcome_id"] = (await there.marsh.post(f"/v1/clients/{there.client_id}/outcomes", outcome)).id
    return Known(ids)


async def planned(there: Clinic) -> dict[str, str]:
    plan = (await there.marsh.post(f"/v1/clients/{there.client_id}/plans", {"problems": ["Sleep."]})).id
    goal = (await there.client.post(f"/v1/plans/{plan}/goals", {"description": "To sleep through."})).id
    task = (await there.marsh.post(f"/v1/goals/{goal}/tasks", {"what": "A sleep diary."})).id
    path = f"/v1/clients/{there.client_id}"
    gift = {"kind": "gift", "began_by": "client", "what": "A drawing.", "reasoning": "Taken, and talked about."}
    event = (await there.marsh.post(f"{path}/boundary-events", gift)).id
    effect = (await there.marsh.post(f"{path}/adverse-effects", {"what": "Slept badly.", "seriousness": "mild"})).id
    concern = (await there.client.post("/v1/concerns", {"words": "The sessions begin late."})).id
    topic = (await there.marsh.post(f"{path}/closed-topics", {"topic": "The lake."})).id
    about = {"topic_id": topic, "event_id": event, "effect_id": effect, "concern_id": concern}
    return {"plan_id": plan, "goal_id": goal, "task_id": task, **about}


async def stray(embedded: EmbeddedProcess, refused: dict[str, str]) -> list[str]:
    """Refused requests that wrote an event nevertheless."""
    server = LocalPostgres(embedded.data_dir / "postgres")
    password = (embedded.data_dir / "postgres.password").read_text().strip()
    found: list[str] = []
    for database in DATABASES:
        connection = await asyncpg.connect(server.dsn(database, password=password))
        try:
            rows = await connection.fetch("SELECT type, convert_from(meta, 'UTF8')::jsonb->>'request_id' AS request FROM events")
            assert rows, f"{database} has no event at all: nothing would be found there"
            found += [f"{refused[r['request']]}: {r['type']}" for r in rows if r["request"] in refused]
        finally:
            await connection.close()
    return found


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).open()


async def test_a_refused_request_leaves_no_event(there: Clinic, clinic: Rest, embedded: EmbeddedProcess) -> None:
    known = await somebody_s_records(there)
    refused: dict[str, str] = {}
    statuses: Counter[int] = Counter()

    async def send(who: str, person: Person, write: Write, body: Any, **headers: Any) -> Answer:
        request_id = uuid4().hex
        answer = await person.call(write.verb, known.path(write.template), body, X_Request_Id=request_id, **headers)
        statuses[answer.status] += 1
        assert answer.status < 500, f"{write.verb} {write.template} as {who}: {answer.status}"
        if answer.status >= 400:
            refused[request_id] = f"{write.verb} {write.template} as {who}: {answer.status}"
        return answer

    routes = await writes(there, known)
    for write in routes:
        for who, person in callers(there, clinic):
            for body in write.bodies if "therapist" in who or who == "intake" else write.bodies[:1]:
                await send(who, person, write, body, If_Match="*")
        await send("no version", there.marsh, write, write.bodies[0])
        await send("stale", there.marsh, write, write.bodies[0], If_Match='W/"999"')
        await send("another type", there.marsh, write, b"a=b", Content_Type="text/plain")
        await send("nobody", Person(clinic, "nobody", "no-token"), write, write.bodies[0])
    assert len(routes) > 40 and {401, 403, 404, 409, 412, 415, 422, 428} <= statuses.keys(), (len(routes), statuses)
    assert not await stray(embedded, refused)
