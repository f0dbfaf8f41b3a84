"""Services that start while Kafka is away serve: consent is given, a note is written and read; events wait in the outboxes."""

from pathlib import Path
from uuid import uuid4

import aiohttp

from tests.e2e.processes import Fleet
from tests.e2e.rest import Rest
from tests.e2e.story import CANARY, Story
from tests.support.ports import free_port
from tests.support.postgres import Postgres


async def test_a_start_without_kafka(postgres: Postgres, tmp_path: Path, session: aiohttp.ClientSession) -> None:
    databases = await postgres.make_databases("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
    async with Fleet(tmp_path, databases, f"127.0.0.1:{free_port()}") as fleet:
        story = Story(Rest(session, fleet.origin, fleet.issuer.mint, f"away-{uuid4().hex[:8]}"))
        await story.consent_is_given()
        await story.both_notes_are_written()
        assert CANARY in (await story.marsh.get(f"/v1/notes/{story.told.progress_note}")).text
