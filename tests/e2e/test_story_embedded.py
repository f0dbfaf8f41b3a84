"""The story in the embedded run; Ctrl-C and a second start find the data; after erasure and kill -9 it stays erased."""

import aiohttp

from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Rest
from tests.e2e.story import CANARY, Story


async def test_story_embedded(session: aiohttp.ClientSession, embedded: EmbeddedProcess) -> None:
    story = Story(Rest(session, embedded.url, embedded.mint, "story-clinic"))
    told = await story.tell()
    print(f"revocation felt after {told.revocation_ms:.0f} ms (embedded)")

    assert embedded.interrupt() == 0, embedded.log()[-2000:]
    embedded.start()
    assert CANARY in (await story.marsh.get(f"/v1/notes/{told.progress_note}")).text

    await story.erasure()
    embedded.kill()
    embedded.start()
    await story.it_is_unreadable()
    verified = (await story.officer.get("/v1/audit/verification")).json
    assert verified["ok"] is True
