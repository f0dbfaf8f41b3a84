"""Thirty minutes of appends while audit_log is killed (-9) twenty times: every entry that was acknowledged is in the tree, once.

LEDGER_LOAD_MINUTES and LEDGER_LOAD_KILLS make it shorter. Each request carries an id of its own; its answer names its entry.
"""

import asyncio
import os
from collections import Counter
from pathlib import Path
from random import Random
from time import perf_counter
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from services.audit_log.ledger.domain.merkle import leaf_hash
from services.audit_log.ledger.domain.signed_note import parse_vkey
from services.audit_log.ledger.domain.tlog_proof import verify_proof
from shared.contracts.records import ServiceName
from tests.e2e.processes import Fleet
from tests.support import rfc6962
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres

MINUTES = float(os.environ.get("LEDGER_LOAD_MINUTES", "30"))
KILLS = int(os.environ.get("LEDGER_LOAD_KILLS", "20"))
PRODUCERS = 8
PAUSE_SECONDS = 0.02
"""between two requests of one producer: a practice's load many times over, and a log that a laptop can still read whole"""
AUDIT = ServiceName.AUDIT_LOG
TENANT = "load"
pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.real_kafka]


async def test_every_acknowledged_entry_is_in_the_tree_once(
    postgres: Postgres, kafka: Kafka, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("load")
    databases = await postgres.make_databases("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
    fleet = Fleet(folder, databases, kafka.bootstrap)
    token = fleet.issuer.mint(sub="co-1", role="compliance_officer", tenant=TENANT)
    acknowledged: dict[str, int] = {}
    failed: Counter[str] = Counter()

    async def produce(session: aiohttp.ClientSession, end: float) -> None:
        while perf_counter() < end:
            request_id = str(uuid4())
            headers = {"Authorization": f"Bearer {token}", "X-Request-Id": request_id}
            try:
                async with session.get(f"{fleet.url(AUDIT)}/v1/audit/witnesses", headers=headers) as answer:
                    if answer.status == 200:
                        acknowledged[request_id] = int(answer.headers["Audit-Entry"])
                    else:
                        failed[str(answer.status)] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                failed[type(error).__name__] += 1
                await asyncio.sleep(0.1)
            await asyncio.sleep(PAUSE_SECONDS)

    async def kill(end: float) -> None:
        chance = Random(6)  # noqa: S311
        for number in range(1, KILLS + 1):
            moment = end - MINUTES * 60 * (1 - (number - chance.random() * 0.5) / (KILLS + 1))
            await asyncio.sleep(max(0.5, moment - perf_counter()))
            fleet.kill(AUDIT)
            fleet.start(AUDIT)
            await fleet.ready(AUDIT)

    fleet.start(AUDIT)
    try:
        await fleet.ready(AUDIT)
        timeout, end = aiohttp.ClientTimeout(total=15), perf_counter() + MINUTES * 60
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            tasks.create_task(kill(end))
            for _ in range(PRODUCERS):
                tasks.create_task(produce(session, end))
        print(f"{len(acknowledged)} acknowledged in {MINUTES} minutes, {KILLS} kills; not acknowledged: {dict(failed)}")
        assert len(acknowledged) > 100 and failed, "there was a load, and the kills were felt"
        await settled(fleet, postgres, token, acknowledged)
    finally:
        fleet.stop()


async def settled(fleet: Fleet, postgres: Postgres, token: str, acknowledged: dict[str, int]) -> None:
    database = urlsplit((await asyncio.to_thread((fleet.folder / "audit_log.json").read_text)).split('"app": "')[1].split('"')[0])
    connection = await asyncpg.connect(postgres.admin_dsn, database=database.path[1:])
    try:
        query = "SELECT idx, leaf, request_id FROM ledger_entry WHERE tenant_id = $1 ORDER BY idx"
        rows = await connection.fetch(query, TENANT)
    finally:
        await connection.close()
    assert [r["idx"] for r in rows] == list(range(len(rows))), "dense"
    times = Counter(r["request_id"] for r in rows)
    assert all(times[request_id] == 1 for request_id in acknowledged), "once"
    at = {r["request_id"]: r["idx"] for r in rows}
    assert all(at[request_id] == index for request_id, index in acknowledged.items()), "where its answer said"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        async with session.get(f"{fleet.url(AUDIT)}/log/{TENANT}/vkey") as answer:
            key = parse_vkey((await answer.text()).strip())
        async with session.get(f"{fleet.url(AUDIT)}/v1/audit/verification") as answer:
            report = await answer.json()
            assert answer.status == 200 and report["ok"], report
        last = max(acknowledged.values())
        async with session.get(f"{fleet.url(AUDIT)}/v1/audit/entries/{last}/proof") as answer:
            proof = await answer.read()
            assert answer.status == 200
    checkpoint = verify_proof(proof, rows[last]["leaf"], key)
    assert checkpoint.size > last
    signed = [r["leaf"] for r in rows[: checkpoint.size]]
    if checkpoint.size <= len(rows):
        assert rfc6962.mth(signed) == checkpoint.root, "a tree of these leaves and no others"
    assert leaf_hash(signed[last]) == leaf_hash(rows[last]["leaf"])
