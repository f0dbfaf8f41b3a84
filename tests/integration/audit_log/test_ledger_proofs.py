"""Checkpoints, proofs and tiles of a real ledger, checked by code that is not ours."""

import asyncio
import secrets
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.application.ledger_view import Filters, NoSuchEntry
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.leaf import commit
from services.audit_log.ledger.domain.payload import entry_of
from services.audit_log.ledger.domain.tiles import NoSuchTile
from shared.eventstore.databases import DatabaseUrls
from tests.support import rfc6962
from tests.support.ledger import ORIGIN, entry, open_ledger, signed
from tests.support.postgres import MakeDatabase

SIZE = 700


@pytest.fixture(scope="module")
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    return await make_database("audit_log")


@pytest.fixture(scope="module")
async def ledger(urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresLedger]:
    """A log of SIZE entries in `north`, one in `south`."""
    async with open_ledger(urls, tmp_path_factory.mktemp("anchors")) as opened:
        for start in range(0, SIZE, 70):
            await opened.append("north", [entry(n) for n in range(start, start + 70)])
            await asyncio.sleep(0.05)  # so that the tree grows in several batches
        await opened.append("south", [entry()])
        await signed(opened, "north", SIZE - 1)
        await signed(opened, "south", 0)
        yield opened


def signed_root(note: bytes, vkey: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint, its signature checked as the specification says."""
    name, key_id, material = vkey.split("+", 2)
    text, _, signatures = note.decode().rpartition("\n\n")
    _, signer, encoded = signatures.strip().split(" ")
    blob = b64decode(encoded)
    assert signer == name and blob[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(b64decode(material)[1:]).verify(blob[4:], (text + "\n").encode())
    origin, size, root = text.split("\n")
    return origin, int(size), b64decode(root)


async def test_proofs_of_random_entries_verify_from_the_text_alone(ledger: PostgresLedger) -> None:
    for index in {0, 255, 256, 511, 512, SIZE - 1, *(secrets.randbelow(SIZE) for _ in range(20))}:
        proof = await signed(ledger, "north", index)
        head, _, note = proof.text.partition(b"\n\n")
        version, extra, position, *path = head.decode().split("\n")
        origin, size, root = signed_root(note, ledger.vkey("north"))
        assert (version, position, origin) == ("c2sp.org/tlog-proof@v1", f"index {index}", f"{ORIGIN}/north")
        leaf = b64decode(extra.removeprefix("extra "))
        assert rfc6962.root_by_path(index, size, leaf, [b64decode(h) for h in path]) == root
        assert proof.payload is not None and proof.salt is not None
        assert leaf == commit(proof.salt, proof.payload)
        assert entry_of(proof.payload).request_id == f"request-{index}"


async def test_a_mirror_of_entries_and_tiles_has_the_signed_root(ledger: PostgresLedger) -> None:
    _, size, root = signed_root(await ledger.checkpoint("north") or b"", ledger.vkey("north"))
    entries: list[bytes] = []
    for index, width in ((0, 256), (1, 256), (2, size - 512)):
        blob = await ledger.entry_bundle("north", index, width)
        while blob:
            length = int.from_bytes(blob[:2], "big")
            entries.append(blob[2 : 2 + length])
            blob = blob[2 + length :]
        expected = b"".join(rfc6962.mth([e]) for e in entries[index * 256 :])
        assert await ledger.tile("north", 0, index, width) == expected
    assert len(entries) == size and rfc6962.mth(entries) == root
    assert await ledger.tile("north", 1, 0, 2) == rfc6962.mth(entries[:256]) + rfc6962.mth(entries[256:512])
    assert await ledger.tile("north", 0, 2, 5) == expected[: 5 * 32]


@pytest.mark.parametrize(("level", "index", "width"), [(0, 2, 256), (0, 3, 1), (1, 0, 256), (1, 0, 3), (2, 0, 1), (9, 0, 1)])
async def test_tiles_beyond_the_published_tree_are_not_there(ledger: PostgresLedger, level: int, index: int, width: int) -> None:
    with pytest.raises(NoSuchTile):
        await ledger.tile("north", level, index, width)


async def test_each_tenant_has_its_own_origin_and_key(ledger: PostgresLedger) -> None:
    north, south = ledger.vkey("north"), ledger.vkey("south")
    assert north.split("+")[2] != south.split("+")[2]
    assert signed_root(await ledger.checkpoint("south") or b"", south)[:2] == (f"{ORIGIN}/south", 1)
    assert await ledger.checkpoint("east") is None


async def test_there_is_no_proof_of_what_was_not_logged(ledger: PostgresLedger) -> None:
    with pytest.raises(NoSuchEntry):
        await ledger.proof("north", SIZE + 10_000)
    with pytest.raises(NoSuchEntry):
        await ledger.entry("north", SIZE + 10_000)


async def test_an_erasure_keeps_leaf_proof_and_checkpoint(make_database: MakeDatabase, tmp_path: Path) -> None:
    urls = await make_database("audit_log")
    async with open_ledger(urls, tmp_path) as ledger:
        await ledger.append("north", [entry(n) for n in range(4)])
        before = await signed(ledger, "north", 2)
        gone = entry(kind=EntryKind.ERASURE, action="erase", outcome="done", records=(), detail={"basis": "request"})
        assert await ledger.erase_payloads("north", [2], gone) == 4
        after = await signed(ledger, "north", 2)
        assert (after.leaf, after.payload, after.salt) == (before.leaf, None, None)
        _, size, root = signed_root(after.text.partition(b"\n\n")[2], ledger.vkey("north"))
        path = [b64decode(h) for h in after.text.partition(b"\n\n")[0].decode().split("\n")[3:]]
        assert rfc6962.root_by_path(2, size, after.leaf, path) == root
        stored = await ledger.entry("north", 2)
        assert stored.erased and stored.entry.agent_name == "" and stored.entry.records == ()
        await ledger.erase_payloads("north", [4], gone)
        assert not (await ledger.entry("north", 4)).erased, "an erasure's own entry is kept"
        await signed(ledger, "north", 5)
        report = await ledger.verify("north")
        assert report.ok and report.erased == 1, report.what
        with pytest.raises(ValueError, match="erasure"):
            await ledger.erase_payloads("north", [1], entry())


async def test_staff_are_found_by_sub_and_by_name_clients_by_neither(make_database: MakeDatabase, tmp_path: Path) -> None:
    urls = await make_database("audit_log")
    async with open_ledger(urls, tmp_path) as ledger:
        client = entry(agent="c-1", agent_name="Noor Haddad", agent_role="client")
        await ledger.append("north", [entry(), client, entry(agent="t-osei", agent_name="Kwame Osei")])
        for wanted, found in {"t-rivera": [0], "dr. ADA rivera": [0], "t-osei": [2], "Noor Haddad": [], "c-1": [1]}.items():
            assert [s.index for s in await ledger.search("north", Filters(agent=wanted))] == found, wanted
        assert (await ledger.entry("north", 1)).entry.agent_name == ""
        owner = await asyncpg.connect(urls.owner)
        try:
            await owner.execute("SET app.tenant_id = 'north'")
            names = await owner.fetch("SELECT name FROM ledger_agent ORDER BY name")
            assert [r["name"] for r in names] == ["dr. ada rivera", "kwame osei"]
        finally:
            await owner.close()
