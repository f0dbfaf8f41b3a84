"""The KMS is sealed, stopped and started again under running services: a 503 that says so, no other provider, no restart."""

from collections.abc import AsyncIterator
from pathlib import Path
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
from tests.support.kafka import Kafka
from tests.support.openbao import Deployed
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]
CACHED = 75.0
"""seconds: a data key is kept for 60 in memory, and what was open stays so until then"""
AGAIN = 20.0


@pytest.fixture
async def clinic(
    bao: Deployed, postgres: Postgres, kafka: Kafka, tmp_path: Path, session: aiohttp.ClientSession
) -> AsyncIterator[tuple[Fleet, Story, asyncpg.Connection]]:
    """A deployment under OpenBao. KMS_FILE is set as well, to be fallen back on if anybody did."""
    databases = await postgres.make_databases("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
    (tmp_path / "token").write_text(bao.new_token())
    environment = {"KMS_PROVIDER": "openbao", "BAO_ADDR": bao.url, "KMS_TOKEN_FILE": str(tmp_path / "token")}
    folder = tmp_path / "fleet"
    folder.mkdir()
    keyring = await asyncpg.connect(postgres.admin_dsn, database=urlsplit(databases["keyring"].app).path[1:])
    async with Fleet(folder, databases, kafka.bootstrap, environment) as fleet:
        story = Story(Rest(session, fleet.origin, fleet.issuer.mint, f"kms-{uuid4().hex[:8]}"))
        await story.consent_is_given()
        await story.both_notes_are_written()
        yield fleet, story, keyring
    await keyring.close()


def soap(text: str) -> dict[str, Any]:
    return {"format": "SOAP", "sections": {"subjective": text, "objective": "", "assessment": "", "plan": ""}}


async def test_the_kms_is_away_and_comes_back(
    clinic: tuple[Fleet, Story, asyncpg.Connection], bao: Deployed, postgres: Postgres
) -> None:
    fleet, story, keyring = clinic
    before = fleet.pids()
    held = (await story.marsh.get(f"/v1/sessions?client_id={story.told.client_id}")).json["items"][0]["id"]
    note, path = story.told.progress_note, f"/v1/sessions/{held}/progress-notes"

    bao.seal()
    await no_new_key(story, "sealed")
    assert (await keys_part(fleet)) is False
    bao.unseal()
    await goes_on(story, note, path, "unsealed")

    bao.stop()
    await refused(story, note, path, "stopped")
    bao.start()
    await no_new_key(story, "started, and sealed still")
    await story.marsh.get(f"/v1/notes/{note}", want=503)
    bao.unseal()
    await goes_on(story, note, path, "started")

    assert fleet.pids() == before, "nothing was started anew"
    assert not (fleet.folder / "kms.json").exists(), "the file provider was never asked"
    wrapped = [
        bytes(r["wrapped"]) for r in await keyring.fetch("SELECT wrapped FROM data_key UNION SELECT wrapped FROM gate_key")
    ]
    assert wrapped and all(w.startswith(b"vault:v1:") for w in wrapped)
    assert (await story.officer.get("/v1/audit/alarms")).json["items"] == []


async def no_new_key(story: Story, state: str) -> None:
    """Of a client who has none yet: at once."""
    taken_in = {"name": "Ivo Brandt", "birth_date": "1988-02-01"}
    answer = await story.intake.post("/v1/clients", taken_in, want=503)
    assert (answer.json["reason"], "keyring or KMS" in answer.json["detail"]) == ("keys", True), state
    assert answer.headers["Retry-After"] and "vault" not in answer.text and "127.0.0.1" not in answer.text


async def refused(story: Story, note: str, path: str, state: str) -> None:
    """Also what is open in memory, within its minute."""
    await no_new_key(story, state)

    async def closed() -> bool:
        return (await story.marsh.get(f"/v1/notes/{note}", want=(200, 503))).status == 503

    await until(f"nothing is read, {state}", closed, CACHED)
    assert (await story.marsh.get(f"/v1/notes/{note}", want=503)).json["reason"] == "keys"
    written = await story.marsh.post(path, soap("A walk by the river."), want=503)
    assert written.json["reason"] == "keys", "and nothing waits: the gate is there, and answers"


async def goes_on(story: Story, note: str, path: str, state: str) -> None:
    async def read() -> bool:
        return (await story.marsh.get(f"/v1/notes/{note}", want=(200, 503))).status == 200

    await until(f"it is read again, {state}", read, AGAIN)
    await story.marsh.post(path, soap("A walk by the river."))
    await story.intake.post("/v1/clients", {"name": "Ivo Brandt", "birth_date": "1988-02-01"})


async def keys_part(fleet: Fleet) -> bool:
    async with (
        aiohttp.ClientSession() as session,
        session.get(fleet.url(ServiceName.AUDIT_LOG) + "/health/ready") as answer,
    ):
        assert answer.status == 503
        return bool((await answer.json())["parts"]["keyring"])
