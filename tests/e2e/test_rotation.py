"""Keys rotate while people write and read: no request fails, whether a key-encryption key or a data key gives way.

`integration/keyring/test_rotation.py` has the keyring's own part, with rewraps that are killed and rotation by age.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest

from services.audit_log.keyring.adapters.kms.openbao import OpenBaoKms
from shared.contracts.records import KeyClass
from tests.e2e.processes import ROOT, Fleet
from tests.e2e.rest import Rest
from tests.e2e.surface import SOAP, Clinic
from tests.support.kafka import Kafka
from tests.support.openbao import Deployed
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]
RECORDS = 50
"""after which a data key gives way; uses are noted by the fifty"""
WRITERS = 4
NOTES = 200
"""at least, in all"""


@pytest.fixture
async def deployed(bao: Deployed, postgres: Postgres, kafka: Kafka, tmp_path: Path) -> AsyncIterator[tuple[Fleet, str]]:
    """A fleet under OpenBao, and the administrator's address of its keyring."""
    databases = await postgres.make_databases("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
    (tmp_path / "token").write_text(bao.new_token())
    environment = {
        "KMS_PROVIDER": "openbao",
        "BAO_ADDR": bao.url,
        "KMS_TOKEN_FILE": str(tmp_path / "token"),
        "AUDIT_LOG_DATA_KEY_RECORDS": str(RECORDS),
    }
    folder = tmp_path / "fleet"
    folder.mkdir()
    async with Fleet(folder, databases, kafka.bootstrap, environment) as fleet:
        yield fleet, urlsplit(postgres.admin_dsn)._replace(path=urlsplit(databases["keyring"].app).path).geturl()


async def test_no_request_fails_while_keys_rotate(
    deployed: tuple[Fleet, str], bao: Deployed, session: aiohttp.ClientSession
) -> None:
    fleet, keyring = deployed
    clinic = await Clinic(Rest(session, fleet.origin, fleet.issuer.mint, "rotating-clinic")).open()
    held = await clinic.held()
    written: list[str] = []
    rotated = asyncio.Event()

    async def work(writer: int) -> None:
        """Any answer but the one that is wanted ends the test."""
        turn = 0
        while not rotated.is_set() or len(written) < NOTES:
            body = {"format": "SOAP", "sections": {**SOAP, "plan": f"{writer}-{turn}"}}
            note = (await clinic.marsh.post(f"/v1/sessions/{held}/progress-notes", body)).id
            written.append(note)
            for known, plan in ((note, f"{writer}-{turn}"), (written[0], None)):
                read = (await clinic.marsh.get(f"/v1/notes/{known}")).json["sections"]["plan"]
                assert plan in (None, read)
            if turn % 10 == 0:  # of a client who has no key yet
                await clinic.intake.post("/v1/clients", {"name": "Ivo Brandt", "birth_date": "1988-02-01"})
            turn += 1

    async def rotate() -> int:
        """As docs/operations/key-rotation.md says; the epoch that is left."""
        token = bao.new_token(policy="keyring-operator")
        operator = OpenBaoKms(bao.url, token=lambda: token)
        newest = await operator.rotate()
        await rewrapped(fleet, bao)
        await operator.destroy_epoch(newest - 1)
        await operator.close()
        rotated.set()
        return newest

    newest, *_ = await asyncio.gather(rotate(), *(work(n) for n in range(WRITERS)))

    connection = await asyncpg.connect(keyring)
    rows = await connection.fetch(
        "SELECT kms_epoch, client_id, key_class, state FROM data_key WHERE tenant_id = 'rotating-clinic'"
    )
    await connection.close()
    assert {r["kms_epoch"] for r in rows} == {newest}
    states = Counter(r["state"] for r in rows if (r["client_id"], r["key_class"]) == (clinic.client_id, KeyClass.PROGRESS_NOTE))
    assert states["active"] == 1 and states["retired"] >= 2, states
    for note in written:
        await clinic.marsh.get(f"/v1/notes/{note}")


async def rewrapped(fleet: Fleet, bao: Deployed) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "KMS_PROVIDER": "openbao",
        "BAO_ADDR": bao.url,
        "KMS_TOKEN_FILE": str(fleet.folder.parent / "token"),
        "KEYRING_DATABASE_FILE": str(fleet.folder / "keyring.json"),
    }
    command = [sys.executable, "-m", "infra.operator.rewrap"]
    done = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stderr=asyncio.subprocess.PIPE)
    _, said = await done.communicate()
    assert done.returncode == 0, said.decode()
