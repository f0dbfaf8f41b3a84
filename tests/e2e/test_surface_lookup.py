"""A client looked up through the surface, as a front desk and a record system would."""

import pytest

from tests.e2e.rest import Rest
from tests.e2e.surface import Clinic

SEARCH = "/v1/clients/search"


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).open()


async def test_the_front_desk_finds_a_client_and_an_erased_one_no_more(there: Clinic) -> None:
    number = {"system": "urn:oid:2.16.840.1.113883.19.5", "value": "MRN-7781"}
    body = {"name": "Ilse Brandt", "birth_date": "1984-11-02", "identifiers": [number]}
    ilse = (await there.intake.post("/v1/clients", body)).id
    for wanted in ({"identifier": number}, {"name": "ILSE  brandt", "birth_date": "1984-11-02"}, {"name": "Ilse Brandt"}):
        answer = await there.intake.post(SEARCH, wanted, want=200)
        assert [item["id"] for item in answer.json["items"]] == [ilse]
        assert len(answer.entries) == 2
    assert (await there.marsh.post(SEARCH, {"name": "Ilse Brandt"}, want=200)).json["items"] == [], "she treats somebody else"
    noor = await there.marsh.post(SEARCH, {"name": "Noor Haddad", "birth_date": "1991-04-03"}, want=200)
    assert [item["id"] for item in noor.json["items"]] == [there.client_id]
    await there.client.post(SEARCH, {"name": "Noor Haddad"}, want=403)
    elsewhere = there.rest.as_(there.intake.sub, "intake", tenant="another-clinic")
    assert (await elsewhere.post(SEARCH, {"name": "Ilse Brandt"}, want=200)).json["items"] == []
    there.told.client_id = ilse
    asked = {"client_id": ilse, "key_classes": ["identity"], "basis": "GDPR 17(1)(b)"}
    made = await there.officer.post("/v1/erasures", asked, want=202)
    await there.second_officer.post(f"/v1/erasures/{made.id}/approvals", want=(200, 201, 202))
    assert (await there.intake.post(SEARCH, {"identifier": number}, want=200)).json["items"] == []


async def test_a_record_system_finds_whom_a_consent_opens_to_it(there: Clinic) -> None:
    system = there.rest.as_("ehr-1", "ehr_system")
    assert (await system.post(SEARCH, {"name": "Noor Haddad"}, want=200)).json["items"] == []
