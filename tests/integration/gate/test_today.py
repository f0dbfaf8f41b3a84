"""The page Today, on a whole service: nothing that needs a person is hidden behind how much there is of something else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from services.audit_log.assurance.adapters.witness_http import parse_witnesses
from services.audit_log.ledger.application.ledger_view import CosignedCheckpoint
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.settings import Settings
from tests.integration.gate.gate_support import World, running
from tests.integration.gate.test_review_sign_in import sign_in
from tests.support.http import serving
from tests.support.ledger import entry
from tests.support.postgres import Postgres
from tests.unit.audit_log.test_cosignature import COSIGNERS


async def today(world: World, jar: aiohttp.ClientSession) -> str:
    async with serving(world.service.app) as site:
        await sign_in(jar, site, world.token("co-weiss", "compliance_officer"))
        async with jar.get(f"{site}/review/") as page:
            assert page.status == 200
            return " ".join((await page.text()).split())


async def test_no_number_of_one_alarm_hides_another(world: World, jar: aiohttp.ClientSession) -> None:
    """Three hundred newer ones, of a kind that stands among the reviews too and of one that does not."""
    raised = entry(kind=EntryKind.ALARM, outcome="done", records=(), at=world.clock.now())
    await world.service._ledger.append(world.tenant, [replace(raised, reason="witness-saw-more")])
    for reason in ("break-glass-granted", "entry-without-receipt"):
        await world.service._ledger.append(world.tenant, [replace(raised, reason=reason)] * 300)
    old = replace(raised, reason="forged-message", at=world.clock.now() - timedelta(days=31))
    await world.service._ledger.append(world.tenant, [old])
    page = await today(world, jar)
    assert "A witness has seen more of this log than there is" in page and ">1 ×<" in page
    assert "was allowed to write and said nothing of it" in page and ">300 ×<" in page
    assert "Break-glass access was given" in page, "the search shows it as an alarm too"
    assert "not signed by the service" not in page


async def test_more_than_the_page_shows_is_said(world: World, jar: aiohttp.ClientSession) -> None:
    refused = entry(outcome="deny", reason="no-relationship", basis=(), at=world.clock.now())
    for number in range(21):
        await world.service._ledger.append(world.tenant, [replace(refused, agent=f"t-{number}")] * 3)
    page = await today(world, jar)
    assert "<b>20+</b>" in page and "These are the most frequent; there are others." in page


@pytest.fixture
async def witnessed(postgres: Postgres, tmp_path: Path) -> AsyncIterator[World]:
    """A practice that names a witness, which does not answer just now."""
    named = parse_witnesses(f"witness w1 {COSIGNERS[4].vkey} http://127.0.0.1:9\n")
    async with running(postgres, tmp_path, settings=Settings(witnesses=named)) as world:
        yield world


async def test_a_log_that_grew_since_is_witnessed_all_the_same(witnessed: World, jar: aiohttp.ClientSession) -> None:
    ledger = witnessed.service._ledger
    (first,) = await ledger.append(witnessed.tenant, [entry(at=witnessed.clock.now())])
    await ledger.proof(witnessed.tenant, first)
    note = await ledger.checkpoint(witnessed.tenant) or b""
    at = witnessed.clock.now()
    await ledger.keep_cosigned(witnessed.tenant, CosignedCheckpoint("w1", 1, note, "", at, at))
    (last,) = await ledger.append(witnessed.tenant, [entry(at=witnessed.clock.now())])
    await ledger.proof(witnessed.tenant, last)
    page = await today(witnessed, jar)
    assert "No witness has co-signed" not in page
    assert "w1 co-signed 1, " in page and "behind" in page


async def test_a_solo_practice_and_its_second_person_stand_on_the_page(world: World, jar: aiohttp.ClientSession) -> None:
    world = World(world.service, world.feed, world.clock, world.issuer, world.bus)  # a practice without a record yet
    assert "Solo practice" not in await today(world, jar)
    body = {"kind": "solo", "practitioner": "t-rivera", "second_person": {"sub": "co-outside", "name": "Dr. Outside"}}
    headers = {"Authorization": f"Bearer {world.token('adm-1', 'administrator')}"}
    async with serving(world.service.app) as site, jar.post(f"{site}/v1/practice", json=body, headers=headers) as said:
        assert said.status == 201
    assert "Dr. Outside (co-outside) is the second person" in await today(world, jar)
