"""A database superuser, triggers switched off, changes the ledger: verification tells an officer what and where."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.integration.gate.gate_support import World, running
from tests.support.http import serving
from tests.support.postgres import Postgres

LOOKS = 12
AT = 7
TABLES = ("ledger_entry", "ledger_payload", "ledger_record")
"""`$1` is the tenant; each runs on all tables but where it names one"""
SWAP = (
    "UPDATE {} SET idx = 999 WHERE tenant_id = $1 AND idx = 7",
    "UPDATE {} SET idx = 7 WHERE tenant_id = $1 AND idx = 8",
    "UPDATE {} SET idx = 8 WHERE tenant_id = $1 AND idx = 999",
)
ATTACKS = {
    "edited": (
        "UPDATE ledger_payload SET payload = replace(convert_from(payload, 'UTF8'), 'view-alarms', 'view-entry')::bytea"
        " WHERE tenant_id = $1 AND idx = 7",
    ),
    "removed": ("DELETE FROM {} WHERE tenant_id = $1 AND idx = 7",),
    "reordered": SWAP,
    "truncated": ("DELETE FROM {} WHERE tenant_id = $1 AND idx >= 7",),
}


@pytest.fixture(scope="module")
async def ledgers(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A gate of its own: a ledger that was tampered with makes it report that it is not ready."""
    async with running(postgres, tmp_path_factory.mktemp("ledgers")) as world:
        yield world


@pytest.mark.parametrize("finding", ATTACKS)
async def test_verification_names_what_was_done(ledgers: World, postgres: Postgres, finding: str) -> None:
    world = World(ledgers.service, ledgers.feed, ledgers.clock, ledgers.issuer, ledgers.bus)
    bearer = {"Authorization": f"Bearer {world.token('officer', 'compliance_officer')}"}
    async with serving(world.service.app) as base, aiohttp.ClientSession(headers=bearer) as session:

        async def get(path: str) -> Any:
            async with session.get(base + path, headers={"Accept": "application/json"}) as answer:
                return answer.status, await answer.json()

        for _ in range(LOOKS):
            assert (await get("/v1/audit/alarms"))[0] == 200
        while (await get(f"/v1/audit/entries/{LOOKS - 1}/proof"))[0] == 503:
            pass  # not signed yet: each answer waits by itself
        status, before = await get("/v1/audit/verification")
        assert (status, before["ok"], before["finding"]) == (200, True, None)

        await tamper(world, postgres, ATTACKS[finding])
        status, report = await get("/v1/audit/verification")
        assert (status, report["ok"], report["finding"], report["index"]) == (200, False, finding, AT), report
        assert report["tenant"] == world.tenant


async def tamper(world: World, postgres: Postgres, statements: tuple[str, ...]) -> None:
    (row,) = await world.service._store.fetch(world.tenant, "SELECT current_database() AS name")
    superuser = await asyncpg.connect(postgres.admin_dsn, database=row["name"])
    try:
        await superuser.execute("SET session_replication_role = replica")
        for statement in statements:
            for table in TABLES if "{}" in statement else ("",):
                await superuser.execute(statement.replace("{}", table), world.tenant)
    finally:
        await superuser.close()
