"""45 CFR 164.528(a)(2) on a whole service: what a suspension hides from the client, wherever they look."""

import io
import zipfile
from base64 import b64decode
from datetime import timedelta
from typing import Any

import orjson

from services.audit_log.ledger.application.ledger_view import Filters
from shared.contracts.disclosure import Action
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_exports import export
from tests.integration.gate.test_fhir_audit_event import Fhir
from tests.integration.gate.test_reviews import call, granted

AGENCY, STATEMENT = "State oversight board", "An accounting would impede an audit under way."


def officer(world: World) -> str:
    return world.token("co-1", "compliance_officer")


async def threat(world: World, site: str) -> tuple[int, set[int]]:
    """A disclosure because of a threat to safety; its index, and those of all that was done about its grant."""
    await world.usual()
    ref, _ = await world.note()
    made = await granted(site, world, "THREAT", scope=[ref.record_id], recipient="The county's crisis team")
    night = world.token("t-night", "therapist")
    assert not (await world.ask(night, Action.READ, ref, purpose="THREAT")).keys, "not approved yet"
    lind = world.token("s-lind", "supervisor")
    assert (await call(site, lind, "POST", f"/v1/break-glass/{made['id']}/approvals"))[0] in (200, 201)
    read = await world.ask(night, Action.READ, ref, purpose="THREAT")
    assert read.keys
    body = {"decision": "justified", "note": "The county's call is documented."}
    assert (await call(site, lind, "POST", f"/v1/audit/reviews/{made['id']}/decisions", body))[0] == 200
    found = await world.service._ledger.search(world.tenant, Filters(client_id=world.client, purpose="THREAT"))
    return read.entries[0], {s.index for s in found}


async def suspend(world: World, site: str, index: int) -> tuple[int, int]:
    """For a day; then an officer looks at the entry. Indexes of both."""
    until = (world.clock.now() + timedelta(days=1)).isoformat()
    body = {"agency": AGENCY, "statement": STATEMENT, "form": "written", "until": until, "entries": [index]}
    path = f"/v1/audit/clients/{world.client}/accounting-suspensions"
    assert (await call(site, officer(world), "POST", path, body))[0] == 201
    assert (await call(site, officer(world), "GET", f"/v1/audit/entries/{index}"))[0] == 200
    newest = await world.service._ledger.search(world.tenant, Filters(client_id=world.client), limit=2)
    return newest[1].index, newest[0].index


async def report(world: World, site: str) -> set[int]:
    path = f"/v1/audit/clients/{world.client}/access-report?limit=200"
    _, body = await call(site, world.client_token(), "GET", path)
    return {item["index"] for item in body["items"]}


async def exported(world: World, site: str) -> bytes:
    body, _ = await export(site, world.client_token(), f"access-report?client_id={world.client}")
    archive = zipfile.ZipFile(io.BytesIO(body))
    return b"".join(archive.read(name) for name in ("rows.ndjson", "rows.csv"))


async def events(world: World, site: str) -> list[dict[str, Any]]:
    return await Fhir(site, world.client_token()).events(f"patient=Patient/{world.client}&_count=200")


def asked(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    queries = [entity["query"] for event in found for entity in event["entity"] if "query" in entity]
    return [orjson.loads(b64decode(q)) for q in queries]


async def test_a_suspension_does_not_tell_of_itself(world: World, site: str) -> None:
    index, of_the_grant = await threat(world, site)
    assert len(of_the_grant) == 6 and index in of_the_grant  # the alarm beside the grant is no client's anyway
    assert index in await report(world, site)
    hidden = of_the_grant | {*await suspend(world, site, index)}
    assert await report(world, site) & hidden == set()
    told = await exported(world, site)
    assert b"THREAT" not in told and AGENCY.encode() not in told
    shown = await events(world, site)
    assert {int(e["id"].partition("-")[0]) for e in shown} & hidden == set()
    assert "THREAT" not in str(shown) and shown
    await Fhir(site, world.client_token()).get(f"/fhir/R4/AuditEvent/{min(of_the_grant)}", 404)


async def test_when_it_is_over_the_client_reads_the_uses_and_not_the_agencys_words(world: World, site: str) -> None:
    index, _ = await threat(world, site)
    made, looked = await suspend(world, site, index)
    world.clock.ahead = timedelta(days=2)
    assert {index, made, looked} <= await report(world, site)
    shown = await events(world, site)
    assert {index, made, looked} <= {int(e["id"].partition("-")[0]) for e in shown}
    found = asked(shown)
    assert {"suspend-accounting", "view-entry"} <= {q["action"] for q in found} and not any("query" in q for q in found)
    told = await exported(world, site)
    assert b"THREAT" in told and AGENCY.encode() not in told and STATEMENT.encode() not in told


async def test_a_look_at_a_psychotherapy_note_names_no_entry_to_the_client(world: World, site: str) -> None:
    await world.usual()
    hidden, _ = await world.note(kind="psychotherapy_note")
    (stored,) = await world.service._ledger.search(world.tenant, Filters(record_id=hidden.record_id))
    assert (await call(site, officer(world), "GET", f"/v1/audit/entries/{stored.index}"))[0] == 200
    found = asked(await events(world, site))
    assert [q["action"] for q in found] == ["view-entry"] and "query" not in found[0]
    own = await Fhir(site, officer(world)).events(f"patient=Patient/{world.client}&_count=200")
    assert {"index": stored.index} in [q.get("query") for q in asked(own)], "officers see what was asked"
