import asyncio

import asyncpg

from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import Publication
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import START, Place, PostgresEventStore
from shared.service.clock import now
from tests.support.events import event, to

TENANT = "haven"
_RAW = """
INSERT INTO events (tenant_id, stream, version, event_id, type, schema_version, data, meta, recorded_at)
VALUES ('haven', $1, 1, gen_random_uuid(), 'slow', 1, '', '', now())
"""


async def read_on(store: PostgresEventStore, after: Place, limit: int = 50) -> tuple[Place, list[tuple[str, int]]]:
    read: list[tuple[str, int]] = []
    while page := await store.read_fenced(TENANT, after, limit):
        after = page[-1][0]
        read += [(e.stream, e.version) for _, e in page]
    return after, read


async def test_a_reader_misses_nothing_under_concurrent_commits(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    other = PostgresEventStore(urls, now=now)
    await other.open()
    writing = True

    async def write(writer: int) -> None:
        for n in range(30):
            await (store, other)[(writer + n) % 2].append(TENANT, [to(f"note/{writer % 5}"), to(f"own/{writer}")])

    async def read() -> list[tuple[str, int]]:
        place, seen = START, []
        while True:
            last = not writing
            place, page = await read_on(store, place)
            seen += page
            if last:
                return seen

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(w) for w in range(10)))
    writing = False
    seen = await reader
    await other.close()
    assert len(seen) == len(set(seen)) == 600
    for stream in {s for s, _ in seen}:
        versions = [v for s, v in seen if s == stream]
        assert versions == list(range(1, len(versions) + 1)), "a stream is read in its order"


async def test_an_open_transaction_holds_back_what_came_after(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    await store.append(TENANT, [to("note/0")])
    slow = await asyncpg.connect(urls.app)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute("SELECT set_config('app.tenant_id', $1, true)", TENANT)
    await slow.execute(_RAW, "note/slow")
    publish = (Publication("session-notes.v1", "haven/c1"),)
    await store.append(TENANT, [to("note/1", event(publish=publish))])
    place, first = await read_on(store, START)
    assert first == [("note/0", 1)], "a reader that went on to note/1 would never see note/slow"
    outbox = Outbox(urls.relay)
    assert await outbox.lead()
    assert await outbox.pending(10) == []
    await transaction.commit()
    _, rest = await read_on(store, place)
    assert sorted(rest) == [("note/1", 1), ("note/slow", 1)]
    assert len(await outbox.pending(10)) == 1
    await outbox.close()
    await slow.close()


async def test_a_stream_is_locked_before_a_transaction_id_is_taken(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    """Else events of one stream could be read in an order that was not theirs."""
    other = await asyncpg.connect(urls.app)
    transaction = other.transaction()
    await transaction.start()
    await other.fetchval("SELECT lock_streams($1, $2)", TENANT, ["note/1"])
    waiting = asyncio.create_task(store.append(TENANT, [to("a/1"), to("note/1", at=1)]))
    assert await store.append("harbour", [to("note/1")]) == {"note/1": 1}
    held = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND wait_event = 'advisory' AND backend_xid IS {}"
    for _ in range(200):
        if await other.fetchval(held.format("NULL")):
            break
        await asyncio.sleep(0.01)
    assert await other.fetchval(held.format("NULL")) == 1
    assert await other.fetchval(held.format("NOT NULL")) == 0
    assert not waiting.done()
    await other.execute(_RAW, "note/1")
    await transaction.commit()
    assert await waiting == {"a/1": 1, "note/1": 2}, "the version is read once the lock is held"
    await other.close()


async def test_rows_restored_from_another_cluster_are_read_first(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    await store.append(TENANT, [to("note/1")])
    app = await asyncpg.connect(urls.app)
    async with app.transaction():
        await app.execute("SELECT set_config('app.tenant_id', $1, true)", TENANT)
        restored = _RAW.replace("recorded_at)", "recorded_at, xid)").replace("now())", "now(), $2)")
        for stream, xid in (("note/b", 4_000_000_002), ("note/a", 4_000_000_001), ("note/c", 4_000_000_002)):
            await app.execute(restored, stream, xid)
    await app.close()
    for limit in (1, 2, 50):
        _, read = await read_on(store, START, limit)
        assert read == [("note/a", 1), ("note/b", 1), ("note/c", 1), ("note/1", 1)]
