"""A FHIR client library as EHRs use one (fhirpy) against the whole: it creates, finds, reads and changes a consent."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import ForbiddenError, MultipleResourcesFound, OperationOutcome, ResourceNotFound

from tests.e2e.rest import Rest
from tests.e2e.surface import Clinic

SYSTEM = "ehr-of-the-test"


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).admit()


async def client_of(there: Clinic, **headers: str) -> Any:
    token = there.rest.as_(SYSTEM, "ehr_system").token
    origin = there.rest.origin("/fhir/R4")
    return AsyncFHIRClient(f"{origin}/fhir/R4", authorization=f"Bearer {token}", extra_headers=headers)


def form(there: Clinic, number: str) -> dict[str, Any]:
    return {
        "identifier": [{"system": "urn:example:forms", "value": number}],
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{there.client_id}"},
        "dateTime": datetime.now(UTC).date().isoformat(),
        "sourceAttachment": {"title": "signed form"},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
    }


async def test_a_client_library_creates_finds_and_changes_a_consent(there: Clinic) -> None:
    client, number = await client_of(there), f"form-{uuid4()}"
    with pytest.raises(ForbiddenError) as refused:
        await client.resource("Consent", **form(there, number)).save()
    assert "forbidden" in str(refused.value)
    administrator = there.rest.as_("adm-1", "administrator")
    await administrator.post("/v1/ehr-systems", {"system": SYSTEM, "name": "EHR of the test"})

    made = client.resource("Consent", **form(there, number))
    await made.save()
    assert made.id and made["status"] == "proposed"

    search = client.resources("Consent").search(patient=f"Patient/{there.client_id}", identifier=f"urn:example:forms|{number}")
    (found,) = await search.fetch_all()
    assert found.id == made.id and found["meta"]["versionId"] == made["meta"]["versionId"]
    same, created = await search.get_or_create(client.resource("Consent", **form(there, number)))
    assert (same.id, created) == (made.id, False)

    with pytest.raises(OperationOutcome) as unseen:  # a change says which version it changes
        await client.resource("Consent", **{**made.serialize(), "dateTime": "2026-01-05"}).save()
    assert "If-Match" in str(unseen.value)
    careful = await client_of(there, **{"If-Match": f'W/"{found["meta"]["versionId"]}"'})
    changed = careful.resource("Consent", **{**made.serialize(), "dateTime": "2026-01-05"})
    await changed.save()
    assert int(changed["meta"]["versionId"]) > int(found["meta"]["versionId"])
    read = await client.reference("Consent", made.id).to_resource()
    assert read["dateTime"] == "2026-01-05"

    with pytest.raises(ResourceNotFound):
        await client.reference("Consent", str(uuid4())).to_resource()
    another = client.resource("Consent", **form(there, number))
    await another.save()
    with pytest.raises(MultipleResourcesFound):
        await search.get_or_create(client.resource("Consent", **form(there, number)))
