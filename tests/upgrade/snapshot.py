"""A whole deployment as a release left it: five databases as SQL, and what the embedded run keeps beside them.

`python -m tests.upgrade.snapshot <name>` makes `tests/upgrade/<name>/` with the code as it is now: the demo clinic is written
through the services, then each table that is still empty gets a row. Make one before a change of the schema is released;
`test_upgrade.py` then proves that what stands there can still be opened.
"""

import asyncio
import gzip
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import aiohttp
import asyncpg

from infra.embedded.demo import demo_clinic
from infra.embedded.runtime import Embedded, EmbeddedSettings
from infra.postgres.launcher import LocalPostgres
from shared.service.serve import server
from tests.support.ports import free_port
from tests.support.postgres import server_directory

HERE: Final = Path(__file__).parent
DATABASES: Final = ("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
BESIDE: Final = ("secrets.json", "kms.json", "demo.json", "checkpoints")
PUBLIC_URL: Final = "http://127.0.0.1:8100"
"""names the logs of the ledger, so it stays the same"""
TENANT: Final = "snapshot"
CLIENT: Final = UUID("00000000-0000-4000-8000-000000000001")
AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
BY_TYPE: Final[dict[str, Any]] = {
    "timestamp with time zone": AT,
    "date": date(2026, 1, 1),
    "bytea": b"x",
    "boolean": True,
    "jsonb": "{}",
    "uuid": CLIENT,
    "bigint": 7,
    "integer": 7,
    "text[]": [],
    "text": TENANT,
}
BY_COLUMN: Final[dict[str, Any]] = {
    "key_class": "progress_note",
    "action": "retry",
    "purpose": "HCOMPL",
    "client_id:text": str(CLIENT),
    "review_batch.first": 1,
    "outbox.aggregatetype": "receipts.v1",
    "outbox.aggregateid": f"{TENANT}/{CLIENT}",
    "state:data_key": "active",
    "state:gate_key": "active",
}
"""what the checks of a table ask for: `table.column`, `column:type`, `column:table` or `column`"""
COLUMNS: Final = """
SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attidentity = '' AND a.attgenerated = '' ORDER BY c.relname, a.attnum
"""


async def tables(connection: asyncpg.Connection) -> dict[str, dict[str, str]]:
    """Types by column, by table; without columns that the database fills itself."""
    found: dict[str, dict[str, str]] = {}
    for row in await connection.fetch(COLUMNS):
        found.setdefault(row["table"], {})[row["column"]] = row["type"]
    return found


async def fill_empty(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for table, columns in (await tables(connection)).items():
            if await connection.fetchval(f'SELECT count(*) FROM "{table}"'):  # noqa: S608
                continue
            values = [_value(table, column, kind) for column, kind in columns.items()]
            places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
            await connection.execute(
                f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({places})',  # noqa: S608
                *values,
            )
    finally:
        await connection.close()


def _value(table: str, column: str, kind: str) -> Any:
    for name in (f"{table}.{column}", f"{column}:{table}", f"{column}:{kind}", column):
        if name in BY_COLUMN:
            return BY_COLUMN[name]
    return BY_TYPE[kind]


async def _clinic(folder: Path, dsn: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with Embedded(EmbeddedSettings(data_dir=folder, public_url=PUBLIC_URL, admin_dsn=dsn)) as running:
        web = server(running.app, host="127.0.0.1", port=port)
        serving = asyncio.create_task(web.serve())
        while not web.started:
            await asyncio.sleep(0.02)
        async with aiohttp.ClientSession() as session:
            await demo_clinic(session, url, folder / "demo.json")
        web.should_exit = True
        await serving


def dumped(postgres: LocalPostgres, database: str, *options: str) -> str:
    """SQL of a database, by pg_dump: without comments and without the commands of psql."""
    env = {**os.environ, "PGPASSWORD": postgres._password, "PGHOST": str(postgres.socket_dir), "PGPORT": str(postgres.port)}
    command = [str(postgres.binaries.directory / "pg_dump"), "-U", "postgres", *options, database]
    text = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in text.splitlines() if line and not line.startswith(("\\", "--")))


def make(name: str) -> None:
    target = HERE / name
    target.mkdir()
    with server_directory() as directory, LocalPostgres(directory / "data") as postgres:
        data = directory / "embedded"
        asyncio.run(_clinic(data, postgres.dsn()))
        for database in DATABASES:
            asyncio.run(fill_empty(postgres.dsn(database)))
            with gzip.GzipFile(target / f"{database}.sql.gz", "wb", mtime=0) as file:
                file.write(dumped(postgres, database, "--rows-per-insert=500").encode())
        for beside in BESIDE:
            copy = shutil.copytree if (data / beside).is_dir() else shutil.copy
            copy(data / beside, target / beside)
    print(json.dumps({p.name: p.stat().st_size for p in sorted(target.iterdir())}))


if __name__ == "__main__":
    make(sys.argv[1])
