"""What somebody with the database server in hand can do, and that it is found: by us, and by a stranger with a checkpoint."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree, rmtree
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.audit_log.ledger.adapters.checkpoint_anchor import FileAnchor
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.checkpoint import Checkpoint, open_checkpoint
from services.audit_log.ledger.domain.leaf import canonical, commit
from services.audit_log.ledger.domain.payload import payload_of
from services.audit_log.ledger.domain.signed_note import parse_vkey
from services.audit_log.ledger.domain.verification import Finding
from shared.eventstore.databases import DatabaseUrls
from shared.service.clock import now
from tests.support import rfc6962
from tests.support.ledger import ORIGIN, entry, ledger_on, open_ledger, signed
from tests.support.postgres import MakeDatabase, Postgres

SIZE = 30
FORGED = canonical(payload_of(entry(7, outcome="deny", at=now())))


@pytest.fixture
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    return await make_database("audit_log")


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    return tmp_path / "anchors"


@pytest.fixture
async def ledger(urls: DatabaseUrls, anchors: Path) -> AsyncIterator[PostgresLedger]:
    async with open_ledger(urls, anchors) as opened:
        await filled(opened, range(SIZE))
        yield opened


async def filled(ledger: PostgresLedger, numbers: Sequence[int]) -> None:
    indexes = await ledger.append("north", [entry(n) for n in numbers])
    await signed(ledger, "north", indexes[-1])


@asynccontextmanager
async def attacking(postgres: Postgres, urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A superuser with triggers and foreign keys switched off."""
    connection = await asyncpg.connect(postgres.admin_dsn, database=urlsplit(urls.app).path[1:])
    try:
        await connection.execute("SET session_replication_role = replica")
        yield connection
    finally:
        await connection.close()


REMOVE = "DELETE FROM {} WHERE idx = 7;"
CUT = "DELETE FROM {} WHERE idx >= 7;"
CUT_TREE = "UPDATE ledger_tile SET hashes = substring(hashes FROM 1 FOR 7 * 32)"
SHIFT = "UPDATE {} SET idx = idx + 1000 WHERE idx > 7; UPDATE {} SET idx = idx - 1001 WHERE idx > 1000;"
TABLES = ("ledger_entry", "ledger_payload", "ledger_record")
SWAP = "UPDATE {} SET idx = 999 WHERE idx = 7; UPDATE {} SET idx = 7 WHERE idx = 8; UPDATE {} SET idx = 8 WHERE idx = 999;"


def everywhere(sql: str) -> str:
    return " ".join(sql.replace("{}", table) for table in TABLES)


ATTACKS = {
    "payload edited": ("UPDATE ledger_payload SET payload = $1 WHERE idx = 7", (FORGED,), Finding.EDITED),
    "leaf edited": ("UPDATE ledger_entry SET leaf = $1 WHERE idx = 7", (commit(bytes(32), FORGED),), Finding.EDITED),
    "column edited": ("UPDATE ledger_entry SET client_id = NULL WHERE idx = 7", (), Finding.EDITED),
    "record row deleted": ("DELETE FROM ledger_record WHERE idx = 7", (), Finding.EDITED),
    "payload deleted": ("DELETE FROM ledger_payload WHERE idx = 7", (), Finding.REMOVED),
    "entry deleted": (everywhere(REMOVE), (), Finding.REMOVED),
    "entry deleted, the rest moved up": (everywhere(REMOVE + SHIFT), (), Finding.REMOVED),
    "entries swapped": (everywhere(SWAP), (), Finding.REORDERED),
    "payloads swapped": (SWAP.replace("{}", "ledger_payload"), (), Finding.REORDERED),
    "tail cut": (everywhere(CUT), (), Finding.TRUNCATED),
    "tail and tree cut": (
        everywhere(CUT) + CUT_TREE,
        (),
        Finding.TRUNCATED,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_tampering_is_found_and_named(ledger: PostgresLedger, urls: DatabaseUrls, postgres: Postgres, attack: str) -> None:
    assert (await ledger.verify("north")).ok
    sql, arguments, finding = ATTACKS[attack]
    async with attacking(postgres, urls) as attacker:
        await attacker.execute(sql, *arguments)
    report = await ledger.verify("north")
    assert (report.ok, report.finding, report.index) == (False, finding, 7), report.what


async def test_leaf_payload_and_tree_rewritten_together_are_found_by_the_signature(
    ledger: PostgresLedger, urls: DatabaseUrls, postgres: Postgres
) -> None:
    leaf = commit(bytes(32), FORGED)
    async with attacking(postgres, urls) as attacker:
        await attacker.execute("UPDATE ledger_payload SET payload = $1, salt = $2 WHERE idx = 7", FORGED, bytes(32))
        await attacker.execute("UPDATE ledger_entry SET leaf = $1, outcome = 'deny' WHERE idx = 7", leaf)
        await attacker.execute("UPDATE ledger_entry SET at = ($1::jsonb ->> 'at')::timestamptz WHERE idx = 7", FORGED.decode())
        forged = "UPDATE ledger_tile SET hashes = overlay(hashes PLACING $1::bytea FROM 7 * 32 + 1)"
        await attacker.execute(forged, rfc6962.mth([leaf]))
    report = await ledger.verify("north")
    assert (report.finding, report.index) == (Finding.EDITED, None), report.what


@pytest.mark.parametrize("attack", ["leaf edited", "entry deleted, the rest moved up", "entries swapped", "tail cut"])
async def test_a_stranger_with_an_old_checkpoint_finds_it_too(
    ledger: PostgresLedger, urls: DatabaseUrls, postgres: Postgres, attack: str
) -> None:
    """Given only vkey, a checkpoint kept from before, and the entries as they are served now."""
    kept = open_checkpoint(await ledger.checkpoint("north") or b"", parse_vkey(ledger.vkey("north")))
    assert rfc6962.mth(await leaves(postgres, urls)) == kept.root
    sql, arguments, _ = ATTACKS[attack]
    async with attacking(postgres, urls) as attacker:
        await attacker.execute(sql, *arguments)
    found = await leaves(postgres, urls)
    assert len(found) < kept.size or rfc6962.mth(found[: kept.size]) != kept.root


async def leaves(postgres: Postgres, urls: DatabaseUrls) -> list[bytes]:
    async with attacking(postgres, urls) as connection:
        return [r["leaf"] for r in await connection.fetch("SELECT leaf FROM ledger_entry ORDER BY idx")]


@asynccontextmanager
async def backup_of(postgres: Postgres, urls: DatabaseUrls) -> AsyncIterator[DatabaseUrls]:
    """The database as it is now, in a copy that is opened later."""
    database = urlsplit(urls.app).path[1:]
    copy = f"{database}_backup"
    server = await asyncpg.connect(postgres.admin_dsn)
    try:
        await server.execute(f"CREATE DATABASE {copy} TEMPLATE {database} OWNER {database}_owner")
        yield DatabaseUrls(*(urlsplit(url)._replace(path=f"/{copy}").geturl() for url in (urls.app, urls.relay)))
        await server.execute(f"DROP DATABASE {copy} WITH (FORCE)")
    finally:
        await server.close()


async def refusal(urls: DatabaseUrls, anchors: Path) -> str:
    """Why a ledger on this database and anchor refuses; it neither writes nor signs."""
    before = await FileAnchor(anchors).load("north")
    async with open_ledger(urls, anchors) as ledger:
        await asyncio.sleep(0.1)
        with pytest.raises(LedgerUnavailable) as refused:
            await ledger.append("north", [entry()])
        assert ledger.leading and await ledger.ready(), "one tenant's log does not stop the others'"
        assert ledger.refused() == {"north": str(refused.value)}
        assert await ledger.append("south", [entry()]), "another tenant's log goes on"
        await asyncio.sleep(0.4)
    assert await FileAnchor(anchors).load("north") == before
    return str(refused.value)


async def test_a_restored_older_database_is_not_signed(urls: DatabaseUrls, anchors: Path, postgres: Postgres) -> None:
    async with open_ledger(urls, anchors) as ledger:
        await filled(ledger, range(5))
    async with backup_of(postgres, urls) as old:
        async with open_ledger(urls, anchors) as ledger:
            await filled(ledger, range(5, 9))
        assert "holds 5 entries, but 9 were signed" in await refusal(old, anchors)
        async with open_ledger(old, anchors) as ledger:
            report = await ledger.verify("north")
            assert (report.finding, report.index) == (Finding.TRUNCATED, 5)
    async with open_ledger(urls, anchors) as ledger:
        assert await ledger.append("north", [entry()]) == [9], "the right database goes on"


async def test_a_fork_is_not_signed(urls: DatabaseUrls, anchors: Path, postgres: Postgres, tmp_path: Path) -> None:
    async with open_ledger(urls, anchors) as ledger:
        await filled(ledger, range(5))
    async with backup_of(postgres, urls) as fork:
        copytree(anchors, tmp_path / "other")
        async with open_ledger(fork, tmp_path / "other") as ledger:
            await filled(ledger, range(100, 110))
        async with open_ledger(urls, anchors) as ledger:
            await filled(ledger, range(5, 9))
        assert "not the one that was signed" in await refusal(fork, anchors)


async def test_a_lost_anchor_is_not_begun_anew(urls: DatabaseUrls, anchors: Path) -> None:
    async with open_ledger(urls, anchors) as ledger:
        await filled(ledger, range(3))
    rmtree(anchors)
    assert "its anchor is missing" in await refusal(urls, anchors)


async def test_an_anchor_signed_by_another_key_is_refused(urls: DatabaseUrls, anchors: Path) -> None:
    async with open_ledger(urls, anchors) as ledger:
        await filled(ledger, range(3))
        note = await ledger.checkpoint("north")
    assert note is not None
    await FileAnchor(anchors).swap("north", note, note.replace(b"\n3\n", b"\n2\n"))
    assert "not signed by this log's key" in await refusal(urls, anchors)


async def test_an_anchor_that_moves_meanwhile_stops_the_signing(ledger: PostgresLedger, anchors: Path) -> None:
    note = await ledger.checkpoint("north")
    assert note is not None
    other = Checkpoint(f"{ORIGIN}/north", SIZE + 1, bytes(32)).sign(ledger._keys.signer("north"))
    await FileAnchor(anchors).swap("north", note, other)
    await ledger.append("north", [entry()])
    await asyncio.sleep(0.5)
    assert "another process moved this log's anchor" in ledger.refused()["north"]
    with pytest.raises(LedgerUnavailable):
        await ledger.append("north", [entry()])
    assert await FileAnchor(anchors).load("north") == other


async def test_a_tree_edited_in_the_database_is_not_signed_on(
    ledger: PostgresLedger, urls: DatabaseUrls, postgres: Postgres
) -> None:
    async with attacking(postgres, urls) as attacker:
        await attacker.execute("UPDATE ledger_tile SET hashes = overlay(hashes PLACING $1::bytea FROM 65)", bytes(32))
    await ledger.append("north", [entry()])
    await asyncio.sleep(0.5)
    assert "forked or changed" in ledger.refused()["north"]


async def test_a_crash_between_anchor_and_tiles_is_taken_up_again(urls: DatabaseUrls, anchors: Path, postgres: Postgres) -> None:
    role = urlsplit(urls.app).username
    async with open_ledger(urls, anchors) as ledger:
        await filled(ledger, range(5))
        async with attacking(postgres, urls) as admin:
            await admin.execute(f"REVOKE INSERT, UPDATE ON ledger_tile FROM {role}")
        await ledger.append("north", [entry(n) for n in range(5, 9)])
        await asyncio.sleep(0.5)
        anchored = await FileAnchor(anchors).load("north") or b""
        served = await ledger.checkpoint("north") or b""
        assert b"\n9\n" in anchored and b"\n5\n" in served, "what is served has its tiles"
    async with attacking(postgres, urls) as admin:
        await admin.execute(f"GRANT INSERT, UPDATE ON ledger_tile TO {role}")
    async with open_ledger(urls, anchors) as ledger:
        assert await ledger.append("north", [entry()]) == [9]
        assert (await signed(ledger, "north", 9)).checkpoint.size == 10
        assert (await ledger.verify("north")).ok


async def test_the_first_open_says_that_the_database_is_away(urls: DatabaseUrls, anchors: Path) -> None:
    nowhere = DatabaseUrls(*(urlsplit(url)._replace(path="/nowhere").geturl() for url in (urls.app, urls.relay)))
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        await ledger_on(nowhere, anchors).open()
