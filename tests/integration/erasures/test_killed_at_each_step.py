"""An erasure whose process is killed (-9) at each of its steps: the next start carries it out, and writes each step once."""

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from infra.postgres.provision import OwnedDatabase
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.application.ports import Erased, KeyFenced, KeyWanted
from shared.contracts.records import KeyClass
from tests.e2e.processes import ROOT
from tests.integration.erasures.world import NOTES, Away, World, acknowledge, glass_broken, world
from tests.support.postgres import Postgres

POINTS: list["Point"] = [
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


Point = tuple[str, str, int, str]
SPOKEN: list[tuple[str, Point]] = [
    ("request", ("store", "append", 1, "after")),  # `requested` is an event, its entry is missing
    ("request", ("ledger", "append", 1, "after")),
    ("approve", ("store", "append", 1, "after")),  # `approved` is an event, its entry is missing, and nothing was begun
    ("approve", ("ledger", "append", 1, "after")),
    ("acknowledge", ("store", "append", 1, "before")),
    ("acknowledge", ("store", "append", 1, "after")),  # one service has answered
    ("acknowledge", ("store", "append", 3, "after")),  # `completed` is an event, no entry says so
    ("acknowledge", ("ledger", "append", 1, "after")),
    ("acknowledge", ("ledger", "append", 4, "after")),
    ("show", ("store", "append", 1, "before")),
    ("show", ("store", "append", 1, "after")),  # `made-final` is an event, its entry is missing
    ("show", ("ledger", "append", 1, "after")),
]
"""what officers and services say, and where the process dies that hears it"""
SAID = ["requested", "approved", "fenced", "keys-destroyed", "acknowledged", "acknowledged", "acknowledged", "completed"]


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


async def so_many(here: World, client: UUID, count: int) -> list[str]:
    """What was done of that client's erasure, once there are so many entries."""
    async with asyncio.timeout(20):
        while len(found := await actions(here, client)) < count:
            await asyncio.sleep(0.05)
    return found


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
        given = {"deed": "carry out", "erasure": erasure, "client": str(uuid4()), "officer": "", "point": point}
        assert await killed({**told(audit, keys, tmp_path, tenant), **given}) == -signal.SIGKILL, point

    async with world(audit, keys, tmp_path) as here:
        here.tenant = tenant
        for point, client, (erasure, wanted) in zip(POINTS, clients, begun, strict=True):
            found = await so_many(here, client, 5)
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


async def test_killed_while_it_is_asked_for_answered_and_made_final(postgres: Postgres, tmp_path: Path) -> None:
    """Who was not answered asks again: officers by hand, services because Kafka delivers again. Each step is written once."""
    urls = await postgres.make_databases("audit_log", "keyring")
    audit, keys = urls["audit_log"], urls["keyring"]
    clients = [uuid4() for _ in SPOKEN]
    async with world(audit, keys, tmp_path) as here:
        tenant = here.tenant
        begun = [await before(here, deed, client) for (deed, _), client in zip(SPOKEN, clients, strict=True)]
        old = (await here.kms.epochs())[-1]
        await here.kms.rotate()
        await here.keyring.rewrap(tenant)
        await here.kms.destroy_epoch(old)

    for (deed, point), client, erasure in zip(SPOKEN, clients, begun, strict=True):
        officer = "officer-ada" if deed == "request" else "officer-ben"
        given = {"deed": deed, "erasure": erasure, "client": str(client), "officer": officer, "point": point}
        assert await killed({**told(audit, keys, tmp_path, tenant), **given}) == -signal.SIGKILL, (deed, point)

    async with world(audit, keys, tmp_path) as here:
        here.tenant = tenant
        for (deed, point), client, known in zip(SPOKEN, clients, begun, strict=True):
            erasure = known or await requested(here, client, point)
            if deed == "request":
                assert (await here.show(erasure))["status"] == "awaiting_approval"
                assert (await here.approve(erasure)).status == 202
            if deed in ("request", "approve"):
                await until(here, client, SAID[:4], point)
            await acknowledge(here.erasures, here.store, tenant, erasure, client)
            if deed != "show":
                await until(here, client, SAID, point)
            final = deed in ("acknowledge", "show")  # else the key was under the newest epoch, which stands
            shown = await here.show(erasure)
            assert (shown["status"], shown["finality"]) == ("completed", "final" if final else "logical"), (deed, point)
            await until(here, client, [*SAID, "made-final"] if final else SAID, point)
        assert (await here.ledger.verify(tenant)).ok


async def before(here: World, deed: str, client: UUID) -> str:
    """What an erasure needs before that deed; its id, empty where there is none yet."""
    await here.keyring.new_record_key(here.tenant, str(client), NOTES, "r1")
    if deed == "request":
        return ""
    erasure = str((await here.ask(client, "identity", "progress_note")).body["id"])
    if deed != "approve":
        await here.approve(erasure)
    if deed == "show":
        await acknowledge(here.erasures, here.store, here.tenant, erasure, client)
    return erasure


async def requested(here: World, client: UUID, point: Point) -> str:
    await until(here, client, ["requested"], point)
    (entry,) = await here.ledger.search(here.tenant, Filters(client_id=str(client), kinds=("erasure",)), limit=100)
    return str(entry.entry.detail["erasure_id"])


async def until(here: World, client: UUID, wanted: list[str], point: Point) -> None:
    """The entries of that client's erasure become these."""
    assert await so_many(here, client, len(wanted)) == wanted, point


def told(audit: OwnedDatabase, keys: OwnedDatabase, folder: Path, tenant: str) -> dict[str, Any]:
    return {"audit": asdict(audit.running), "keys": asdict(keys.running), "folder": str(folder), "tenant": tenant}
