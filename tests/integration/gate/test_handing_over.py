"""45 CFR 164.528 as a client meets it: the clock of a request, what is entered by hand, and the documents to hand over."""

from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from services.audit_log.ledger.application.ledger_view import Filters
from shared.contracts.disclosure import Action
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_fhir_audit_event import Fhir
from tests.integration.gate.test_reviews import call
from tests.integration.gate.test_suspended_accounting import officer, suspend, threat
from tests.support.pdf import words_of

HEAD = {"name": "Riverside Psychotherapy", "address": "12 Hill Road, Riverside CA 92501", "zone": "America/Los_Angeles"}
FAX: dict[str, Any] = {
    "on": "2026-03-01",
    "how": "fax",
    "recipient": "County Court of Riverside",
    "what": ["progress_note"],
    "purpose": "HLEGAL",
}
COURT = "4050 Main Street, Riverside"


def of(world: World, what: str) -> str:
    return f"/v1/audit/clients/{world.client}/{what}"


async def lettered(world: World, site: str) -> None:
    administrator = world.token("adm-1", "administrator")
    assert (await call(site, administrator, "PUT", "/v1/practice/letterhead", HEAD))[0] == 200


async def pdf(world: World, site: str, report: str, token: str | None = None, **asked: str) -> str:
    """The document's words, on one line."""
    headers = {"Authorization": f"Bearer {token or officer(world)}"}
    body = {"client_name": "Noor Haddad", **asked}
    async with (
        aiohttp.ClientSession() as http,
        http.post(site + of(world, f"handouts/{report}"), json=body, headers=headers) as a,
    ):
        assert a.status == 200, await a.text()
        assert a.headers["Content-Type"] == "application/pdf" and a.headers["Audit-Entry"]
        return words_of(await a.read())


async def test_164_528_c_1_an_accounting_is_due_in_60_days_and_once_30_more(world: World, site: str) -> None:
    await world.usual()
    await world.note()
    assert (await call(site, officer(world), "POST", of(world, "accounting-requests"), {"asked_on": "2999-01-01"}))[0] == 422
    day = world.clock.now().date()
    asked_on = (day - timedelta(days=10)).isoformat()
    made, body = await call(site, officer(world), "POST", of(world, "accounting-requests"), {"asked_on": asked_on})
    assert (made, body["status"], body["free_of_charge"]) == (201, "open", True)
    assert body["due_on"] == (day + timedelta(days=50)).isoformat()
    path = of(world, f"accounting-requests/{body['id']}/extensions")
    why = {"reason": "Records of 2021 are in the archive.", "until": (day + timedelta(days=81)).isoformat()}
    assert (await call(site, officer(world), "POST", path, why))[0] == 422, "30 days more, no day later"
    why["until"] = (day + timedelta(days=80)).isoformat()
    status, longer = await call(site, officer(world), "POST", path, why)
    assert (status, longer["due_on"], longer["extended"]) == (200, why["until"], True)
    assert (await call(site, officer(world), "POST", path, why))[0] == 409, "once"
    listed = (await call(site, world.client_token(), "GET", of(world, "accounting-requests")))[1]["items"]
    assert [r["due_on"] for r in listed] == [why["until"]]
    world.clock.ahead = timedelta(days=81)
    listed = (await call(site, officer(world), "GET", of(world, "accounting-requests")))[1]["items"]
    assert listed[0]["status"] == "overdue"
    given = of(world, f"accounting-requests/{body['id']}/answers")
    assert (await call(site, officer(world), "POST", given, {"how": "letter"}))[1]["status"] == "answered"
    assert (await call(site, officer(world), "POST", given, {"how": "letter"}))[0] == 409
    assert (await call(site, officer(world), "POST", path, why))[0] == 409, "it was answered"


async def test_164_528_c_1_no_extension_after_the_60_days(world: World, site: str) -> None:
    await world.usual()
    await world.note()
    day = world.clock.now().date()
    asked = {"asked_on": (day - timedelta(days=61)).isoformat()}
    late = (await call(site, officer(world), "POST", of(world, "accounting-requests"), asked))[1]
    assert late["status"] == "overdue"
    path = of(world, f"accounting-requests/{late['id']}/extensions")
    why = {"reason": "It was forgotten until now.", "until": day.isoformat()}
    assert (await call(site, officer(world), "POST", path, why))[0] == 409


async def test_164_528_c_2_the_first_in_twelve_months_is_free(world: World, site: str) -> None:
    await world.usual()
    await world.note()
    own = world.client_token()
    first, second = [(await call(site, own, "POST", of(world, "accounting-requests"), {}))[1] for _ in range(2)]
    assert (first["free_of_charge"], second["free_of_charge"]) == (True, False)
    other = world.token("u-other", "client", client_id=str(uuid4()))
    assert (await call(site, other, "POST", of(world, "accounting-requests"), {}))[0] == 404
    assert (await call(site, world.token("t-rivera", "therapist"), "POST", of(world, "accounting-requests"), {}))[0] == 403


async def test_164_528_b_a_fax_that_was_entered_by_hand_stands_in_the_accounting(world: World, site: str) -> None:
    await world.usual()
    await world.note()
    status, _ = await call(site, officer(world), "POST", of(world, "disclosures"), FAX | {"address": COURT})
    assert status == 201
    line = (await call(site, officer(world), "GET", of(world, "accounting-of-disclosures")))[1]["items"][0]
    assert (line["date"], line["how"], line["purpose"]) == ("2026-03-01", "fax", "HLEGAL")
    assert line["recipient"] == {"name": FAX["recipient"], "address": COURT} and line["description"] == "a session note"
    bundle, _ = await Fhir(site, officer(world)).get(
        f"/fhir/R4/AuditEvent/$accounting-of-disclosures?patient=Patient/{world.client}", 200
    )
    (event,) = [e["resource"] for e in bundle["entry"]]
    assert event["period"] == {"start": "2026-03-01", "end": "2026-03-01"}
    assert f"{FAX['recipient']} ({COURT})" in [a["who"].get("display") for a in event["agent"]]
    wrong: dict[str, Any]
    for wrong in ({"on": "2999-01-01"}, {"what": []}, {"purpose": "TREAT"}, {"how": "pigeon"}, {"recipient": ""}):
        assert (await call(site, officer(world), "POST", of(world, "disclosures"), FAX | wrong))[0] == 422, wrong
    for role in ("therapist", "administrator", "intake"):
        assert (await call(site, world.token("x-1", role), "POST", of(world, "disclosures"), FAX))[0] == 403
    stranger = f"/v1/audit/clients/{uuid4()}/disclosures"
    assert (await call(site, officer(world), "POST", stranger, FAX))[0] == 404


async def test_164_528_b_the_accounting_is_handed_over_in_sentences(world: World, site: str) -> None:
    await world.usual()
    await world.note()
    headers = {"Authorization": f"Bearer {officer(world)}"}
    path = site + of(world, "handouts/accounting-of-disclosures")
    async with aiohttp.ClientSession() as http, http.post(path, json={"client_name": "Noor"}, headers=headers) as refused:
        assert refused.status == 409 and "letterhead" in await refused.text()
    await lettered(world, site)
    empty = await pdf(world, site, "accounting-of-disclosures")
    assert "No disclosures were made" in empty
    assert "Riverside Psychotherapy" in empty and "12 Hill Road" in empty and "Noor Haddad" in empty
    assert (await call(site, officer(world), "POST", of(world, "disclosures"), FAX))[0] == 201
    told = await pdf(world, site, "accounting-of-disclosures")
    assert "1 March 2026" in told and "to County Court of Riverside (address not known) by fax" in told
    assert "a session note, for a legal matter" in told and "America/Los_Angeles" in told


async def test_164_528_days_are_days_of_the_practice(world: World, site: str) -> None:
    """Late in the evening in California it is the next day in UTC already."""
    await world.usual()
    await threat(world, site)
    await lettered(world, site)
    (use,) = await world.service._ledger.search(world.tenant, Filters(purpose="THREAT", actions=("read",), outcome="permit"))
    there = use.entry.at.astimezone(ZoneInfo(HEAD["zone"]))
    told = await pdf(world, site, "accounting-of-disclosures")
    assert f"{there.day} {there:%B} {there.year} (entry {use.index})" in told
    day = there.date()
    assert "crisis team" in await pdf(world, site, "accounting-of-disclosures", since=day.isoformat(), to=day.isoformat())
    before = (day - timedelta(days=1)).isoformat()
    assert "No disclosures were made" in await pdf(world, site, "accounting-of-disclosures", to=before)


async def test_164_528_a_2_a_document_leaves_out_what_is_suspended(world: World, site: str) -> None:
    index, _ = await threat(world, site)
    await lettered(world, site)
    assert "crisis team" in await pdf(world, site, "accounting-of-disclosures")
    await suspend(world, site, index)
    for report in ("accounting-of-disclosures", "access-report"):
        assert "threat" not in await pdf(world, site, report)


async def test_an_access_report_to_hand_over_tells_nothing_of_psychotherapy_notes(world: World, site: str) -> None:
    await world.usual()
    await lettered(world, site)
    ref, _ = await world.note()
    await world.ask(world.token("t-rivera", "therapist"), Action.READ, ref)
    before = (await pdf(world, site, "access-report")).count("wrote a session note")
    await world.note(kind="psychotherapy_note")
    told = await pdf(world, site, "access-report", world.client_token())
    assert told.count("wrote a session note") == before == 1 and "your treatment" in told
    assert (await call(site, world.client_token(), "POST", of(world, "handouts/accounting-of-disclosures"), {}))[0] == 403


async def test_the_name_on_a_document_is_kept_nowhere(world: World, site: str) -> None:
    await world.usual()
    await world.note()
    await lettered(world, site)
    await pdf(world, site, "access-report")
    tables = await world.service._store.fetch(world.tenant, "SELECT convert_from(payload, 'UTF8') AS p FROM ledger_payload")
    assert tables and not [r for r in tables if "Haddad" in r["p"]]


@pytest.mark.parametrize("wrong", [{"zone": "Mars/Olympus"}, {"name": ""}, {"address": "x"}])
async def test_a_letterhead_is_an_administrators_and_whole(world: World, site: str, wrong: dict[str, Any]) -> None:
    administrator = world.token("adm-1", "administrator")
    assert (await call(site, administrator, "PUT", "/v1/practice/letterhead", HEAD | wrong))[0] == 422
    assert (await call(site, officer(world), "PUT", "/v1/practice/letterhead", HEAD))[0] == 403
    await lettered(world, site)
    assert (await call(site, officer(world), "GET", "/v1/practice"))[1]["letterhead"]["name"] == HEAD["name"]
