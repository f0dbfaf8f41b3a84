import asyncio
from uuid import uuid4

import pytest

from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import (
    AlreadyHandled,
    InboxMark,
    NewEvent,
    Overloaded,
    Publication,
    Refused,
    Statement,
    StreamAppend,
    UniqueViolation,
    VersionConflict,
)
from shared.eventstore.postgres import PostgresEventStore
from shared.service.clock import now
from tests.support.events import event, to

TENANT = "haven"


def show(number: int, word: str = "") -> Statement:
    return Statement("INSERT INTO shown (tenant_id, id, word) VALUES ($1, $2, $3)", (TENANT, number, word))


async def words(store: PostgresEventStore, stream: str) -> list[str]:
    return [e.data.decode().split('"')[3] for e in await store.read_stream(TENANT, stream)]


async def test_versions_count_from_one(store: PostgresEventStore) -> None:
    assert await store.append(TENANT, [to("note/1", event("a"), event("b"), at=0)]) == {"note/1": 2}
    assert await store.append(TENANT, [to("note/1", event("c"))]) == {"note/1": 3}
    stored = await store.read_stream(TENANT, "note/1")
    assert [e.version for e in stored] == [1, 2, 3]
    assert [e.position for e in stored] == sorted(e.position for e in stored)
    assert await words(store, "note/1") == ["a", "b", "c"]
    assert await store.version(TENANT, "note/1") == 3
    assert await store.version(TENANT, "note/2") == 0


async def test_what_is_read_is_what_was_written(store: PostgresEventStore) -> None:
    written = NewEvent(uuid4(), "note.drafted", 7, b'{"\\u0000": "\xc3\xa9"}', b'{"sub":"t"}')
    before = now()
    await store.append(TENANT, [StreamAppend("note/1", 0, [written])])
    (read,) = await store.read_stream(TENANT, "note/1")
    assert (read.event_id, read.type, read.schema_version, read.data, read.meta) == (
        written.event_id,
        "note.drafted",
        7,
        written.data,
        written.meta,
    )
    assert (read.tenant, read.stream) == (TENANT, "note/1")
    assert before <= read.recorded_at <= now()


async def test_a_part_of_a_stream(store: PostgresEventStore) -> None:
    await store.append(TENANT, [to("note/1", event("a"), event("b"))])
    (moment,) = {e.recorded_at for e in await store.read_stream(TENANT, "note/1")}
    await store.append(TENANT, [to("note/1", event("c"), event("d"))])
    assert [e.version for e in await store.read_stream(TENANT, "note/1", after=2)] == [3, 4]
    assert [e.version for e in await store.read_stream(TENANT, "note/1", after=1, until_version=3)] == [2, 3]
    assert [e.version for e in await store.read_stream(TENANT, "note/1", until=moment)] == [1, 2]


async def test_a_stale_version_conflicts(store: PostgresEventStore) -> None:
    await store.append(TENANT, [to("note/1", at=0)])
    for stale in (0, 2):
        with pytest.raises(VersionConflict):
            await store.append(TENANT, [to("note/1", at=stale)])
    assert await store.version(TENANT, "note/1") == 1


async def test_several_streams_are_one(store: PostgresEventStore) -> None:
    await store.append(TENANT, [to("b/1", at=0)])
    with pytest.raises(VersionConflict):
        await store.append(TENANT, [to("a/1", at=0), to("b/1", at=0), to("c/1")], statements=[show(1)])
    assert [await store.version(TENANT, s) for s in ("a/1", "b/1", "c/1")] == [0, 1, 0]
    assert await store.fetch(TENANT, "SELECT * FROM shown") == []
    assert await store.append(TENANT, [to("a/1"), to("b/1", at=1), to("a/1", at=1)]) == {"a/1": 2, "b/1": 2}


async def test_of_two_who_saw_the_same_version_one_wins(store: PostgresEventStore) -> None:
    answers = await asyncio.gather(*(store.append(TENANT, [to("note/1", at=0)]) for _ in range(8)), return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["VersionConflict"] * 7 + ["dict"]


async def test_appends_of_one_batch_chain(store: PostgresEventStore) -> None:
    chained = [store.append(TENANT, [to("note/1", event(str(n)), at=n)]) for n in range(5)]
    assert await asyncio.gather(*chained) == [{"note/1": n} for n in range(1, 6)]
    assert await words(store, "note/1") == ["0", "1", "2", "3", "4"]


async def test_sixteen_writers_lose_nothing(store: PostgresEventStore) -> None:
    async def write(writer: int) -> None:
        for n in range(25):
            streams = [to(f"own/{writer}", event(str(n)), at=n), to(f"shared/{(writer + n) % 3}", event(f"{writer}-{n}"))]
            await store.append(TENANT, streams if n % 2 else streams[::-1], statements=[show(writer * 1000 + n)])

    await asyncio.gather(*(write(w) for w in range(16)))
    for writer in range(16):
        assert await words(store, f"own/{writer}") == [str(n) for n in range(25)]
    shared = [word for s in range(3) for word in await words(store, f"shared/{s}")]
    assert sorted(shared) == sorted(f"{w}-{n}" for w in range(16) for n in range(25))
    (row,) = await store.fetch(TENANT, "SELECT count(*) AS n, count(DISTINCT xid) AS transactions FROM events")
    assert row["n"] == 800
    assert row["transactions"] < 200, "appends of concurrent writers share transactions"
    assert (await store.fetch(TENANT, "SELECT count(*) AS n FROM shown"))[0]["n"] == 400


@pytest.mark.parametrize(
    ("culprit", "expected"),
    [
        (show(0), UniqueViolation),
        (Statement("INSERT INTO shown (tenant_id, id) VALUES ($1, $2)", (TENANT, "seven")), Refused),
        (Statement("INSERT INTO shown (tenant_id, id) VALUES ($1, 1/$2::int)", (TENANT, 0)), Refused),
        (Statement("INSERT INTO nowhere VALUES (1)"), Refused),
        (Statement("INSERT INTO shown (tenant_id, id) VALUES ('another', 5)"), Refused),
        (Statement("INSERT INTO shown (tenant_id, id, word) VALUES ($1, 6, $2)", (TENANT, "a\x00b")), Refused),
    ],
    ids=["unique", "wrong type", "division by zero", "no such table", "another tenant's row", "NUL"],
)
async def test_who_fails_fails_alone(
    store: PostgresEventStore, culprit: Statement, expected: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    await store.append(TENANT, [], statements=[show(0)])
    calls = [store.append(TENANT, [to(f"note/{n}")], statements=[show(n), *([culprit] if n == 7 else [])]) for n in range(1, 17)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers.pop(6), expected)
    assert all(isinstance(a, dict) for a in answers)
    assert await store.version(TENANT, "note/7") == 0
    assert [r["id"] for r in await store.fetch(TENANT, "SELECT id FROM shown ORDER BY id")] == [n for n in range(17) if n != 7]
    assert not caplog.records, "the driver complains of what is left behind on a connection"


WRITTEN = uuid4()


@pytest.mark.parametrize(
    ("culprit", "expected"),
    [
        (to("note/7", event(event_id=WRITTEN)), UniqueViolation),
        (to("note/7", NewEvent(uuid4(), "a\x00b", 1, b"{}")), Refused),
        (to("note/7", NewEvent(uuid4(), "x", 2**40, b"{}")), Refused),
        (to("note/7", NewEvent(uuid4(), "x", 1, "no bytes")), Refused),  # type: ignore[arg-type]
        (to("note/\x007"), Refused),
        (to("note/7", event(publish=(Publication("receipts.v1", "a\x00b"),))), Refused),
        (to("note/7", at=3), VersionConflict),
    ],
    ids=["id again", "NUL in the type", "schema version too large", "no bytes", "NUL in the stream", "NUL in a key", "conflict"],
)
async def test_who_fails_fails_alone_also_in_one_statement(
    store: PostgresEventStore, culprit: StreamAppend, expected: type[Exception]
) -> None:
    """Plain appends share a single statement (ADR 0075); two of each stream, so that the order within one is seen as well."""
    await store.append(TENANT, [to("note/0", event(event_id=WRITTEN))])
    publish = (Publication("receipts.v1", "haven/c1"),)
    calls = [store.append(TENANT, [to(f"note/{n % 8 + 1}", event(str(n), publish=publish))]) for n in range(16)]
    calls.insert(6, store.append(TENANT, [culprit]))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers.pop(6), expected)
    assert answers == [{f"note/{n % 8 + 1}": n // 8 + 1} for n in range(16)]
    for n in range(8):
        assert await words(store, f"note/{n + 1}") == [str(n), str(n + 8)]
    assert len(await store.fetch(TENANT, "SELECT 1 FROM outbox")) == 16
    (row,) = await store.fetch(TENANT, "SELECT count(DISTINCT xid) AS n FROM events")
    assert row["n"] < 16, "the rest still shared transactions"


async def test_an_error_names_the_constraint_and_no_value(store: PostgresEventStore) -> None:
    await store.append(TENANT, [to("note/1")], statements=[show(1, "sorrow")])
    with pytest.raises(UniqueViolation) as caught:
        await store.append(TENANT, [to("note/1")], statements=[show(1, "sorrow")])
    assert caught.value.constraint == "shown_pkey"
    with pytest.raises(Refused) as refused:
        await store.append(TENANT, [], statements=[Statement("SELECT $1::int", ("sorrow",))])
    assert "sorrow" not in f"{caught.value}{refused.value}"
    assert refused.value.__cause__ is None
    again = event()
    await store.append(TENANT, [to("note/2", again)])
    with pytest.raises(UniqueViolation, match="events_event_id_key"):
        await store.append(TENANT, [to("note/3", again)])


async def test_a_message_is_handled_once(store: PostgresEventStore) -> None:
    mark = InboxMark("alliance", uuid4())
    calls = [store.append(TENANT, [to(f"course/{n}")], statements=[show(n)], inbox=mark) for n in range(4)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["AlreadyHandled"] * 3 + ["dict"]
    with pytest.raises(AlreadyHandled):
        await store.append(TENANT, [to("course/9")], inbox=mark)
    await store.append(TENANT, [], inbox=InboxMark("another consumer", mark.message_id))
    assert [r["n"] for r in await store.fetch(TENANT, "SELECT count(*) AS n FROM events")] == [1]
    assert [r["n"] for r in await store.fetch(TENANT, "SELECT count(*) AS n FROM inbox")] == [2]


async def test_two_stores_handle_a_message_once(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    other = PostgresEventStore(urls, now=now)
    await other.open()
    try:
        for n in range(10):
            mark = InboxMark("alliance", uuid4())
            calls = [s.append(TENANT, [to(f"course/{n}-{i}")], inbox=mark) for i, s in enumerate((store, other))]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert sorted(type(a).__name__ for a in answers) == ["AlreadyHandled", "dict"]
    finally:
        await other.close()


async def test_outbox_rows_come_with_the_event(store: PostgresEventStore) -> None:
    woken: list[int] = []
    store.on_commit(lambda: woken.append(1))
    await store.append(TENANT, [to("note/1")])
    assert woken == []
    own, receipt = uuid4(), uuid4()
    publish = (
        Publication("session-notes.v1", "haven/c1"),
        Publication("receipts.v1", "haven/c1", "receipt.event-written", b"{}", receipt),
    )
    await store.append(TENANT, [to("note/1", event("a", event_id=own, publish=publish), event("b"))])
    assert woken == [1]
    rows = await store.fetch(TENANT, "SELECT * FROM outbox ORDER BY id")
    assert [(r["event_id"], r["aggregatetype"], r["type"], r["payload"]) for r in rows] == [
        (own, "session-notes.v1", "test.happened", b'{"word":"a"}'),
        (receipt, "receipts.v1", "receipt.event-written", b"{}"),
    ]
    assert {(r["aggregateid"], r["stream"], r["sequence"]) for r in rows} == {("haven/c1", "note/1", 2)}
    with pytest.raises(VersionConflict):
        await store.append(TENANT, [to("note/1", event(publish=publish), at=0)])
    assert len(await store.fetch(TENANT, "SELECT id FROM outbox")) == 2


async def test_a_caller_who_leaves_takes_nobody_along(store: PostgresEventStore) -> None:
    calls = [asyncio.create_task(store.append(TENANT, [to(f"note/{n}")])) for n in range(8)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calls[3].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers.pop(3), asyncio.CancelledError)
    assert all(isinstance(a, dict) for a in answers)
    assert await store.append(TENANT, [to("note/9", at=0)]) == {"note/9": 1}


async def test_a_full_queue_says_so(urls: DatabaseUrls) -> None:
    store = PostgresEventStore(urls, now=now, capacity=4)
    await store.open()
    try:
        answers = await asyncio.gather(*(store.append(TENANT, [to(f"n/{n}")]) for n in range(6)), return_exceptions=True)
        assert [type(a).__name__ for a in answers] == ["dict"] * 4 + ["Overloaded"] * 2
        assert isinstance(answers[5], Overloaded)
    finally:
        await store.close()


async def test_closing_writes_what_waits(urls: DatabaseUrls) -> None:
    store = PostgresEventStore(urls, now=now)
    await store.open()
    waiting = [asyncio.create_task(store.append(TENANT, [to("note/1")])) for _ in range(5)]
    await asyncio.sleep(0)
    await store.close()
    assert [await task for task in waiting] == [{"note/1": n} for n in range(1, 6)]


async def test_a_query_cannot_write(store: PostgresEventStore) -> None:
    with pytest.raises(Refused, match="25006"):
        await store.fetch(TENANT, "INSERT INTO shown (tenant_id, id) VALUES ($1, 1)", TENANT)
    assert await store.fetch(TENANT, "SELECT 1 AS one") == [{"one": 1}]


async def test_statements_of_one_stream_keep_their_order(store: PostgresEventStore) -> None:
    def set_word(n: int) -> Statement:
        upsert = "INSERT INTO shown VALUES ($1, 1, $2) ON CONFLICT ON CONSTRAINT shown_pkey DO UPDATE SET word = shown.word || $2"
        return Statement(upsert, (TENANT, str(n)))

    await asyncio.gather(*(store.append(TENANT, [to("note/1")], statements=[set_word(n), set_word(n)]) for n in range(5)))
    assert await store.fetch(TENANT, "SELECT word FROM shown") == [{"word": "0011223344"}]


async def test_two_stores_write_the_same_streams(store: PostgresEventStore, urls: DatabaseUrls) -> None:
    """Each remembers the versions that it saw last, and is wrong most of the time: nothing is decided by that."""
    other = PostgresEventStore(urls, now=now)
    await other.open()
    stores, written = (store, other), dict.fromkeys(("a", "b", "c"), 0)

    async def write(number: int) -> None:
        stream = "abc"[number % 3]
        await stores[number % 2].append("haven", [to(stream, event())])
        written[stream] += 1

    await asyncio.gather(*(write(n) for n in range(120)))
    for stream, count in written.items():
        assert [e.version for e in await store.read_stream("haven", stream)] == list(range(1, count + 1))
    for writer, reader in (stores, stores[::-1]):
        version = (await writer.append("haven", [to("a", event())]))["a"]
        with pytest.raises(VersionConflict):
            await reader.append("haven", [to("a", event(), at=version - 1)])
        assert await reader.append("haven", [to("a", event(), at=version)]) == {"a": version + 1}
        with pytest.raises(VersionConflict):
            await writer.append("haven", [to("a", at=version)])
    await other.close()
