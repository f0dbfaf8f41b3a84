"""Other people's verifiers read our log over HTTP: Go's own packages (x/mod) and torchwood. They accept it, and reject each
tampering that somebody with the database server in hand can do."""

import secrets
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from uuid import uuid4

import orjson
import pytest
from fastapi import FastAPI

from services.audit_log.ledger.adapters.checkpoint_anchor import FileAnchor
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.api.tlog import tlog_router
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.leaf import commit
from services.audit_log.ledger.domain.merkle import leaf_hash
from shared.eventstore.databases import DatabaseUrls
from shared.http.app import create_app
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.tokens import StaticKeys, TokenVerifier
from shared.service import clock
from tests.integration.audit_log.test_ledger_tampering import CUT, REMOVE, SHIFT, SWAP, attacking, backup_of, everywhere
from tests.support import go
from tests.support.http import serving
from tests.support.ledger import ORIGIN, entry, open_ledger, signed
from tests.support.postgres import MakeDatabase, Postgres

SOURCE = Path(__file__).parent / "go_verifier"


@pytest.fixture(scope="module")
async def verifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(await go.build(SOURCE, tmp_path_factory.mktemp("go")) / "verifier")


@pytest.fixture(scope="module")
async def torchwood(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another verifier, on another library."""
    return str(await go.build(SOURCE.parent / "go_witness", tmp_path_factory.mktemp("go")) / "verify")


@dataclass
class Served:
    ledger: PostgresLedger
    base_url: str
    database: DatabaseUrls


def asking(ledger: PostgresLedger, base_url: str) -> list[str]:
    return ["-url", f"{base_url}/log/north", "-token", officer(), "-log", ledger.vkey("north")]


def officer() -> str:
    return ISSUED.token({"sub": "o-1", "tenant": "north", "role": "compliance_officer"})


ISSUED = DevelopmentIssuer(bytes(32), clock=clock.seconds, new_id=uuid4)


def app_of(ledger: PostgresLedger) -> FastAPI:
    tokens = TokenVerifier(StaticKeys(ISSUED.jwks()), issuer=ISSUER, audience=AUDIENCE, clock=clock.seconds)
    app = create_app("audit_log", "", new_id=uuid4, checks={})
    app.include_router(tlog_router(ledger, tokens, clock.now))
    return app


@pytest.fixture
async def served(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Served]:
    urls = await make_database("audit_log")
    async with open_ledger(urls, tmp_path / "anchors") as ledger, serving(app_of(ledger)) as base_url:
        yield Served(ledger, base_url, urls)


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
    arguments = [*("-vkey" if part == "-log" else part for part in asking(served.ledger, served.base_url))]
    arguments += [part for name in files for part in (f"-{name}", str(tmp_path / name))]
    code, output = await go.run(verifier, *arguments)
    assert code == 0 and output == f"ok: entry {index}, trees of {before} and {before + after}\n", output

    leaf = orjson.loads(proof.leaf)
    assert len(b64decode(leaf["commitment"])) == 32
    (tmp_path / "leaf").write_bytes(proof.leaf.replace(leaf["commitment"][:4].encode(), b"AAAA"))
    code, output = await go.run(verifier, *arguments)
    assert code != 0, "another leaf does not verify"


MOVE_TREE = "UPDATE ledger_tile SET hashes = overlay(hashes PLACING $1::bytea FROM 7 * 32 + 1)"
CUT_LEAVES = "UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 7 * 32)"
LEAF = commit(bytes(32), b"{}")
TAMPERINGS: dict[str, list[tuple[str, tuple[object, ...]]]] = {
    "an entry edited": [("UPDATE ledger_entry SET leaf = $1 WHERE idx = 7", (LEAF,))],
    "an entry edited, and the tree with it": [
        ("UPDATE ledger_entry SET leaf = $1 WHERE idx = 7", (LEAF,)),
        (MOVE_TREE, (leaf_hash(LEAF),)),
    ],
    "an entry removed": [(everywhere(REMOVE), ())],
    "an entry removed, the rest moved up": [(everywhere(REMOVE + SHIFT), ())],
    "two entries exchanged": [(everywhere(SWAP), ())],
    "the tail cut": [(everywhere(CUT), ())],
    "the tail cut, and the tree with it": [(everywhere(CUT), ()), (CUT_LEAVES, ())],
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_others_reject_it(
    verifier: str, torchwood: str, served: Served, tmp_path: Path, postgres: Postgres, tampering: str
) -> None:
    await served.ledger.append("north", [entry(n) for n in range(30)])
    proof = await signed(served.ledger, "north", 29)
    (tmp_path / "proof").write_bytes(proof.text)
    (tmp_path / "leaf").write_bytes(proof.leaf)
    files = ["-proof", str(tmp_path / "proof"), "-leaf", str(tmp_path / "leaf")]
    ours = [verifier, *("-vkey" if part == "-log" else part for part in asking(served.ledger, served.base_url)), *files]
    asked = asking(served.ledger, served.base_url)
    assert (await go.run(torchwood, "log", *asked)) == (0, "ok: 30 entries\n")
    assert (await go.run(*ours))[0] == 0
    async with attacking(postgres, served.database) as attacker:
        for sql, arguments in TAMPERINGS[tampering]:
            await attacker.execute(sql, *arguments)
    for command in ([torchwood, "log", *asked], ours):
        code, said = await go.run(*command)
        assert code != 0, said


async def test_others_reject_a_fork_and_a_log_set_back(
    torchwood: str, make_database: MakeDatabase, tmp_path: Path, postgres: Postgres
) -> None:
    """The database and the anchor of another day or another world, signed by the right key: an older checkpoint tells."""
    urls, anchors, kept = await make_database("audit_log"), tmp_path / "anchors", tmp_path / "kept"

    async def judged(ledger: PostgresLedger) -> tuple[int, str]:
        async with serving(app_of(ledger)) as base_url:
            return await go.run(torchwood, "log", *asking(ledger, base_url), "-since", str(kept))

    async with open_ledger(urls, anchors) as ledger:
        await ledger.append("north", [entry(n) for n in range(5)])
        await signed(ledger, "north", 4)
    async with backup_of(postgres, urls) as other:
        copytree(anchors, tmp_path / "other")
        async with open_ledger(urls, anchors) as ledger:
            await ledger.append("north", [entry(n) for n in range(5, 9)])
            await signed(ledger, "north", 8)
            kept.write_bytes(await ledger.checkpoint("north") or b"")
            assert await judged(ledger) == (0, "ok: 9 entries\n")
        async with open_ledger(other, tmp_path / "other") as ledger:
            await ledger.verify("north")
            code, said = await judged(ledger)
            assert code != 0 and "shrank from 9 to 5" in said, said
            await ledger.append("north", [entry(n) for n in range(100, 110)])
            await signed(ledger, "north", 14)
            code, said = await judged(ledger)
            assert code != 0 and "invalid transparency proof" in said, said


async def test_a_key_is_exchanged_and_old_and_new_proofs_stay_verifiable(
    verifier: str, torchwood: str, make_database: MakeDatabase, tmp_path: Path
) -> None:
    urls, anchors = await make_database("audit_log"), tmp_path / "anchors"
    first, second = bytes(range(32)), bytes(range(1, 33))
    async with ledger_of(urls, anchors, first) as ledger:
        await ledger.append("north", [entry(n) for n in range(5)])
        old, old_key = await signed(ledger, "north", 4), ledger.vkey("north")
    async with ledger_of(urls, anchors, second) as ledger:  # the old one is not named: nothing is signed
        with pytest.raises(LedgerUnavailable, match="not signed by this log's key"):
            await ledger.append("north", [entry()])
    async with ledger_of(urls, anchors, second, first) as ledger:
        await ledger.append("north", [entry(n) for n in range(5, 9)])
        both, new_key = await signed(ledger, "north", 8), ledger.vkey("north")
    async with ledger_of(urls, anchors, second) as ledger:
        await ledger.append("north", [entry(n) for n in range(9, 12)])
        new = await signed(ledger, "north", 11)
        assert (await ledger.verify("north")).ok
        keys = await ledger.vkeys("north")
    assert [(k.vkey, k.since_size, k.current) for k in keys] == [(old_key, 5, False), (new_key, 9, True)]
    for number, (proof, key, holds) in enumerate(
        [
            (old, old_key, True),
            (old, new_key, False),
            (both, old_key, True),
            (both, new_key, True),
            (new, new_key, True),
            (new, old_key, False),
        ]
    ):
        (tmp_path / "policy").write_text(f"log {key}\nquorum none")
        (tmp_path / "proof").write_bytes(proof.text)
        (tmp_path / "leaf").write_bytes(proof.leaf)
        arguments = [p for n in ("policy", "proof", "leaf") for p in (f"-{n}", str(tmp_path / n))]
        code, said = await go.run(torchwood, "proof", *arguments)
        assert (code == 0) == holds, (number, said)


@asynccontextmanager
async def ledger_of(urls: DatabaseUrls, anchors: Path, seed: bytes, *retiring: bytes) -> AsyncIterator[PostgresLedger]:
    ledger = PostgresLedger(
        urls,
        seed=seed,
        retiring_seeds=retiring,
        origin_prefix=ORIGIN,
        anchor=FileAnchor(anchors),
        random=secrets.token_bytes,
    )
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()
