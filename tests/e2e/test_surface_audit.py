"""What the surface says of break-glass, the ledger, erasure and the log."""

import asyncio
import base64
from time import perf_counter
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.rest import Person, Rest
from tests.e2e.surface import Clinic, pointers, problem, today


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).open()


def glass(there: Clinic, **changes: Any) -> dict[str, Any]:
    body = {"client_id": there.client_id, "purpose": "BTG", "reason": "Emergency", "scope": [], "minutes": 30}
    return {**body, **changes}


async def test_break_glass(there: Clinic) -> None:
    note, private = await there.progress(), await there.private()
    path = f"/v1/notes/{note}"
    problem(await there.stranger.call("GET", path, X_Purpose_Of_Use="BTG"), 404)
    made = await there.stranger.post("/v1/break-glass", glass(there))
    assert made.json["id"]
    problem(await there.stranger.call("GET", path), 404)  # the grant counts with its purpose alone
    read = await there.stranger.get(path, X_Purpose_Of_Use="BTG")
    entry = (await there.officer.get(f"/v1/audit/entries/{read.entries[0]}")).json
    assert entry["purpose"] == {"code": "BTG", "defaulted": False}
    problem(await there.stranger.call("GET", f"/v1/notes/{private}", X_Purpose_Of_Use="BTG"), 404)
    problem(await there.client.call("POST", "/v1/break-glass", glass(there)), 403)
    report = await there.client.get(f"/v1/audit/clients/{there.client_id}/access-report")
    assert there.stranger.sub in report.text


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"purpose": "TREAT"}, "/purpose"),
        ({"reason": " "}, "/reason"),
        ({"minutes": 0}, "/minutes"),
        ({"scope": ["x"]}, "/scope/0"),
    ],
)
async def test_grants_that_cannot_be(there: Clinic, changes: dict[str, Any], pointer: str) -> None:
    assert pointer in pointers(await there.stranger.call("POST", "/v1/break-glass", glass(there, **changes)))


async def test_a_scope_and_its_absence(there: Clinic) -> None:
    note = await there.progress()
    await there.stranger.post("/v1/break-glass", glass(there, scope=["measures"]))
    problem(await there.stranger.call("GET", f"/v1/notes/{note}", X_Purpose_Of_Use="BTG"), 403)
    body = glass(there)
    del body["scope"]
    await there.stranger.post("/v1/break-glass", body)
    await there.stranger.get(f"/v1/notes/{note}", X_Purpose_Of_Use="BTG")


async def test_threat(there: Clinic) -> None:
    """One record, a recipient, and a second person's approval."""
    private = await there.private()
    path = "/v1/break-glass"
    threat = glass(there, purpose="THREAT", scope=[private], recipient="The county's crisis team")
    assert pointers(await there.marsh.call("POST", path, {**threat, "scope": []})) == {"/scope"}
    made = await there.stranger.post(path, threat)
    problem(await there.stranger.call("GET", f"/v1/notes/{private}", X_Purpose_Of_Use="THREAT"), 404)
    problem(await there.stranger.call("POST", f"{path}/{made.id}/approvals"), 403)
    await there.okoye.post(f"{path}/{made.id}/approvals", want=(200, 201))
    assert (await there.stranger.get(f"/v1/notes/{private}", X_Purpose_Of_Use="THREAT")).json["sections"]
    accounting = (await there.officer.get(f"/v1/audit/clients/{there.client_id}/accounting-of-disclosures")).json
    assert any(line["purpose"] == "THREAT" for line in accounting["items"])


async def test_search(there: Clinic) -> None:
    note = await there.progress()
    index = (await there.marsh.get(f"/v1/notes/{note}")).entries[0]
    query = (
        f"client_id={there.client_id}&agent={there.marsh.sub}&from={today()}&to={today()}"
        "&action=read&outcome=permit&purpose=TREAT"
    )
    found = (await there.officer.get(f"/v1/audit/entries?{query}")).json
    assert index in [e["index"] for e in found["items"]]
    assert all(e["agent"]["sub"] == there.marsh.sub and e["outcome"] == "permit" for e in found["items"])
    for span in ("from=2026-01-01T00:00:00Z", "to=2099-01-01T00:00:00%2B00:00", "from=2026-01-01&to=2099-01-01"):
        assert (await there.officer.get(f"/v1/audit/entries?client_id={there.client_id}&{span}")).json["items"]
    assert (await there.officer.get("/v1/audit/entries?from=2099-01-01")).json["items"] == []
    assert (await there.officer.get("/v1/audit/entries?client_id=&agent=&from=&to=&action=&outcome=&purpose=")).json["items"]
    problem(await there.officer.call("GET", "/v1/audit/entries?from=soon"), 422)
    for person in (there.marsh, there.client, there.intake):
        problem(await person.call("GET", "/v1/audit/entries"), 403)
        problem(await person.call("GET", f"/v1/audit/entries/{index}"), 403)
    problem(await there.officer.call("GET", "/v1/audit/entries/99999999"), 404)


async def test_a_proof_as_text(there: Clinic) -> None:
    index = (await there.marsh.get(f"/v1/clients/{there.client_id}")).entries[0]
    proof = await there.officer.get(f"/v1/audit/entries/{index}/proof")
    lines = proof.text.splitlines()
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert f"index {index}" in lines
    await there.prove(index)


async def test_the_log(there: Clinic) -> None:
    await there.progress()
    base = f"/log/{there.rest.tenant}"
    vkey = (await there.officer.get(f"{base}/vkey")).text.strip()
    checkpoint = (await there.officer.get(f"{base}/checkpoint")).text
    origin, size, root = checkpoint.splitlines()[:3]
    assert vkey.split("+")[0] == origin
    assert int(size) > 0
    assert len(base64.b64decode(root)) == 32
    width = int(size) % 256
    suffix = f"000.p/{width}" if int(size) < 256 else "000"
    sent = {"Authorization": f"Bearer {there.officer.token}"}
    for level in ("0", "entries"):
        url = there.rest.origin(base) + f"{base}/tile/{level}/{suffix}"
        async with there.rest.session.get(url, headers=sent) as tile:
            assert tile.status == 200
            assert len(await tile.read()) >= 32
    problem(await there.officer.call("GET", "/log/another-tenant/checkpoint"), 404)
    problem(await there.officer.call("GET", f"{base}/tile/0/999"), 404)


async def test_reports(there: Clinic) -> None:
    await there.progress()
    path = f"/v1/audit/clients/{there.client_id}"
    own = (await there.client.get(f"{path}/access-report")).json
    assert own["items"]
    assert set(own) >= {"items", "next"}
    await there.officer.get(f"{path}/access-report?limit=2")
    problem(await there.stranger.call("GET", f"{path}/access-report"), 403)
    other = there.rest.as_("another", "client", client_id=str(uuid4()))
    problem(await other.call("GET", f"{path}/access-report"), 404)
    assert (await there.officer.get(f"{path}/accounting-of-disclosures")).json["items"] == []


async def test_disclosures_are_for_services(there: Clinic) -> None:
    for person in (there.marsh, there.officer, there.client):
        assert (await person.call("POST", "/v1/disclosures", {})).status in (401, 403)


async def completed(officer: Person, erasure: str) -> Any:
    end = perf_counter() + 10
    while (found := (await officer.get(f"/v1/erasures/{erasure}")).json)["status"] != "completed":
        assert perf_counter() < end, found
        await asyncio.sleep(0.1)
    return found


async def test_erasure(there: Clinic) -> None:
    note = await there.progress()
    body = {"client_id": there.client_id, "key_classes": ["progress_note"], "basis": "GDPR 17(1)(b)"}
    problem(await there.marsh.call("POST", "/v1/erasures", body), 403)
    assert "/key_classes/0" in pointers(await there.officer.call("POST", "/v1/erasures", {**body, "key_classes": ["all"]}))
    asked = await there.officer.post("/v1/erasures", body, want=202)
    assert asked.json == {"id": asked.id, "status": "awaiting_approval"}
    path = f"/v1/erasures/{asked.id}"
    assert (await there.officer.get(path)).json["status"] == "awaiting_approval"
    problem(await there.officer.call("POST", f"{path}/approvals", {}), 403)
    problem(await there.marsh.call("POST", f"{path}/approvals", {}), 403)
    await there.marsh.get(f"/v1/notes/{note}")
    await there.second_officer.call("POST", f"{path}/approvals", want=(200, 201, 202))
    done = await completed(there.officer, asked.id)
    assert done["finality"] in ("logical", "final")
    assert isinstance(done["acknowledged_by"], list)
    erased = (await there.marsh.get(f"/v1/notes/{note}")).json
    assert (erased["status"], erased["sections"]) == ("erased", {})
    assert (await there.marsh.get(f"/v1/clients/{there.client_id}")).json["name"] == "Noor Haddad"
    problem(await there.officer.call("GET", f"/v1/erasures/{uuid4()}"), 404)
