"""The commands of docs/operations/ledger.md, run in their order: a backup, a restore that is refused, one that is not."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.audit_log.ledger.application.ports import LedgerUnavailable
from tests.support.ledger import ORIGIN, SEED, entry, open_ledger, signed
from tests.support.postgres import MakeDatabase, Postgres

ROOT = Path(__file__).parents[3]
RUNBOOK = ROOT / "docs/operations/ledger.md"


def commands() -> dict[str, str]:
    """Heading → its commands."""
    parts = re.split(r"^## (.+)$", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        blocks = re.findall(r"^```sh\n(.+?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        if blocks:
            found[heading] = "\n".join(blocks)
    return found


async def test_the_runbook(make_database: MakeDatabase, postgres: Postgres, tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("no pg_dump here")
    urls, anchors = await make_database("audit_log"), tmp_path / "anchors"
    database = urlsplit(urls.app).path[1:]
    (tmp_path / "urls.json").write_text(json.dumps({"owner": urls.owner, "app": urls.app, "relay": urls.relay}))
    (tmp_path / "seed").write_text(SEED.hex() + "\n")
    settings = {
        "DATABASE_FILE": str(tmp_path / "urls.json"),
        "LOG_SEED_FILE": str(tmp_path / "seed"),
        "ANCHOR_DIR": str(anchors),
        "AUDIT_LOG_ORIGIN": ORIGIN,
        "ADMIN_URL": urlsplit(postgres.admin_dsn)._replace(path=f"/{database}").geturl(),
        "BACKUP": str(tmp_path / "backup"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    async def run(heading: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euc", commands()[heading]),
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    async def add(count: int, last: int) -> None:
        async with open_ledger(urls, anchors) as ledger:
            for tenant in ("north", "south"):
                await ledger.append(tenant, [entry(n) for n in range(count)])
                await signed(ledger, tenant, last)

    await add(5, 4)
    code, said = await run("Is it whole?")
    assert code == 0 and "north: whole, 5 entries" in said and "every log is whole" in said, said
    code, said = await run("Back up")
    assert code == 0, said
    await add(4, 8)
    assert (await run("Is it whole?"))[0] == 0
    # the older backup is brought back: refused, and said why, by the command and by the service
    code, said = await run("A log is refused")
    assert code == 1 and "north: NOT WHOLE" in said and "holds 5 entries, but 9 were signed" in said, said
    async with open_ledger(urls, anchors) as ledger:
        for tenant in ("north", "south"):
            with pytest.raises(LedgerUnavailable, match="restored from an older backup"):
                await ledger.append(tenant, [entry()])
    # with the anchors of that day it is whole again: what the backup of both holds (witnesses would tell: test_witnesses.py)
    shutil.rmtree(anchors)
    shutil.copytree(tmp_path / "backup.anchors", anchors)
    code, said = await run("A log is refused")
    assert code == 0 and "north: whole, 5 entries" in said, said
    code, said = await run("Exchange the signing key")
    assert code == 0 and len((tmp_path / "seed").read_text().split()) == 2, said


def test_each_command_of_the_runbook_is_run_above() -> None:
    assert list(commands()) == ["Is it whole?", "Back up", "A log is refused", "Exchange the signing key"]
