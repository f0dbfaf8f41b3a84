"""Searches for FHIR Consents and their pages."""

import pytest

from tests.integration.consent.fhir_consents import BASE, V3, consent, issues, post
from tests.integration.consent.world import Clinic


async def test_search(clinic: Clinic) -> None:
    psy = {"type": "deny", "securityLabel": [{"system": f"{V3}ActCode", "code": "PSY"}]}
    named = {
        "type": "permit",
        "actor": [
            {
                "role": {"coding": [{"system": f"{V3}ParticipationType", "code": "IRCP"}]},
                "reference": {"reference": "Practitioner/amara.okoye"},
            }
        ],
        "purpose": [{"system": f"{V3}ActReason", "code": "COC"}],
    }
    outs = {"coding": [{"system": f"{V3}ActCode", "code": "OPTOUT"}]}
    one = (await post(clinic.intake, consent(clinic, provision={"provision": [psy]}))).id
    period = {"start": "2024-01-01", "end": "2024-12-31"}
    two = (await post(clinic.intake, consent(clinic, policyRule=outs, provision={"period": period, "provision": [named]}))).id
    three = await clinic.proposed()
    path = f"{BASE}/Consent?patient=Patient/{clinic.client_id}"

    async def found(more: str) -> set[str]:
        bundle = (await clinic.intake.get(path + more)).json
        assert bundle["type"] == "searchset" and "total" not in bundle
        return {e["resource"]["id"] for e in bundle.get("entry", [])}

    assert await found("") == {one, two, three}
    assert await found("&status=active") == {one}
    assert await found("&status=proposed,inactive") == {two, three}
    assert await found("&category=http://loinc.org|59284-0") == {one, two, three}
    assert await found("&category=urn:alliance-record:consent-kind|treatment") == {three}
    assert await found("&actor=Practitioner/amara.okoye") == {two}
    assert await found("&purpose=COC") == {two}
    assert await found(f"&security-label={V3}ActCode|PSY") == {one}
    assert await found("&period=2024") == {two}
    assert await found("&period=ge2025") == {one, three}
    assert await found(f"&_id={one},{three}") == {one, three}
    assert await found("&_lastUpdated=lt2020") == set()
    assert await found("&_lastUpdated=gt2020-01-01T00:00:00Z") == {one, two, three}
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    by_form = await clinic.intake.post(
        f"{BASE}/Consent/_search", f"patient={clinic.client_id}&status=active".encode(), want=200, **form
    )
    assert [e["resource"]["id"] for e in by_form.json["entry"]] == [one]


@pytest.mark.parametrize(
    "query", ["", "status=active", "patient={c}&nonsense=1", "patient={c}&_count=0", "patient={c}&period=soon", "patient=x"]
)
async def test_a_search_that_is_not_understood_is_refused(clinic: Clinic, query: str) -> None:
    answer = await clinic.intake.get(f"{BASE}/Consent?" + query.format(c=clinic.client_id), want=400)
    assert issues(answer)[0]["code"] == "invalid"


async def test_lenient_handling_ignores_what_is_unknown(clinic: Clinic) -> None:
    await clinic.intake.get(f"{BASE}/Consent?patient={clinic.client_id}&nonsense=1", Prefer="handling=lenient")


async def test_pages_are_full_and_the_last_one_is_never_empty(clinic: Clinic) -> None:
    made = [(await post(clinic.intake, consent(clinic, status="proposed"))).id for _ in range(6)]
    seen, pages = [], []
    url = f"{BASE}/Consent?patient={clinic.client_id}&_count=3"
    while url:
        bundle = (await clinic.intake.get(url)).json
        pages.append(len(bundle["entry"]))
        seen += [e["resource"]["id"] for e in bundle["entry"]]
        following = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        assert not following or "/fhir/R4/Consent?" in following
        url = following and BASE + following.split(BASE, 1)[1]
    assert (pages, seen) == ([3, 3], made[::-1])
    first = (await clinic.intake.get(f"{BASE}/Consent?patient={clinic.client_id}&_count=3")).json
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    another = clinic.rest.as_("intake-2", "intake")
    assert issues(await another.get(BASE + following.split(BASE, 1)[1], want=422))
