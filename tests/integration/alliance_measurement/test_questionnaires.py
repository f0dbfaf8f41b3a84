"""`/fhir/R4/Questionnaire` over HTTP; judged by HAPI's validator."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.alliance_measurement.clinic import Clinic
from tests.integration.consent.test_fhir_validator import HAPI, run

BASE = "/fhir/R4/Questionnaire"


async def got(clinic: Clinic, path: str, who: str | None = "therapist", want: int = 200, **form: Any) -> Any:
    headers = {"Authorization": f"Bearer {clinic.token(who)}"} if who else {}
    url = path if path.startswith("http") else clinic.world.url + path
    async with clinic.world.http.request("POST" if form else "GET", url, headers=headers, data=form or None) as answer:
        assert answer.status == want, await answer.text()
        assert answer.content_type == "application/fhir+json"
        return await answer.json(content_type=None)


async def pages(clinic: Clinic, url: str) -> list[list[dict[str, Any]]]:
    """Each page of a search, by its `next`."""
    found = []
    while url:
        bundle = await got(clinic, url)
        assert "total" not in bundle
        found.append([entry["resource"] for entry in bundle.get("entry", ())])
        url = (
            BASE + next(k["url"] for k in bundle["link"] if k["relation"] == "next").partition(BASE)[2]
            if len(bundle["link"]) > 1
            else ""
        )
    return found


async def test_read_and_search(rated_clinic: Clinic) -> None:
    one = await got(rated_clinic, f"{BASE}/phq-9")
    assert one["resourceType"] == "Questionnaire" and one["url"].endswith(f"{BASE}/phq-9")
    (every,) = await pages(rated_clinic, BASE)
    assert one in every and len(every) >= 18
    paged = await pages(rated_clinic, f"{BASE}?_count=7")
    assert [len(page) for page in paged][:2] == [7, 7] and paged[-1]
    assert [q["id"] for page in paged for q in page] == [q["id"] for q in every]
    form = await got(rated_clinic, f"{BASE}/_search", code="http://loinc.org|44249-1")
    assert [e["resource"] for e in form["entry"]] == [one]
    for who in ("client", "compliance_officer"):
        assert await got(rated_clinic, f"{BASE}/phq-9", who) == one
    assert "entry" not in await got(rated_clinic, f"{BASE}?_id=moca")
    await got(rated_clinic, f"{BASE}/moca", want=404)
    await got(rated_clinic, f"{BASE}/phq-9", None, want=401)
    await got(rated_clinic, f"{BASE}?status=enabled", want=400)
    await got(rated_clinic, f"{BASE}?subject=x", want=400)


@pytest.mark.long
async def test_every_questionnaire_is_valid_r4(rated_clinic: Clinic, tmp_path: Path) -> None:
    if shutil.which("mvn") is None or shutil.which("java") is None:
        pytest.skip("no Java and Maven here: HAPI's validator cannot run")
    (every,) = await pages(rated_clinic, BASE)
    for each in (*every, await got(rated_clinic, BASE), await got(rated_clinic, "/fhir/R4/metadata", None)):
        (tmp_path / f"{each.get('id', each['resourceType'])}.json").write_bytes(orjson.dumps(each))
    jars = tmp_path / "jars"
    await run("mvn", "-q", "-B", "-f", str(HAPI / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={jars}")
    said = await run("java", "-cp", f"{jars}/*", str(HAPI / "Validate.java"), str(tmp_path))
    wrong = [line for line in said.splitlines() if line.split(" ", 2)[1] in ("ERROR", "FATAL")]
    assert not wrong, "\n".join(wrong)
    assert said  # it did look
