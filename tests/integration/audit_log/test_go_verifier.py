"""Go's own transparency-log packages verify our log over HTTP: note, proof, checkpoint, consistency, every tile and entry."""

import asyncio
import os
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import orjson
import pytest

from services.audit_log.adapters.ledger import PostgresLedger
from services.audit_log.api.tlog import tlog_router
from shared.http.app import create_app
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.tokens import StaticKeys, TokenVerifier
from shared.service import clock
from tests.support import environment
from tests.support.http import serving
from tests.support.ledger import entry, open_ledger, signed
from tests.support.postgres import MakeDatabase

SOURCE = Path(__file__).parent / "go_verifier"
GO = shutil.which("go")


async def run(*command: str, cwd: Path | None = None) -> tuple[int, str]:
    environ = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.fixture(scope="module")
async def verifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The built program; skipped, and said so, where Go or its module cannot be had."""
    why = "" if GO else "go is not installed"
    binary = tmp_path_factory.mktemp("go") / "verifier"
    if GO:
        code, output = await run(GO, "mod", "download", cwd=SOURCE)
        why = f"golang.org/x/mod cannot be had: {output[:200]}" if code else ""
    if why or GO is None:
        environment.not_run["Go verifier"] = why
        pytest.skip(why)
    code, output = await run(GO, "build", "-o", str(binary), ".", cwd=SOURCE)
    assert code == 0, output
    return str(binary)


@dataclass
class Served:
    ledger: PostgresLedger
    url: str
    token: str


@pytest.fixture
async def served(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Served]:
    issuer = DevelopmentIssuer(bytes(32), clock=clock.seconds, new_id=uuid4)
    tokens = TokenVerifier(StaticKeys(issuer.jwks()), issuer=ISSUER, audience=AUDIENCE, clock=clock.seconds)
    token = issuer.token({"sub": "o-1", "tenant": "north", "role": "compliance_officer"})
    async with open_ledger(await make_database("audit_log"), tmp_path / "anchors") as ledger:
        app = create_app("audit_log", "", new_id=uuid4, checks={})
        app.include_router(tlog_router(ledger, tokens, clock.now))
        async with serving(app) as base_url:
            yield Served(ledger, f"{base_url}/log/north", token)


@pytest.mark.parametrize(("before", "index", "after"), [(1, 0, 1), (3, 2, 5), (256, 255, 1), (300, 17, 600)])
async def test_go_verifies(verifier: str, served: Served, tmp_path: Path, before: int, index: int, after: int) -> None:
    """The proof is made against the tree of `before` entries; the log has grown by `after` when it is checked."""
    await served.ledger.append("north", [entry(n) for n in range(before)])
    await signed(served.ledger, "north", before - 1)
    proof = await served.ledger.proof("north", index)
    await served.ledger.append("north", [entry(n) for n in range(after)])
    await signed(served.ledger, "north", before + after - 1)
    files = {"proof": proof.text, "leaf": proof.leaf}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    arguments = ["-url", served.url, "-token", served.token, "-vkey", served.ledger.vkey("north")]
    arguments += [part for name in files for part in (f"-{name}", str(tmp_path / name))]
    code, output = await run(verifier, *arguments)
    assert code == 0 and output == f"ok: entry {index}, trees of {before} and {before + after}\n", output

    leaf = orjson.loads(proof.leaf)
    assert len(b64decode(leaf["commitment"])) == 32
    (tmp_path / "leaf").write_bytes(proof.leaf.replace(leaf["commitment"][:4].encode(), b"AAAA"))
    code, output = await run(verifier, *arguments)
    assert code != 0, "another leaf does not verify"
