# ruff: noqa: S608 - names of tables come from the catalogue
"""Every table of every service's database, tried as another tenant with the role that the service itself uses."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from infra.postgres.provision import DATABASES
from services.alliance_measurement.adapters.schema import DDL as ALLIANCE
from services.audit_log.downtime.adapters import late_write_table
from services.audit_log.erasure.application import stream as erasure_stream
from services.audit_log.gate.adapters import schema as gate_schema
from services.audit_log.keyring.adapters import schema as keyring_schema
from services.audit_log.ledger.adapters import schema as ledger_schema
from services.consent.adapters.conditional_creates import DDL as CONDITIONAL
from services.consent.adapters.schema import DDL as CONSENT
from services.session_notes.adapters.schema import DDL as NOTES
from shared.eventstore.migrate import migrate
from tests.support.postgres import Postgres

OURS, THEIRS = "haven", "harbour"
NO_TENANT = {"schema_applied", "sequence_mark", "message_number"}
"""tables without a row of any tenant; no app role may read them but the list of applied schemas"""
LISTED = {
    "policy_heads": {"tenant_id", "head", "changed_at"},
    "assessment_tenant": {"tenant_id"},
    "client_index_tenant": {"tenant_id"},
    "erasure": {"tenant_id", "erasure_id", "due", "destroyed", "version", "recorded"},
    "keyring_tenant": {"tenant_id"},
    "waiting_tenant": {"tenant_id"},
}
"""what a service's own timers read of every tenant (which tenants there are, what is left to do), and its only columns: nothing
of a client; no tenant's request comes to these by another's name, and changing another's row is refused as everywhere"""
VALUES: dict[str, Any] = {
    "timestamp with time zone": datetime(2026, 1, 1, tzinfo=UTC),
    "date": date(2026, 1, 1),
    "bytea": b"x",
    "boolean": True,
    "jsonb": "{}",
    "real": 0.5,
    "double precision": 0.5,
    "numeric": 1,
}


@dataclass(frozen=True)
class Filled:
    """One service's database in which both tenants have a row in every table."""

    app: asyncpg.Connection
    tables: dict[str, set[str]]
    """those with a tenant, by name"""
    others: list[str]
    forced: dict[str, bool]


@pytest.fixture(scope="module", params=DATABASES)
async def filled(request: pytest.FixtureRequest, postgres: Postgres) -> AsyncIterator[Filled]:
    service = request.param
    urls = (await postgres.make_databases(service))[service]
    app_role = urls.app.split("//")[1].split(":")[0]
    ddl: dict[str, tuple[str, ...]] = {
        "consent": (*CONSENT, *CONDITIONAL),
        "session_notes": NOTES,
        "alliance_measurement": ALLIANCE,
        "audit_log": (
            *gate_schema.schema(),
            *erasure_stream.SCHEMA,
            *late_write_table.SCHEMA,
            *ledger_schema.schema(app_role),
        ),
        "keyring": keyring_schema.SCHEMA,
    }
    if service == "keyring":
        owner = await asyncpg.connect(urls.owner)
        for statement in ddl[service]:
            await owner.execute(statement)
        await owner.close()
    else:
        await migrate(urls.owner, ddl[service])
    database = urls.app.split("/")[3].split("?")[0]
    admin = await asyncpg.connect(postgres.admin_dsn, database=database)
    app = await asyncpg.connect(urls.app)
    tables = await _tables(admin)
    for table, columns in tables.items():
        if "tenant_id" in columns:
            for tenant in (OURS, THEIRS):
                await _insert(admin, table, columns, tenant)
    forced = {
        r["relname"]: r["relrowsecurity"] and r["relforcerowsecurity"]
        for r in await admin.fetch(
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relkind IN ('r', 'p')"
        )
    }
    with_tenant = {t: set(columns) for t, columns in tables.items() if "tenant_id" in columns}
    yield Filled(app, with_tenant, [t for t in tables if t not in with_tenant], forced)
    await app.close()
    await admin.close()


async def test_every_table_holds_rows_of_a_tenant_or_of_nobody(filled: Filled) -> None:
    assert set(filled.others) <= NO_TENANT
    assert len(filled.tables) >= 3
    assert [t for t in filled.tables if not filled.forced[t]] == [], "row-level security that the owner is held to as well"
    for table in set(filled.others) - {"schema_applied"}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await filled.app.execute(f"SELECT 1 FROM {table}")


def test_what_is_listed_for_all_says_nothing_of_a_client(filled: Filled) -> None:
    for table, columns in filled.tables.items():
        if table in LISTED:
            assert columns == LISTED[table], f"{table} is read across tenants: what may it show?"


async def test_what_is_anothers_is_not_there(filled: Filled) -> None:
    seen = {}
    for table in filled.tables.keys() - LISTED:
        async with _as(filled.app, OURS):
            if await _may(filled.app, table, "SELECT"):
                seen[table] = {r["tenant_id"] for r in await filled.app.fetch(f"SELECT tenant_id FROM {table}")}
                assert await filled.app.fetch(f"SELECT 1 FROM {table} WHERE tenant_id = $1", THEIRS) == [], table
    assert seen and set(map(frozenset, seen.values())) == {frozenset({OURS})}, "each its own, and nothing more"


@pytest.mark.parametrize("tenant", [None, "", "nobody"])
async def test_without_a_tenant_nothing_is_there(filled: Filled, tenant: str | None) -> None:
    for table in filled.tables.keys() - LISTED:
        async with _as(filled.app, tenant):
            if await _may(filled.app, table, "SELECT"):
                assert await filled.app.fetch(f"SELECT 1 FROM {table}") == [], table


async def test_what_is_anothers_cannot_be_changed(filled: Filled) -> None:
    for table in filled.tables:
        for change in (
            f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = '{THEIRS}'",
            f"DELETE FROM {table} WHERE tenant_id = '{THEIRS}'",
        ):
            async with _as(filled.app, OURS):
                try:
                    assert (await filled.app.execute(change)).endswith(" 0"), change
                except asyncpg.InsufficientPrivilegeError:
                    continue
    for table in filled.tables:
        async with _as(filled.app, THEIRS):
            if await _may(filled.app, table, "SELECT"):
                count = f"SELECT count(*) FROM {table} WHERE tenant_id = $1"
                assert await filled.app.fetchval(count, THEIRS) == 1, table


async def test_no_row_is_given_to_another(filled: Filled) -> None:
    tried = 0
    for table in filled.tables:
        if await _may(filled.app, table, "INSERT"):
            tried += 1
            with pytest.raises(
                (asyncpg.InsufficientPrivilegeError, asyncpg.NotNullViolationError), match=r"row-level|null value"
            ):
                await _give(filled.app, table)
    assert tried


async def test_the_role_cannot_go_past_it(filled: Filled) -> None:
    rights = await filled.app.fetchrow("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
    assert rights is not None
    assert dict(rights) == {"rolsuper": False, "rolbypassrls": False, "rolcreaterole": False}
    for table in filled.tables:
        for attempt in (f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await filled.app.execute(attempt)


class _as:  # noqa: N801
    """A transaction under a tenant; what it changed is taken back."""

    def __init__(self, connection: asyncpg.Connection, tenant: str | None) -> None:
        self._connection, self._tenant, self._transaction = connection, tenant, connection.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()
        if self._tenant is not None:
            await self._connection.execute("SELECT set_config('app.tenant_id', $1, true)", self._tenant)

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.rollback()


async def _may(app: asyncpg.Connection, table: str, right: str) -> bool:
    return bool(await app.fetchval("SELECT has_table_privilege(current_user, $1, $2)", table, right))


async def _give(app: asyncpg.Connection, table: str) -> None:
    async with _as(app, OURS):
        columns = (await _tables(app))[table]
        names, values = _row(columns, THEIRS)
        await app.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({_places(values)})", *values)


async def _tables(connection: asyncpg.Connection) -> dict[str, dict[str, str]]:
    """Types by column, by table; columns that the database fills itself are left out."""
    found: dict[str, dict[str, str]] = {}
    for row in await connection.fetch(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, "
        "a.attidentity <> '' OR a.attgenerated <> '' AS own FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
    ):
        columns = found.setdefault(row["relname"], {})
        if not row["own"]:
            columns[row["attname"]] = row["type"]
    return found


async def _insert(admin: asyncpg.Connection, table: str, columns: dict[str, str], tenant: str) -> None:
    """Past what the row would have to mean: its checks, references and triggers are taken away in this database."""
    for check in await admin.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('c', 'f')", table
    ):
        await admin.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{check["conname"]}"')
    await admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    names, values = _row(columns, tenant)
    await admin.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({_places(values)})", *values)


def _row(columns: dict[str, str], tenant: str) -> tuple[list[str], list[Any]]:
    names, values = [], []
    for name, kind in columns.items():
        if name == "tenant_id" or kind == "text":
            value: Any = tenant
        elif kind.endswith("[]"):
            value = []
        elif kind == "uuid":
            value = uuid4()
        elif kind in ("bigint", "integer", "smallint"):
            value = 7 if tenant == OURS else 8
        elif kind in VALUES:
            value = VALUES[kind]
        else:
            continue
        names.append(f'"{name}"')
        values.append(value)
    return names, values


def _places(values: list[Any]) -> str:
    return ", ".join(f"${n}" for n in range(1, len(values) + 1))
