"""FHIR Consents as an EHR sends them, and what it is answered."""

from typing import Any
from uuid import uuid4

from tests.e2e.rest import Answer, Person
from tests.integration.consent.world import Clinic

BASE = "/fhir/R4"
FHIR_JSON = "application/fhir+json"
V3 = "http://terminology.hl7.org/CodeSystem/v3-"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"


def consent(clinic: Clinic, **changes: Any) -> dict[str, Any]:
    """A privacy consent signed elsewhere, with fields that this system has no use for."""
    resource: dict[str, Any] = {
        "resourceType": "Consent",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">canary-narrative</div>'},
        "extension": [{"url": "https://example.org/weight", "valueDecimal": 1.5}],
        "identifier": [{"system": "urn:example:forms", "value": f"form-{uuid4()}"}],
        "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{clinic.client_id}"},
        "dateTime": "2026-01-02",
        "performer": [{"reference": f"Patient/{clinic.client_id}", "display": "Noor Haddad"}],
        "organization": [{"reference": "Organization/elsewhere", "display": "Riverside practice"}],
        "sourceAttachment": {"contentType": "text/plain", "data": "Y2FuYXJ5LWF0dGFjaG1lbnQ=", "title": "signed form"},
        "policyRule": {"coding": [{"system": f"{V3}ActCode", "code": "OPTIN"}]},
        "verification": [{"verified": True, "verificationDate": "2026-01-02"}],
        "provision": {"period": {"start": "2026-01-01"}},
    }
    return {k: v for k, v in {**resource, **changes}.items() if v is not None}


async def post(person: Person, body: Any, *, want: int = 201, **headers: str) -> Answer:
    return await person.post(f"{BASE}/Consent", body, want=want, Content_Type=FHIR_JSON, **headers)


def issues(answer: Answer) -> list[dict[str, Any]]:
    assert answer.headers["Content-Type"] == FHIR_JSON, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"
    found: list[dict[str, Any]] = answer.json["issue"]
    return found
