import asyncio

import asyncpg
import pytest

from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import Publication, Statement, StoreUnavailable
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from tests.support.events import event, to


async def publish(store: PostgresEventStore, count: int, tenant: str = "haven") -> None:
    publication = (Publication("session-notes.v1", f"{tenant}/c1"),)
    for n in range(count):
        await store.append(tenant, [to("note/1", event(str(n), publish=publication))])


async def test_rows_leave_in_order_once_deleted(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    outbox = Outbox(urls.relay)
    assert await outbox.lead()
    assert await outbox.oldest_age() == 0
    await publish(store, 4)
    await publish(store, 1, "harbour")
    assert 0 < await outbox.oldest_age() < 30
    rows = await outbox.pending(3)
    assert [(r.tenant_id, r.sequence, r.payload) for r in rows] == [("haven", n + 1, b'{"word":"%d"}' % n) for n in range(3)]
    assert await outbox.pending(3) == rows
    await outbox.delete([r.id for r in rows])
    rest = await outbox.pending(3)
    assert [(r.tenant_id, r.stream, r.sequence) for r in rest] == [("haven", "note/1", 4), ("harbour", "note/1", 1)]
    assert (rest[0].aggregatetype, rest[0].aggregateid, rest[0].type) == ("session-notes.v1", "haven/c1", "test.happened")
    await outbox.close()


async def test_one_leads(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    await publish(store, 1)
    first, second = Outbox(urls.relay), Outbox(urls.relay)
    assert await first.lead() and await first.lead()
    assert not await second.lead()
    with pytest.raises(StoreUnavailable):
        await second.pending(1)
    with pytest.raises(StoreUnavailable):
        await second.delete([1])
    await first.close()
    for _ in range(100):
        if await second.lead():
            break
        await asyncio.sleep(0.02)
    assert len(await second.pending(1)) == 1
    await second.close()


async def test_the_lead_ends_with_its_connection(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    await publish(store, 1)
    outbox = Outbox(urls.relay)
    assert await outbox.lead()
    owner = await asyncpg.connect(urls.relay)
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
    )
    await owner.close()
    with pytest.raises(StoreUnavailable):
        await outbox.pending(1)
    assert await outbox.lead()
    assert len(await outbox.pending(1)) == 1
    await outbox.close()


async def test_the_inbox_forgets_by_age_and_never_too_soon(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    for tenant in ("haven", "harbour"):
        for days in (0, 29, 31, 100):
            row = "INSERT INTO inbox VALUES ($1, 'c', gen_random_uuid(), now() - make_interval(days => $2))"
            await store.append(tenant, (), statements=[Statement(row, (tenant, days))])
    outbox = Outbox(urls.relay)
    assert await outbox.lead()
    assert await outbox.prune_inbox(90) == 2
    assert await outbox.prune_inbox(0) == 2, "the database keeps what is younger than its bound"
    for tenant in ("haven", "harbour"):
        kept = await store.fetch(tenant, "SELECT 1 FROM inbox")
        assert len(kept) == 2
    await outbox.close()
