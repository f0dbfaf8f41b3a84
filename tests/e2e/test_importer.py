"""`make import`: broken off and run again nothing doubles; at its end every score reads back equal and the ledger verifies."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.embedded import ROOT, EmbeddedProcess
from tests.e2e.rest import Rest

REAL = ROOT.parent / "shared/data/bdi_by_session.csv"


def importing(embedded: EmbeddedProcess, file: Path, tenant: str) -> subprocess.Popen[str]:
    env = {**os.environ, "URL": embedded.url, "TENANT": tenant}
    return subprocess.Popen(
        [sys.executable, "-m", "infra.importer", str(file)],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = await asyncio.to_thread(process.communicate, None, 300)
    return process.returncode, out, err


async def outcomes(rest: Rest) -> int:
    officer = rest.as_("officer", "compliance_officer")
    found, cursor = 0, ""
    while True:
        page = (await officer.get(f"/v1/audit/entries?action=create&outcome=permit&limit=200{cursor}")).json
        found += sum(1 for e in page["items"] for r in e["records"] if r["record_type"] == "outcome")
        if not page["next"]:
            return found
        cursor = f"&cursor={page['next']}"


async def test_broken_off_and_run_again(embedded: EmbeddedProcess, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    rows = [f"{c},{s},{(c * 7 + s * 3) % 60},{'NA' if (c + s) % 4 == 0 else s + 10}" for c in range(1, 7) for s in range(1, 6)]
    table = tmp_path / "scores.csv"
    table.write_text('"id","s","bdi","rq"\n' + "\n".join(rows) + "\n")
    scores = sum(2 - ("NA" in r) for r in rows)
    rest = Rest(session, embedded.url, embedded.mint, "import-twice")

    first = importing(embedded, table, rest.tenant)
    while await outcomes(rest) < 5:
        assert first.poll() is None, first.stderr and first.stderr.read()
        await asyncio.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    await finished(first)

    for _ in range(2):
        code, out, err = await finished(importing(embedded, table, rest.tenant))
        assert code == 0, err
        assert f"6 clients, 30 sessions, {scores} scores" in out
        assert "100%" in err
    assert await outcomes(rest) == scores


async def test_a_wrong_file_is_refused_whole(embedded: EmbeddedProcess, tmp_path: Path) -> None:
    table = tmp_path / "wrong.csv"
    table.write_text("id,s,bdi\n1,1,12\n1,1,13\n2,zero,9\n3,1,many\n")
    code, out, err = await finished(importing(embedded, table, "import-wrong"))
    assert code == 2
    assert not out
    for line in ("line 3", "line 4", "line 5"):
        assert line in err


async def test_the_real_file(embedded: EmbeddedProcess) -> None:
    if not REAL.is_file():
        pytest.skip("../shared/data/bdi_by_session.csv is not here")
    code, out, err = await finished(importing(embedded, REAL, "import-real"))
    assert code == 0, err
    assert "43 clients, 516 sessions" in out
