"""A service that is taken over has the logins `app` and `relay`: neither changes what the database is, or gets past its rules."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from infra.migrate import SCHEMAS
from infra.postgres.provision import OwnedDatabase
from tests.support.postgres import Postgres

ROOT = Path(__file__).parents[3]
OBJECTS = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
FUNCTIONS = "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
OF_A_TABLE = (
    "ALTER TABLE {0} DISABLE TRIGGER ALL",
    "ALTER TABLE {0} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {0} NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE {0} ADD COLUMN taken text",
    "ALTER TABLE {0} OWNER TO CURRENT_USER",
    "ALTER TABLE {0} RENAME TO taken",
    "CREATE POLICY taken ON {0} USING (true)",
    "CREATE INDEX taken ON {0} ((1))",
    "CREATE TRIGGER taken BEFORE INSERT ON {0} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE taken AS ON DELETE TO {0} DO INSTEAD NOTHING",
    "TRUNCATE {0}",
    "DROP TABLE {0}",
)
OF_A_FUNCTION = ("ALTER FUNCTION {0} SECURITY DEFINER", "ALTER FUNCTION {0} OWNER TO CURRENT_USER", "DROP FUNCTION {0}")
OF_THE_DATABASE = (
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "SET session_replication_role = replica",
    "ALTER ROLE {owner} PASSWORD 'taken'",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "GRANT {owner} TO CURRENT_USER",
    "CREATE ROLE taken",
    "CREATE TABLE taken (n int)",
    "CREATE TEMPORARY TABLE taken (n int)",
    "CREATE FUNCTION taken() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA taken",
    "CREATE EXTENSION pg_stat_statements",
    "CREATE DATABASE taken",
    "DROP SCHEMA public CASCADE",
    "DROP DATABASE {database}",
    "ALTER SYSTEM SET fsync = off",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
)


@pytest.fixture(scope="module", params=SCHEMAS)
async def database(request: pytest.FixtureRequest, postgres: Postgres) -> OwnedDatabase:
    return (await postgres.make_databases(request.param))[request.param]


@pytest.fixture(params=["app", "relay"])
async def running(request: pytest.FixtureRequest, database: OwnedDatabase) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(getattr(database, request.param))
    yield connection
    await connection.close()


async def refused(connection: Any, statement: str) -> bool:
    """Whether the right to it is missing; taken back where it is not."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.ActiveSQLTransactionError:  # looked at before the right is
        await transaction.rollback()
        transaction = connection.transaction()
        await transaction.start()
        return bool(await connection.fetchval("SELECT NOT (rolsuper OR rolcreatedb) FROM pg_roles WHERE rolname = current_user"))
    finally:
        await transaction.rollback()
    return False


async def test_a_running_role_changes_no_object(running: Any) -> None:
    tables = [row[0] for row in await running.fetch(OBJECTS)]
    functions = [row[0] for row in await running.fetch(FUNCTIONS)]
    assert len(tables) >= 7 and functions
    tried = [text.format(name) for name in tables for text in OF_A_TABLE]
    tried += [text.format(name) for name in functions for text in OF_A_FUNCTION]
    assert [statement for statement in tried if not await refused(running, statement)] == []


async def test_a_running_role_becomes_nobody_else(running: Any, database: OwnedDatabase) -> None:
    parts = urlsplit(database.owner)
    tried = [text.format(owner=parts.username, database=parts.path[1:]) for text in OF_THE_DATABASE]
    assert [statement for statement in tried if not await refused(running, statement)] == []


async def test_the_owner_could_do_all_of_that(database: OwnedDatabase) -> None:
    """What is refused above is refused for the role, not for its spelling."""
    owner = await asyncpg.connect(database.owner)
    try:
        table = await owner.fetchval(OBJECTS)
        function = await owner.fetchval(FUNCTIONS)
        own = [text.format(table) for text in OF_A_TABLE if "ALL" not in text.split() and "TRUNCATE" not in text]
        own += [text.format(function) for text in OF_A_FUNCTION if "DROP" not in text]
        assert [statement for statement in own if await refused(owner, statement)] == []
    finally:
        await owner.close()


def program(module: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k != "ENVIRONMENT"}
    return subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env={**kept, **env}, capture_output=True, text=True, timeout=60, check=False
    )


async def test_the_job_as_a_program(postgres: Postgres, tmp_path: Path) -> None:
    urls = await postgres.make_empty(*SCHEMAS)
    owners = tmp_path / "owners.json"
    owners.write_text(json.dumps({name: made.owner for name, made in urls.items()}))
    for said in ("made, at step", "at step"):
        done = program("infra.migrate", DATABASE_OWNERS_FILE=str(owners), ENVIRONMENT="development")
        assert done.returncode == 0, done.stderr
        assert all(f"{name}: {said}" in done.stderr for name in SCHEMAS)
    owners.write_text(json.dumps({"consents": urls["consent"].owner}))
    done = program("infra.migrate", DATABASE_OWNERS_FILE=str(owners))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "DATABASE_OWNERS_FILE names consents" in done.stderr
    owners.write_text(json.dumps({"consent": "postgresql://consent_owner:secret-word@127.0.0.1:1/consent"}))
    done = program("infra.migrate", DATABASE_OWNERS_FILE=str(owners))
    assert done.returncode == 1 and "cannot be reached as its owner" in done.stderr and "secret-word" not in done.stderr
