"""Entries on real PostgreSQL: dense, durable before they are answered, and refused rather than half-written."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.audit_log.ledger.adapters import writer as ledger_writer
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.checkpoint import parse_text
from services.audit_log.ledger.domain.signed_note import split_note
from shared.eventstore.model import Statement, UniqueViolation
from shared.eventstore.schema import tenant_table
from shared.service.parts import DatabaseUrls
from tests.support.ledger import entry, ledger_on, open_ledger, signed
from tests.support.postgres import MakeDatabase, Postgres

FILTERLESS = Filters()
PRODUCERS, EACH = 16, 40
NOTED = "CREATE TABLE noted (tenant_id text, word text, CONSTRAINT noted_pkey PRIMARY KEY (tenant_id, word))"


@pytest.fixture
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    return await make_database("audit_log")


@pytest.fixture
async def ledger(urls: DatabaseUrls, tmp_path: Path) -> AsyncIterator[PostgresLedger]:
    async with open_ledger(urls, tmp_path / "anchors") as opened:
        yield opened


@pytest.fixture
async def admin(postgres: Postgres, urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A superuser in the ledger's database: what an attacker with the server in hand can do."""
    connection = await asyncpg.connect(postgres.admin_dsn, database=urlsplit(urls.app).path[1:])
    yield connection
    await connection.close()


async def noted(urls: DatabaseUrls) -> None:
    owner = await asyncpg.connect(urls.owner)
    try:
        for statement in [NOTED, *tenant_table("noted")]:
            await owner.execute(statement)
    finally:
        await owner.close()


def note(tenant: str, word: str) -> Statement:
    return Statement("INSERT INTO noted (tenant_id, word) VALUES ($1, $2)", (tenant, word))


async def test_many_producers_get_dense_indexes_that_are_durable_when_answered(
    ledger: PostgresLedger, admin: asyncpg.Connection
) -> None:
    given: dict[str, list[int]] = {"north": [], "south": []}
    turn = asyncio.Lock()

    async def produce(number: int) -> None:
        tenant = "north" if number % 2 else "south"
        for i in range(EACH):
            indexes = await ledger.append(tenant, [entry(i)] * (1 + i % 2))
            given[tenant] += indexes
            if i % 10 == 0:  # another session sees it at once
                query = "SELECT count(*) FROM ledger_entry WHERE tenant_id = $1 AND idx = ANY ($2::bigint[])"
                async with turn:
                    assert await admin.fetchval(query, tenant, indexes) == len(indexes)

    await asyncio.gather(*(produce(n) for n in range(PRODUCERS)))
    for tenant, indexes in given.items():
        assert sorted(indexes) == list(range(PRODUCERS // 2 * EACH * 3 // 2))
        rows = await admin.fetch("SELECT idx FROM ledger_entry WHERE tenant_id = $1 ORDER BY idx", tenant)
        assert [r["idx"] for r in rows] == sorted(indexes)
        assert await admin.fetchval("SELECT count(*) FROM ledger_payload WHERE tenant_id = $1", tenant) == len(indexes)


async def test_one_caller_s_entries_stand_together_in_the_order_given(ledger: PostgresLedger) -> None:
    indexes, others = await asyncio.gather(
        ledger.append("north", [entry(1, reason="first"), entry(2, reason="second")]), ledger.append("north", [entry(3)])
    )
    assert len(others) == 1 and indexes[1] == indexes[0] + 1
    assert [(await ledger.entry("north", i)).entry.reason for i in indexes] == ["first", "second"]


async def test_a_failing_caller_fails_alone_and_indexes_stay_dense(ledger: PostgresLedger, urls: DatabaseUrls) -> None:
    await noted(urls)
    await ledger.append("north", [entry()], statements=[note("north", "taken")])

    words = ["taken" if n % 3 == 0 else f"word-{n}" for n in range(30)]
    calls = [ledger.append("north", [entry(n)], statements=[note("north", word)]) for n, word in enumerate(words)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [isinstance(r, UniqueViolation) and r.constraint == "noted_pkey" for r in results]
    assert refused == [word == "taken" for word in words]
    written = sorted(i for r in results if isinstance(r, list) for i in r)
    assert written == list(range(1, 21))
    assert len(await ledger.search("north", FILTERLESS, limit=100)) == 21


async def test_a_broken_statement_of_one_harms_nobody_else(ledger: PostgresLedger) -> None:
    results = await asyncio.gather(
        ledger.append("north", [entry(1)]),
        ledger.append("north", [entry(2)], statements=[Statement("INSERT INTO nowhere VALUES (1)")]),
        ledger.append("south", [entry(3)], statements=[Statement("SELECT $1::int", ("no number",))]),
        ledger.append("south", [entry(4, request_id="a\x00b")]),
        ledger.append("south", [entry(5)]),
        return_exceptions=True,
    )
    assert [isinstance(r, Exception) for r in results] == [False, True, True, True, False]
    assert results[0] == results[4] == [0] and ledger.leading


async def test_statements_run_in_the_same_transaction_under_the_tenant(ledger: PostgresLedger, urls: DatabaseUrls) -> None:
    await noted(urls)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ledger.append("north", [entry()], statements=[note("south", "of another tenant")])
    assert await ledger.search("north", FILTERLESS) == []
    assert await ledger.append("north", [], statements=[note("north", "no entry")]) == []
    assert await ledger.append("north", [entry()]) == [0]


async def test_another_tenant_s_entries_are_not_there(ledger: PostgresLedger) -> None:
    await ledger.append("north", [entry()])
    assert await ledger.search("south", FILTERLESS) == []
    with pytest.raises(ValueError, match="tenant"):
        await ledger.append("north'; --", [entry()])


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_record", "ledger_payload", "ledger_tile"])
async def test_what_is_written_stays(ledger: PostgresLedger, urls: DatabaseUrls, admin: asyncpg.Connection, table: str) -> None:
    await ledger.append("north", [entry()])
    await signed(ledger, "north", 0)
    refused = [sql.format(table) for sql in ("DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET idx = idx + 1")]
    app = await asyncpg.connect(urls.app)
    try:
        for statement in refused:
            await app.execute("BEGIN; SET LOCAL app.tenant_id = 'north'")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
            await app.execute("ROLLBACK")
    finally:
        await app.close()
    for statement in refused[1:] if table == "ledger_payload" else refused:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"append-only|only grows"):
            await admin.execute(statement)


async def test_a_second_process_stands_by_and_takes_over(urls: DatabaseUrls, tmp_path: Path) -> None:
    first, second = ledger_on(urls, tmp_path), ledger_on(urls, tmp_path)
    await first.open()
    await second.open()
    try:
        await first.append("north", [entry()])
        assert first.leading and not second.leading and not await second.ready()
        with pytest.raises(LedgerUnavailable):
            await second.append("north", [entry()])
        assert (await signed(second, "north", 0)).checkpoint.size == 1
        waiting = asyncio.create_task(second.lead())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await first.close()
        await asyncio.wait_for(waiting, 5)
        assert await second.append("north", [entry()]) == [1]
    finally:
        await first.close()
        await second.close()


async def test_an_idle_leader_whose_session_ends_knows_it_by_itself(ledger: PostgresLedger, admin: asyncpg.Connection) -> None:
    """Its lock went with the session: another process may lead by then."""
    await admin.execute(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND d.datname = current_database()"
    )
    async with asyncio.timeout(5):
        while ledger.leading:
            await asyncio.sleep(0.005)
    with pytest.raises(LedgerUnavailable):
        await ledger.append("north", [entry()])
    await asyncio.wait_for(ledger.lead(), 5)
    assert await ledger.append("north", [entry()]) == [0]


async def test_while_the_database_is_away_nothing_is_promised_and_then_it_goes_on(
    ledger: PostgresLedger, urls: DatabaseUrls, postgres: Postgres
) -> None:
    database = urlsplit(urls.app).path[1:]
    server = await asyncpg.connect(postgres.admin_dsn)
    try:
        await ledger.append("north", [entry()])
        await server.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        await server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database)
        await asyncio.sleep(0.2)
        with pytest.raises(LedgerUnavailable):
            await ledger.append("north", [entry()])
        with pytest.raises(LedgerUnavailable):
            await ledger.search("north", FILTERLESS)
        assert not await ledger.ready()
        await server.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
        await asyncio.wait_for(ledger.lead(), 10)
        assert await ledger.append("north", [entry()]) == [1]
        assert (await signed(ledger, "north", 1)).checkpoint.size == 2
        assert (await ledger.verify("north")).ok
    finally:
        await server.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
        await server.close()


async def test_a_full_queue_refuses_and_keeps_what_waits(ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_writer, "MAX_QUEUE", 5)
    results = await asyncio.gather(*(ledger.append("north", [entry(n)]) for n in range(40)), return_exceptions=True)
    refused = [r for r in results if isinstance(r, LedgerUnavailable)]
    written = sorted(i for r in results if isinstance(r, list) for i in r)
    assert refused and len(refused) + len(written) == 40
    assert written == list(range(len(written)))


async def test_a_term_that_lost_its_sequence_begins_anew(ledger: PostgresLedger, admin: asyncpg.Connection) -> None:
    """Somebody wrote past the lock: the next append meets the primary key, is refused, and the next term reads the truth."""
    await ledger.append("north", [entry()])
    await admin.execute("CREATE TABLE copied AS SELECT * FROM ledger_entry; UPDATE copied SET idx = 1")
    await admin.execute("INSERT INTO ledger_entry SELECT * FROM copied")
    with pytest.raises(LedgerUnavailable):
        await ledger.append("north", [entry()])
    while ledger.leading:
        await asyncio.sleep(0.01)
    await asyncio.wait_for(ledger.lead(), 5)
    assert await ledger.append("north", [entry()]) == [2]


async def test_a_checkpoint_is_at_most_a_second_behind(ledger: PostgresLedger) -> None:
    await ledger.append("north", [entry()])
    started = time.monotonic()
    await ledger.proof("north", 0)
    assert time.monotonic() - started < 1


async def test_a_checkpoint_is_at_most_a_second_behind_under_load(ledger: PostgresLedger) -> None:
    """Eight producers for three seconds; each entry that was acknowledged is signed within a second."""
    acknowledged: list[tuple[int, float]] = []
    published: list[tuple[int, float]] = []
    end = time.monotonic() + 3

    async def produce() -> None:
        while time.monotonic() < end:
            (index,) = await ledger.append("north", [entry(len(acknowledged))])
            acknowledged.append((index, time.monotonic()))

    async def watch() -> None:
        while not published or published[-1][0] < len(acknowledged) or time.monotonic() < end:
            note = await ledger.checkpoint("north")
            published.append((parse_text(split_note(note)[0]).size if note else 0, time.monotonic()))
            await asyncio.sleep(0.02)

    async with asyncio.timeout(20):
        await asyncio.gather(watch(), *(produce() for _ in range(8)))
    assert len(acknowledged) > 300, "there was a load"
    behind, place = 0.0, 0
    for index, at in sorted(acknowledged):
        while published[place][0] <= index:
            place += 1
        behind = max(behind, published[place][1] - at)
    assert behind < 1, f"{behind:.2f} s"


@pytest.mark.long
async def test_durable_entries_a_second(ledger: PostgresLedger, capsys: pytest.CaptureFixture[str]) -> None:
    """Printed, and held to a floor that a slow machine passes too."""
    count, seconds = 0, 5.0
    end = time.monotonic() + seconds

    async def produce() -> None:
        nonlocal count
        while time.monotonic() < end:
            await ledger.append("north", [entry(count)])
            count += 1

    await asyncio.gather(*(produce() for _ in range(16)))
    with capsys.disabled():
        print(f"\n{count / seconds:.0f} durable ledger entries/s, 16 producers")
    assert count / seconds > 500
