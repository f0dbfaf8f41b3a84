"""Tenancy and immutability are the database's, not the program's: tried here with the roles' own connections."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from infra.postgres.provision import OwnedDatabase
from shared.eventstore.model import InboxMark, Publication, Statement
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.schema import tenant_table
from shared.service.clock import now
from tests.support.events import event, to

TABLES = ("events", "outbox", "inbox", "shown")


@pytest.fixture
async def filled(store: PostgresEventStore) -> PostgresEventStore:
    for tenant in ("haven", "harbour"):
        publish = (Publication("session-notes.v1", f"{tenant}/c1"),)
        shown = Statement("INSERT INTO shown VALUES ($1, 1, 'w')", (tenant,))
        await store.append(tenant, [to("note/1", event(publish=publish))], statements=[shown], inbox=InboxMark("c", uuid4()))
    return store


@pytest.fixture
async def app(filled: PostgresEventStore, urls: OwnedDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.app)
    yield connection
    await connection.close()


@pytest.fixture
async def owner(filled: PostgresEventStore, urls: OwnedDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
async def relay(filled: PostgresEventStore, urls: OwnedDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.relay)
    yield connection
    await connection.close()


@pytest.mark.parametrize("table", TABLES)
async def test_a_tenant_sees_its_own_rows(filled: PostgresEventStore, table: str) -> None:
    for tenant in ("haven", "harbour"):
        assert [r["tenant_id"] for r in await filled.fetch(tenant, f"TABLE {table}")] == [tenant]
    assert await filled.fetch("nowhere", f"TABLE {table}") == []
    assert await filled.fetch("haven' OR 'a'='a", f"TABLE {table}") == []


async def test_streams_of_another_tenant_are_not_there(filled: PostgresEventStore) -> None:
    assert await filled.read_stream("nowhere", "note/1") == []
    assert await filled.version("nowhere", "note/1") == 0
    assert {e.tenant for e in await filled.read_stream("haven", "note/1")} == {"haven"}
    assert await filled.append("nowhere", [to("note/1", at=0)]) == {"note/1": 1}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("setting", [None, "", "nowhere"])
async def test_without_its_tenant_the_app_role_sees_and_changes_nothing(
    app: asyncpg.Connection, table: str, setting: str | None
) -> None:
    if setting is not None:
        await app.execute("SELECT set_config('app.tenant_id', $1, false)", setting)
    assert await app.fetch(f"TABLE {table}") == []


async def test_a_connection_forgets_its_tenant(filled: PostgresEventStore, urls: OwnedDatabase) -> None:
    one = PostgresEventStore(urls, now=now, readers=1)
    await one.open()
    try:
        for _ in range(2):
            assert await one.read_stream("haven", "note/1")
            assert await one.fetch("haven", "SELECT * FROM events")
            assert await one._one_trip("SELECT * FROM events") == []
    finally:
        await one.close()


async def test_the_owner_is_held_as_well(owner: asyncpg.Connection) -> None:
    for table in TABLES:
        assert await owner.fetch(f"TABLE {table}") == []
    unforced = (
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT relforcerowsecurity"
    )
    assert {r["relname"] for r in await owner.fetch(unforced)} == {"schema_declared", "schema_step"}


@pytest.mark.parametrize("change", ["UPDATE events SET data = ''", "DELETE FROM events", "TRUNCATE events"])
@pytest.mark.parametrize("tenant", ["", "haven"])
async def test_events_stay_as_they_were_written(
    owner: asyncpg.Connection, app: asyncpg.Connection, change: str, tenant: str
) -> None:
    for connection, expected in ((owner, asyncpg.RestrictViolationError), (app, asyncpg.InsufficientPrivilegeError)):
        await connection.execute("SELECT set_config('app.tenant_id', $1, false)", tenant)
        with pytest.raises(expected):
            await connection.execute(change)


async def test_rows_of_another_tenant_cannot_be_written(app: asyncpg.Connection) -> None:
    await app.execute("SELECT set_config('app.tenant_id', 'haven', false)")
    for insert in (
        "INSERT INTO events (tenant_id, stream, version, event_id, type, schema_version, data, meta, recorded_at) "
        "VALUES ('harbour', 'note/1', 2, gen_random_uuid(), 'x', 1, '', '', now())",
        "INSERT INTO inbox VALUES ('harbour', 'c', gen_random_uuid())",
        "INSERT INTO shown VALUES ('harbour', 2, 'w')",
        "UPDATE shown SET tenant_id = 'harbour'",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await app.execute(insert)
    assert await app.execute("DELETE FROM shown") == "DELETE 1"


@pytest.mark.parametrize(
    "attempt",
    [
        "ALTER TABLE events DISABLE TRIGGER events_immutable",
        "ALTER TABLE shown NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY shown_tenant ON shown",
        "CREATE TABLE mine (n int)",
        "CREATE TEMPORARY TABLE events (n int)",
        "DELETE FROM outbox",
        "SET ROLE postgres",
        "TRUNCATE shown",
    ],
)
async def test_the_app_role_cannot_loosen_it(app: asyncpg.Connection, attempt: str) -> None:
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)):
        await app.execute(attempt)


async def test_the_relay_role_has_the_outbox_of_all_and_nothing_else(relay: asyncpg.Connection) -> None:
    assert {r["tenant_id"] for r in await relay.fetch("SELECT tenant_id FROM outbox")} == {"haven", "harbour"}
    for refused in (
        "SELECT * FROM events",
        "SELECT * FROM inbox",
        "SELECT * FROM shown",
        "SELECT * FROM read_stream('haven', 'note/1', 0, NULL, NULL)",
        "UPDATE outbox SET payload = ''",
        "INSERT INTO outbox (tenant_id, event_id, aggregatetype, aggregateid, type, schema_version, stream, sequence, payload) "
        "VALUES ('haven', gen_random_uuid(), 't', 'k', 'x', 1, 's', 1, '')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await relay.execute(refused)
    assert await relay.execute("DELETE FROM outbox") == "DELETE 2"


async def test_an_empty_tenant_is_none(filled: PostgresEventStore) -> None:
    with pytest.raises(Exception, match="events_check"):
        await filled.append("", [to("note/1")])


def test_a_table_name_is_checked() -> None:
    with pytest.raises(ValueError, match="no table name"):
        tenant_table("shown; DROP TABLE events")
