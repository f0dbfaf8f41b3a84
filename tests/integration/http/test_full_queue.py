"""More writers than the store has room for: the rest are told to come again, and what was taken is there."""

import asyncio
from uuid import uuid4

import aiohttp

from shared.eventstore.postgres import PostgresEventStore
from shared.http.app import create_app
from shared.service.clock import now
from tests.support.events import event, to
from tests.support.http import serving
from tests.support.postgres import MakeDatabase

CAPACITY = 3


async def test_who_finds_the_queue_full_is_told_when_to_come_again(make_database: MakeDatabase) -> None:
    store = PostgresEventStore(await make_database("consent"), now=now, writers=1, capacity=CAPACITY)
    await store.open()
    app, arrived, all_there = create_app("consent", "", new_id=uuid4, checks={}), [], asyncio.Event()

    @app.post("/write")
    async def write() -> dict[str, int]:
        arrived.append(1)
        if len(arrived) == CAPACITY * 4:
            all_there.set()
        await all_there.wait()
        return await store.append("haven", [to("note/1", event())])

    async with serving(app) as origin, aiohttp.ClientSession() as session:

        async def post() -> tuple[int, str, str | None]:
            async with session.post(f"{origin}/write") as answer:
                await answer.read()
                return answer.status, answer.content_type, answer.headers.get("Retry-After")

        answers = await asyncio.gather(*(post() for _ in range(CAPACITY * 4)))
    refused = (503, "application/problem+json", "1")
    taken = [a for a in answers if a[0] == 200]
    assert len(taken) >= CAPACITY
    assert [a for a in answers if a[0] != 200] == [refused] * (len(answers) - len(taken))
    assert len(taken) < len(answers), "the queue was never full"
    assert len(await store.read_stream("haven", "note/1")) == len(taken)
    await store.close()
