"""An erasure whose process is killed (-9) at each of its steps: the next start carries it out, and writes each step once."""

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.audit_log.application.ledger_view import Filters
from services.audit_log.application.ports import Erased, KeyFenced, KeyWanted
from shared.contracts.records import KeyClass
from shared.service.parts import DatabaseUrls
from tests.e2e.processes import ROOT
from tests.integration.erasures.test_erasures_api import Away, glass_broken
from tests.integration.erasures.world import NOTES, World, world
from tests.support.postgres import Postgres

POINTS: list[tuple[str, str, int, str]] = [
    ("keyring", "fence", 1, "before"),
    ("keyring", "fence", 1, "after"),
    ("store", "append", 1, "after"),  # `fenced` is an event, its entry is missing
    ("ledger", "append", 1, "after"),
    ("keyring", "shred", 1, "before"),
    ("keyring", "shred", 1, "after"),  # destroyed, and nowhere written
    ("ledger", "erase_payloads", 1, "before"),
    ("ledger", "erase_payloads", 1, "after"),
    ("store", "append", 2, "before"),
    ("store", "append", 2, "after"),  # `keys-destroyed` is an event, its entry is missing
    ("ledger", "append", 2, "after"),
]


async def approved(here: World, client: UUID) -> tuple[str, list[KeyWanted]]:
    """An approved erasure of which no step is taken, and the keys that it is about."""
    keys = [await here.keyring.new_record_key(here.tenant, str(client), c, "r1") for c in (NOTES, KeyClass.IDENTITY)]
    await glass_broken(here, client)
    asked = await here.ask(client, "identity", "progress_note")
    assert (await here.approve(asked.body["id"])).status == 202
    return asked.body["id"], [KeyWanted(str(client), k.key_class, "r1", k.kid) for k in keys]


async def killed(given: dict[str, Any]) -> int | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.erasures.dying", cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(process.communicate(json.dumps(given).encode()), 60)
    return process.returncode


async def actions(here: World, client: UUID) -> list[str]:
    found = await here.ledger.search(here.tenant, Filters(client_id=str(client), kinds=("erasure",)), limit=100)
    return [s.entry.action for s in reversed(found)]


async def test_killed_at_each_step(postgres: Postgres, tmp_path: Path) -> None:
    urls = await postgres.make_databases("audit_log", "keyring")
    audit, keys = urls["audit_log"], urls["keyring"]
    clients = [uuid4() for _ in POINTS]
    async with world(audit, keys, tmp_path) as here:
        tenant = here.tenant
        await here.erasures.stop()
        here.erasures._keyring = Away()
        begun = [await approved(here, client) for client in clients]

    for point, (erasure, _) in zip(POINTS, begun, strict=True):
        told = {"audit": _plain(audit), "keys": _plain(keys), "folder": str(tmp_path), "tenant": tenant}
        assert await killed({**told, "erasure": erasure, "point": point}) == -signal.SIGKILL, point

    async with world(audit, keys, tmp_path) as here:
        here.tenant = tenant
        for point, client, (erasure, wanted) in zip(POINTS, clients, begun, strict=True):
            async with asyncio.timeout(20):
                while len(found := await actions(here, client)) < 5:
                    await asyncio.sleep(0.05)
            assert sorted(found) == sorted(["requested", "approved", "fenced", "reasons-erased", "keys-destroyed"]), point
            assert found[:3] == ["requested", "approved", "fenced"] and found[-1] == "keys-destroyed", point
            erased = [Erased(w.record_id, w.kid) for w in wanted]
            assert await here.keyring.record_keys(tenant, wanted) == erased, point
            for key_class in (NOTES, KeyClass.IDENTITY):
                try:
                    await here.keyring.new_record_key(tenant, str(client), key_class, "late")
                except KeyFenced:
                    continue
                raise AssertionError(point)
            shown = await here.show(erasure)
            assert (shown["status"], shown["finality"]) == ("running", "logical"), point
        events = [e for erasure, _ in begun for e in await here.store.read_stream(tenant, f"erasure/{erasure}")]
        assert len(events) == 4 * len(POINTS)
        assert (await here.ledger.verify(tenant)).ok


def _plain(urls: DatabaseUrls) -> dict[str, Any]:
    return asdict(urls)
