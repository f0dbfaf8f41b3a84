"""The global sequence: dense, complete, in order of each stream, with one leader, across a dump and restore."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import asyncpg
import pytest

from infra.postgres.binaries import find_binaries, system_binaries
from infra.postgres.launcher import LocalPostgres
from infra.postgres.provision import OwnedDatabase, provision
from shared.eventstore import sequencer as sequencing
from shared.eventstore.model import Publication
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.sequencer import Sequencer
from shared.service.clock import now
from tests.support import environment
from tests.support.events import event, to
from tests.support.postgres import Postgres, server_directory

TENANT = "haven"
_SLOW = """
INSERT INTO events (tenant_id, stream, version, event_id, type, schema_version, data, meta, recorded_at)
VALUES ('haven', 'note/slow', 1, gen_random_uuid(), 'slow', 1, '', '', now())
"""


@asynccontextmanager
async def running(sequencer: Sequencer) -> AsyncIterator[Sequencer]:
    task = asyncio.create_task(sequencer.run())
    try:
        yield sequencer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def numbers(store: PostgresEventStore, *tenants: str) -> list[tuple[int, str, int]]:
    """(number, stream, version) of those tenants, by number."""
    rows = [(n, e.stream, e.version) for tenant in tenants for n, e in await store.read_numbered(tenant)]
    return sorted(rows)


def assert_dense(rows: list[tuple[int, str, int]]) -> None:
    assert [n for n, _, _ in rows] == list(range(1, len(rows) + 1))
    for stream in {s for _, s, _ in rows}:
        versions = [v for _, s, v in rows if s == stream]
        assert versions == list(range(1, len(versions) + 1)), "a stream is numbered in its order"


async def until(store: PostgresEventStore, count: int, *tenants: str, seconds: float = 10) -> list[tuple[int, str, int]]:
    end = monotonic() + seconds
    while len(rows := await numbers(store, *tenants)) < count:
        assert monotonic() < end, f"{len(rows)} of {count} are numbered"
        await asyncio.sleep(0.02)
    return rows


async def test_numbers_are_dense_and_complete_under_concurrent_writers(store: PostgresEventStore, urls: OwnedDatabase) -> None:
    other = PostgresEventStore(urls, now=now)
    await other.open()

    async def write(writer: int) -> None:
        for n in range(20):
            tenant = (TENANT, "harbour")[n % 2]
            await (store, other)[(writer + n) % 2].append(tenant, [to(f"{tenant}/{writer % 4}"), to(f"{tenant}/own/{writer}")])

    checkpoints: list[int] = []

    async def follow() -> None:
        """A reader that keeps only its checkpoint sees each event once."""
        after = 0
        while True:
            page = [n for n, _ in await store.read_numbered(TENANT, after, 7)]
            checkpoints.extend(page)
            after = max([after, *page])
            await asyncio.sleep(0.001)

    async with running(Sequencer(urls.relay, poll_seconds=0.005)):
        reader = asyncio.create_task(follow())
        await asyncio.gather(*(write(w) for w in range(16)))
        rows = await until(store, 640, TENANT, "harbour")
        followed = [n for n, s, _ in rows if s.startswith(TENANT)]
        async with asyncio.timeout(10):
            while len(checkpoints) < len(followed):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # time for one to come twice
        reader.cancel()
    assert_dense(rows)
    assert len(rows) == 640
    assert checkpoints == followed
    await other.close()


async def test_another_leads_within_five_seconds_of_the_leaders_death(store: PostgresEventStore, urls: OwnedDatabase) -> None:
    async with running(Sequencer(urls.relay)) as first, running(Sequencer(urls.relay)) as second:
        await store.append(TENANT, [to("note/1")])
        await until(store, 1, TENANT)
        assert first.leading != second.leading
        leader, follower = (first, second) if first.leading else (second, first)
        # as a kill would end it: its connection is gone, it takes no other
        leader._connection._url = "postgresql://nobody@/none?host=/nowhere"
        assert leader._connection._connection is not None
        leader._connection._connection.terminate()
        died = monotonic()
        await store.append(TENANT, [to("note/1")])
        rows = await until(store, 2, TENANT, seconds=5)
        assert monotonic() - died < 5
        assert follower.leading and not leader.leading
        assert_dense(rows)


async def test_a_running_transaction_holds_the_numbers_back_and_alarms(store: PostgresEventStore, urls: OwnedDatabase) -> None:
    stalls: list[float] = []
    async with running(Sequencer(urls.relay, poll_seconds=0.02, stall_seconds=0.3, on_stall=stalls.append)) as sequencer:
        await store.append(TENANT, [to("note/0")])
        await until(store, 1, TENANT)
        slow = await asyncpg.connect(urls.app)
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("SELECT set_config('app.tenant_id', $1, true)", TENANT)
        await slow.execute(_SLOW)
        await store.append(TENANT, [to("note/1")])
        await asyncio.sleep(0.6)
        assert await numbers(store, TENANT) == [(1, "note/0", 1)]
        assert len(stalls) == 1, "an alarm a transaction, not one a look"
        assert sequencer.stalled_for >= 0.3
        await transaction.commit()
        await slow.close()
        assert_dense(await until(store, 3, TENANT))
        await asyncio.sleep(0.1)
        assert sequencer.stalled_for < 0.3


async def test_pages_follow_each_other(store: PostgresEventStore, urls: OwnedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencing, "PAGE", 3)
    for n in range(10):
        await store.append(TENANT, [to(f"note/{n}")])
    for more in (0, 10):
        for n in range(more):
            await store.append(TENANT, [to(f"note/{n}")])
        sequencer = Sequencer(urls.relay)
        assert await sequencer.catch_up()
        await sequencer.close()
        rows = await numbers(store, TENANT)
        assert len(rows) == 10 + more
        assert_dense(rows)


async def test_the_sequence_is_not_the_apps_to_change(store: PostgresEventStore, urls: OwnedDatabase) -> None:
    await store.append(TENANT, [to("note/1")])
    sequencer = Sequencer(urls.relay)
    await sequencer.catch_up()
    await sequencer.close()
    app = await asyncpg.connect(urls.app)
    await app.execute("SELECT set_config('app.tenant_id', $1, false)", TENANT)
    assert await app.fetchval("SELECT count(*) FROM sequence") == 1
    for attempt in (
        "INSERT INTO sequence VALUES (9, 'haven', 9)",
        "UPDATE sequence SET global_seq = 9",
        "DELETE FROM sequence",
        "SELECT * FROM sequence_mark",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(attempt)
    await app.execute("SELECT set_config('app.tenant_id', 'harbour', false)")
    assert await app.fetchval("SELECT count(*) FROM sequence") == 0
    await app.close()


async def test_numbers_survive_a_dump_and_restore_into_another_cluster(
    store: PostgresEventStore, urls: OwnedDatabase, postgres: Postgres
) -> None:
    """The other cluster's transaction ids begin anew, far below those in the dump."""
    dump, restore = _programs()
    # far above what a fresh cluster has reached
    app = await asyncpg.connect(urls.app)
    for _ in range(2000):
        await app.execute("SELECT pg_current_xact_id()")
    await app.close()
    for n in range(30):
        await store.append((TENANT, "harbour")[n % 2], [to(f"note/{n % 5}/{n % 2}")])
    sequencer = Sequencer(urls.relay)
    assert await sequencer.catch_up()
    await sequencer.close()
    before = await numbers(store, TENANT, "harbour")
    for _ in range(7):
        await store.append(TENANT, [to("note/late")])  # committed, and not numbered before the dump
    outbox = Outbox(urls.relay)
    await _said(store, "a", "b", "c", "d", "e")
    assert await outbox.lead()
    await outbox.delete([row.id for row in await outbox.pending(2)])  # relayed before the dump
    await outbox.close()
    with server_directory() as directory, LocalPostgres(directory / "data", binaries=next(system_binaries())) as server:
        name = _database(urls.owner)
        service = name.split("_", 1)[1]
        restored = (await provision(server.dsn(), [service], lambda _: "secret", prefix=name.split("_")[0] + "_"))[service]
        archive = directory / "dump"
        _run(
            dump,
            "--format=custom",
            "--no-owner",
            f"--file={archive}",
            f"--dbname={urlsplit(postgres.admin_dsn)._replace(path=f'/{name}').geturl()}",
        )
        _run(restore, "--no-owner", f"--role={name}_owner", f"--dbname={server.dsn(name)}", str(archive))
        other = PostgresEventStore(restored, now=now)
        await other.open()
        try:
            assert await numbers(other, TENANT, "harbour") == before
            async with running(Sequencer(restored.relay, poll_seconds=0.02)):
                rows = await until(other, 42, TENANT, "harbour")
                assert rows[:30] == before, "a checkpoint taken before the dump holds after it"
                assert_dense(rows)
                await _said(other, "f", "g")
                await until(other, 44, TENANT, "harbour")
            async with running(Sequencer(restored.relay, poll_seconds=0.02)):  # a new leader in the new cluster
                await other.append(TENANT, [to("note/0/0")])
                rows = await until(other, 45, TENANT, "harbour")
            assert rows[:30] == before
            assert_dense(rows)
            outbox = Outbox(restored.relay)
            assert await outbox.lead()
            waiting = [(row.payload, row.number) for row in await outbox.pending(10)]
            assert waiting == [(f'{{"word":"{w}"}}'.encode(), n) for n, w in enumerate("cdefg", start=3)], (
                "nothing is relayed out of turn"
            )
            await outbox.close()
        finally:
            await other.close()


async def _said(store: PostgresEventStore, *words: str) -> None:
    for word in words:
        publication = Publication("consent.v1", f"{TENANT}/c1")
        await store.append(TENANT, [to("note/said", event(word, publish=(publication,)))])


def _database(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")


def _programs() -> tuple[Path, Path]:
    """pg_dump and pg_restore of the installed PostgreSQL; skipped with the reason where there is none that fits."""
    system, used, reason = next(system_binaries(), None), find_binaries(), ""
    if os.environ.get("DATABASE_URL"):
        reason = "DATABASE_URL names a server: whose pg_dump fits it is not known"
    elif system is None or not all((system.directory / p).is_file() for p in ("pg_dump", "pg_restore")):
        reason = "pg_dump and pg_restore of an installed PostgreSQL are missing"
    elif used.major != system.major:
        reason = f"the server is {used}, pg_dump is of {system}"
    if reason:
        environment.not_run["dump and restore into another cluster"] = reason
        pytest.skip(reason)
    assert system is not None
    return system.directory / "pg_dump", system.directory / "pg_restore"


def _run(*command: object) -> None:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
