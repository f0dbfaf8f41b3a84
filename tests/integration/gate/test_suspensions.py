"""An agency asks that the client not be told (45 CFR 164.528(a)(2)): neither accounting nor own report says it, until it ends."""

import zipfile
from datetime import timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from services.audit_log.domain.entry import EntryKind
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_exports import export, officer
from tests.integration.gate.test_fhir_audit_event import Fhir
from tests.support.http import serving
from tests.support.ledger import entry, signed

AGENCY = "County Court"


async def send(site: str, world: World, body: dict[str, Any], role: str = "compliance_officer") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {world.token('co-1', role)}"}
    url = f"{site}/v1/audit/clients/{world.client}/suspensions"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def get(site: str, token: str, path: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(f"{site}/v1/audit/{path}", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return list((await answer.json())["items"])


async def test_while_it_stands_the_client_is_not_told_and_then_is(world: World) -> None:
    ledger = world.service._ledger
    disclosed = entry(agent="court-1", agent_name=AGENCY, purpose="HLEGAL", client_id=world.client, at=world.clock.now())
    (index,) = await ledger.append(world.tenant, [disclosed])
    await ledger.append(world.tenant, [entry(kind=EntryKind.DISCLOSURE, client_id=world.client, at=world.clock.now())])
    await signed(ledger, world.tenant, index + 1)
    client, accounting = world.client_token(), f"clients/{world.client}/accounting-of-disclosures"
    report = f"clients/{world.client}/access-report"
    async with serving(world.service.app) as site:

        async def told() -> list[bool]:
            body, _ = await export(site, officer(world), f"accounting-of-disclosures?client_id={world.client}")
            own, _ = await export(site, client, f"access-report?client_id={world.client}")
            lists = [await get(site, officer(world), accounting), await get(site, client, report)]
            events = await Fhir(site, client).events(f"patient=Patient/{world.client}&_count=200")
            exported = [AGENCY.encode() in zipfile.ZipFile(BytesIO(each)).read("rows.ndjson") for each in (body, own)]
            return [*exported, *(index in [i["index"] for i in each] for each in lists), AGENCY in str(events)]

        assert await told() == [True] * 5
        until = (world.clock.now() + timedelta(days=29)).isoformat()
        statement = {"agency": "county court", "oral": True, "official": "Judge A. Moreno", "until": until}
        status, made = await send(site, world, statement)
        assert status == 201 and made["oral"] is True
        assert await told() == [False] * 5
        assert index in [i["index"] for i in await get(site, officer(world), report)], "an officer sees it all the while"
        assert [i["agency"] for i in await get(site, officer(world), f"clients/{world.client}/suspensions")] == ["county court"]
        everything = str(await Fhir(site, client).events(f"patient=Patient/{world.client}&_count=200"))
        assert "suspend" not in everything and "Moreno" not in everything, "nor that it was suspended"
        world.clock.ahead = timedelta(days=30)
        assert await told() == [True] * 5


@pytest.mark.parametrize(
    ("change", "days"), [({}, 31), ({"oral": False}, -1), ({"agency": ""}, 5), ({"official": None}, 5), ({"more": 1}, 5)]
)
async def test_what_cannot_be_suspended(world: World, change: dict[str, Any], days: int) -> None:
    until = (world.clock.now() + timedelta(days=days)).isoformat()
    statement = {"agency": AGENCY, "oral": True, "official": "Judge A. Moreno", "until": until}
    async with serving(world.service.app) as site:
        status, body = await send(site, world, statement | change)
        assert status == 422 and body["errors"]
        assert (await send(site, world, statement, role="therapist"))[0] == 403
        assert (
            await send(site, world, {**statement, "until": (world.clock.now() + timedelta(days=400)).isoformat(), "oral": False})
        )[0] == 201
