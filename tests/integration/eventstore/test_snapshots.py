"""Snapshots in the database: of their own moment, form, fold and tenant, or not there (ADR 0076)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, StoredEvent, VersionConflict
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.snapshots import EVERY, Loaded, Snapshots
from shared.eventstore.time_travel import History
from shared.sealing.event import Event, EventTypes
from shared.service.clock import now
from tests.support.events import to
from tests.support.postgres import MakeDatabase

CLIENT = UUID(int=1)


class Said(Event):
    TYPE: ClassVar[str] = "test.said"
    RECORD: ClassVar[str] = "client_id"
    word: str


@dataclass(frozen=True, slots=True)
class Heard:
    words: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class HeardOnce:
    """The same aggregate, its state of another form."""

    words: tuple[str, ...]
    version: int
    loud: bool = False


TYPES = EventTypes(Said)
folded: list[int] = []
"""how many events each fold went through"""


def fold(events: Sequence[StoredEvent], before: Heard | None) -> Heard:
    folded.append(len(events))
    words = before.words if before is not None else ()
    return Heard((*words, *(orjson.loads(e.data)["word"] for e in events)), events[-1].version)


def fold_once(events: Sequence[StoredEvent], before: HeardOnce | None) -> HeardOnce:
    heard = fold(events, Heard(before.words, before.version) if before is not None else None)
    return HeardOnce(heard.words, heard.version)


def loudly(events: Sequence[StoredEvent], before: Heard | None) -> Heard:
    heard = fold(events, before)
    return Heard(tuple(w.upper() for w in heard.words), heard.version)


HEARD = Snapshots(Heard, fold, fold_version=1, types=TYPES, every=3)


def said(word: str) -> NewEvent:
    data = orjson.dumps({"client_id": str(CLIENT), "word": word})
    return NewEvent(uuid4(), Said.TYPE, 1, data)


class Writer:
    """One who loads, decides and appends, as a service does."""

    def __init__(self, store: PostgresEventStore, tenant: str, snapshots: Snapshots[Heard] = HEARD) -> None:
        self.store, self.tenant, self.snapshots = store, tenant, snapshots

    async def load(self, stream: str = "talk/1") -> Loaded[Heard] | None:
        return (await self.snapshots.load(self.store, self.tenant, {stream: CLIENT})).get(stream)

    async def say(self, *words: str, stream: str = "talk/1") -> None:
        loaded = await self.load(stream)
        new = [said(word) for word in words]
        if loaded is None:
            await self.store.append(self.tenant, [to(stream, *new, at=0)])
            return
        taken = self.snapshots.taken(self.tenant, stream, CLIENT, loaded, new)
        await self.store.append(self.tenant, [to(stream, *new, at=loaded.version)], statements=taken)

    async def rows(self) -> list[tuple[str, int]]:
        rows = await self.store.fetch(self.tenant, "SELECT stream, version FROM snapshot ORDER BY stream")
        return [(r["stream"], r["version"]) for r in rows]


@pytest.fixture
async def writer(store: PostgresEventStore) -> Writer:
    folded.clear()
    return Writer(store, "haven")


@pytest.fixture
async def app(writer: Writer, urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.app)
    yield connection
    await connection.close()


async def test_only_what_follows_the_snapshot_is_read(writer: Writer) -> None:
    for n in range(1, 12):
        await writer.say(f"w{n}")
    assert await writer.rows() == [("talk/1", 9)], "the newest alone is kept"
    folded.clear()
    loaded = await writer.load()
    assert loaded == Loaded(Heard(tuple(f"w{n}" for n in range(1, 12)), 11), 11, 2)
    assert folded == [2]


async def test_where_the_snapshot_is_the_newest_nothing_is_folded(writer: Writer) -> None:
    for word in "abc":
        await writer.say(word)
    folded.clear()
    assert await writer.load() == Loaded(Heard(tuple("abc"), 3), 3, 0)
    assert folded == []


async def test_several_streams_by_one_question(writer: Writer) -> None:
    for word in "abcde":
        await writer.say(word, stream="talk/1")
    await writer.say("x", stream="talk/2")
    loaded = await writer.snapshots.load(writer.store, writer.tenant, {"talk/1": CLIENT, "talk/2": CLIENT, "talk/3": CLIENT})
    assert {s: (x.state.words, x.behind) for s, x in loaded.items()} == {"talk/1": (tuple("abcde"), 2), "talk/2": (("x",), 1)}


@pytest.mark.parametrize("changed", ["form", "fold", "event"])
async def test_another_form_or_fold_throws_it_away(writer: Writer, changed: str) -> None:
    for word in "abcde":
        await writer.say(word)
    assert await writer.rows() == [("talk/1", 3)]

    class SaidAnew(Said):
        SCHEMA_VERSION: ClassVar[int] = 2

    upcast = EventTypes(SaidAnew, upcasters={(Said.TYPE, 1): dict})
    other: dict[str, Snapshots[Heard]] = {
        "form": Snapshots(HeardOnce, fold_once, fold_version=1, types=TYPES, every=3),  # type: ignore[arg-type]
        "fold": Snapshots(Heard, loudly, fold_version=2, types=TYPES, every=3),
        "event": Snapshots(Heard, fold, fold_version=1, types=upcast, every=3),
    }
    folded.clear()
    newer = Writer(writer.store, writer.tenant, other[changed])
    loaded = await newer.load()
    assert loaded is not None and (loaded.version, loaded.behind, folded) == (5, 5, [5]), "from the events, all of them"
    assert loaded.state.words == (("A", "B", "C", "D", "E") if changed == "fold" else tuple("abcde"))
    assert await writer.rows() == [], "and it is gone"
    await newer.say("f")
    assert await writer.rows() == [("talk/1", 6)], "the next append takes a new one"
    again = await newer.load()
    assert again is not None and again.behind == 0


@pytest.mark.parametrize("data", [b"", b"{}", b'{"words":{"$enc":"c0"},"version":4}', b'{"words":["a"],"version":"four"}'])
async def test_a_damaged_one_is_not_believed(writer: Writer, app: asyncpg.Connection, data: bytes) -> None:
    for word in "abcde":
        await writer.say(word)
    async with app.transaction():
        await app.execute("SELECT set_config('app.tenant_id', 'haven', true)")
        assert await app.execute("UPDATE snapshot SET data = $1", data) == "UPDATE 1"
    loaded = await writer.load()
    assert loaded is not None and (loaded.state, loaded.behind) == (Heard(tuple("abcde"), 5), 5)
    await writer.say("f")
    again = await writer.load()
    assert again is not None and (again.state.words, again.behind) == (tuple("abcdef"), 0), "mended by the next append"


async def test_an_append_that_fails_leaves_no_snapshot(writer: Writer) -> None:
    await writer.say("a", "b")
    loaded = await writer.load()
    assert loaded is not None
    await writer.say("c")
    before = await writer.rows()
    taken = HEARD.taken("haven", "talk/1", CLIENT, loaded, [said("late")])
    assert taken, "the control: one is due"
    with pytest.raises(VersionConflict):
        await writer.store.append("haven", [to("talk/1", said("late"), at=loaded.version)], statements=taken)
    assert await writer.rows() == before == [("talk/1", 3)]
    now_ = await writer.load()
    assert now_ is not None and now_.state.words == ("a", "b", "c")


async def test_another_tenants_is_not_there(writer: Writer, app: asyncpg.Connection) -> None:
    for word in "abcde":
        await writer.say(word)
    other = Writer(writer.store, "harbour")
    assert await other.load() is None
    assert await other.rows() == []
    await Writer(writer.store, "harbour", Snapshots(Heard, loudly, fold_version=2, types=TYPES)).load()
    assert await writer.rows() == [("talk/1", 3)], "and is not thrown away by them"
    for setting in ("", "harbour"):
        await app.execute("SELECT set_config('app.tenant_id', $1, false)", setting)
        assert await app.fetch("TABLE snapshot") == []
        assert await app.execute("UPDATE snapshot SET data = ''") == "UPDATE 0"
        assert await app.execute("DELETE FROM snapshot") == "DELETE 0"


async def test_looking_back_never_sees_a_later_snapshot(writer: Writer) -> None:
    for word in "abcde":
        await writer.say(word)
    assert await writer.rows() == [("talk/1", 3)]
    history = History(writer.store, lambda events: fold(events, None))
    for version in range(1, 6):
        then = await history.at_version("haven", "talk/1", version)
        assert then.state == Heard(tuple("abcde"[:version]), version)
        assert then.recorded_at is not None
        by_moment = await history.at("haven", "talk/1", then.recorded_at)
        assert by_moment.state is not None and len(by_moment.state.words) >= version


async def test_writers_at_once_leave_one_that_is_right(writer: Writer) -> None:
    await writer.say("begun")

    async def one(name: str) -> None:
        for n in range(10):
            while True:
                try:
                    await writer.say(f"{name}{n}")
                    break
                except VersionConflict:
                    continue

    async with asyncio.timeout(30):
        await asyncio.gather(*(one(name) for name in "abcd"))
    loaded = await writer.load()
    whole = fold(await writer.store.read_stream("haven", "talk/1"), None)
    assert loaded is not None and loaded.behind < 3 and loaded.state == whole
    assert len(whole.words) == 41


@pytest.fixture(scope="session")
async def lasting(make_database: MakeDatabase) -> AsyncIterator[PostgresEventStore]:
    made = PostgresEventStore(await make_database("consent"), now=now)
    await made.open()
    yield made
    await made.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(appends=st.lists(st.lists(st.text("abc", max_size=3), min_size=1, max_size=4), max_size=12), every=st.integers(1, 5))
async def test_from_a_snapshot_or_from_the_beginning_it_is_the_same(
    lasting: PostgresEventStore, appends: list[list[str]], every: int
) -> None:
    writer = Writer(lasting, str(uuid4()), Snapshots(Heard, fold, fold_version=1, types=TYPES, every=every))
    words: list[str] = []
    for own in appends:
        await writer.say(*own)
        words += own
        loaded = await writer.load()
        whole = fold(await lasting.read_stream(writer.tenant, "talk/1"), None)
        assert loaded is not None and loaded.state == whole == Heard(tuple(words), len(words))
        assert loaded.version == len(words)


def test_how_often_is_a_setting_of_the_aggregate() -> None:
    assert Snapshots(Heard, fold, fold_version=1, types=TYPES)._every == EVERY
