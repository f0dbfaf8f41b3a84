"""audit_log is stopped, notes are written, it comes back: over real processes, PostgreSQL and Kafka, with kill -9 on the way."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from shared.contracts.records import ServiceName
from tests.e2e.processes import Fleet
from tests.e2e.rest import Rest, until
from tests.e2e.story import Story
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]
NOTES = 12
LATER = 90.0
"""seconds: a consumer that was killed holds its partitions until its session times out"""


def soap(number: int) -> dict[str, Any]:
    sections = {"subjective": f"Walked by the river, day {number}.", "objective": "Calm.", "assessment": "", "plan": "Weekly."}
    return {"format": "SOAP", "sections": sections}


async def test_notes_are_written_while_the_gate_is_away(fleet: Fleet, postgres: Postgres, session: aiohttp.ClientSession) -> None:
    story = Story(Rest(session, fleet.origin, fleet.issuer.mint, f"away-{uuid4().hex[:8]}"))
    await story.consent_is_given()
    await story.both_notes_are_written()
    therapist, client = story.marsh, story.told.client_id
    held = (await therapist.get(f"/v1/sessions?client_id={client}")).json["items"][0]["id"]
    path = f"/v1/sessions/{held}/progress-notes"
    notes = await connected(fleet, postgres)
    try:
        await until("the gate's key is kept", lambda: has_key(notes), 30)
        await told_in_downtime(fleet, notes, story, path)
    finally:
        await notes.close()


async def told_in_downtime(fleet: Fleet, notes: "asyncpg.Connection[asyncpg.Record]", story: Story, path: str) -> None:
    therapist, officer, client, tenant = story.marsh, story.officer, story.told.client_id, story.rest.tenant
    fleet.kill(ServiceName.AUDIT_LOG)
    try:
        await therapist.get(f"/v1/notes/{story.told.progress_note}", want=503)
        written: dict[str, int] = {}

        async def taken() -> bool:
            answer = await therapist.post(path, soap(0), want=(202, 503), Idempotency_Key="note-0")
            if answer.status == 202:
                written[answer.id] = 0
            return answer.status == 202

        await until("the gate counts as away", taken, 30)
        for number in range(1, NOTES):
            answer = await therapist.post(path, soap(number), want=202, Idempotency_Key=f"note-{number}")
            written[answer.id] = number
        for note in written:
            assert (await therapist.get(f"/v1/notes/{note}", want=503)).json["reason"] == "note-waits"
        # a restart in between finds the gate's key in its own database
        fleet.kill(ServiceName.SESSION_NOTES)
        fleet.start(ServiceName.SESSION_NOTES)
        await fleet.ready(ServiceName.SESSION_NOTES)
        assert (await therapist.post(path, soap(0), want=202, Idempotency_Key="note-0")).id in written, "a repeat"
        await therapist.get(f"/v1/notes/{next(iter(written))}", want=503)
    finally:
        fleet.start(ServiceName.AUDIT_LOG)
    await fleet.ready(ServiceName.AUDIT_LOG)
    await kill_in_the_midst(fleet, notes, tenant)

    async def none_waits() -> bool:
        return await waiting(notes, tenant) == 0

    await until("every note is reconciled", none_waits, LATER)
    for note, number in written.items():
        read = (await therapist.get(f"/v1/notes/{note}")).json
        assert read["sections"]["subjective"] == soap(number)["sections"]["subjective"] and read["status"] == "draft"
    listed = [n["id"] for n in (await therapist.get(f"/v1/notes?client_id={client}&limit=200")).json["items"]]
    assert len(listed) == len(set(listed)) and set(written) < set(listed)
    items = (await officer.get(f"/v1/audit/entries?client_id={client}&action=create&limit=200")).json["items"]
    late = [i for i in items if "late" in i["detail"]]
    assert sorted(i["records"][0]["record_id"] for i in late) == sorted(written), "each has its late entry, once"
    assert {i["outcome"] for i in late} == {"permit"} and {i["agent"]["sub"] for i in late} == {therapist.sub}

    async def receipted() -> bool:
        found = (await officer.get("/v1/audit/completeness")).json
        return bool(found["receipts"] >= NOTES)

    await until("the receipts have come", receipted, LATER)
    assert (await officer.get("/v1/audit/alarms")).json["items"] == []


async def has_key(notes: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await notes.fetchval("SELECT count(*) FROM gate_key_kept"))


async def connected(fleet: Fleet, postgres: Postgres) -> "asyncpg.Connection[asyncpg.Record]":
    database = urlsplit(json.loads((fleet.folder / "session_notes.json").read_text())["app"]).path[1:]
    return await asyncpg.connect(postgres.admin_dsn, database=database)


async def waiting(notes: "asyncpg.Connection[asyncpg.Record]", tenant: str) -> int:
    return int(await notes.fetchval("SELECT count(*) FROM waiting_note WHERE tenant_id = $1", tenant))


async def kill_in_the_midst(fleet: Fleet, notes: "asyncpg.Connection[asyncpg.Record]", tenant: str) -> None:
    """As soon as the first is reconciled and others are not."""
    seen = NOTES
    async with asyncio.timeout(60):
        while (left := await waiting(notes, tenant)) == seen:
            await asyncio.sleep(0.001)
    fleet.kill(ServiceName.SESSION_NOTES)
    left = await waiting(notes, tenant)
    print(f"killed with {left} of {NOTES} notes waiting")
    fleet.start(ServiceName.SESSION_NOTES)
    await fleet.ready(ServiceName.SESSION_NOTES)
