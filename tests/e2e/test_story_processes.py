"""The story with one process a service and Kafka between them; every service is killed (-9) on the way."""

import aiohttp
import pytest

from shared.contracts.records import ServiceName
from tests.e2e.processes import Fleet
from tests.e2e.rest import Rest
from tests.e2e.story import Story

pytestmark = pytest.mark.kafka


async def test_story_processes(fleet: Fleet, session: aiohttp.ClientSession) -> None:
    async def kill_each() -> None:
        for name in ServiceName:
            fleet.kill(name)
            fleet.start(name)
            await fleet.ready(name)

    story = Story(Rest(session, fleet.origin, fleet.issuer.mint, "story-clinic"), interlude=kill_each, patience=30)
    told = await story.tell()
    print(f"revocation felt after {told.revocation_ms:.0f} ms (processes, Kafka)")
    await story.erasure()
    await kill_each()
    await story.it_is_unreadable()
