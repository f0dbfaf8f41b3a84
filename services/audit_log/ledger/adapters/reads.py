"""Reading the ledger: entries and their search, proofs, tiles, and the check of a whole log."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from services.audit_log.ledger.adapters.cosignature_table import keep_cosigned, read_cosigned, read_keys
from services.audit_log.ledger.adapters.keys import LogKeys
from services.audit_log.ledger.adapters.rows import DATABASE_ERRORS, Connection, Pool, reading
from services.audit_log.ledger.adapters.search import AGENTS, SELECT, search_query, stored_entry
from services.audit_log.ledger.adapters.tree import range_hashes
from services.audit_log.ledger.application.ledger_view import (
    CosignedCheckpoint,
    EntryProof,
    Filters,
    NoSuchEntry,
    NotYetSigned,
    SigningKey,
    StoredEntry,
    best_cosigned,
    cosigned_note,
)
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.checkpoint import Checkpoint, open_checkpoint
from services.audit_log.ledger.domain.merkle import HASH_SIZE, consistency_path, inclusion_path, leaf_hash
from services.audit_log.ledger.domain.signed_note import NoteInvalid
from services.audit_log.ledger.domain.tiles import WIDTH, GrowingTree, NoSuchTile, bundle, width_of
from services.audit_log.ledger.domain.tlog_proof import TlogProof
from services.audit_log.ledger.domain.verification import Finding, LogCheck, Report, Row

PROOF_SECONDS: Final = 1.5
"""how long a proof waits for a checkpoint that covers its entry"""
_POLL_SECONDS: Final = 0.025
_TREE_TRIES: Final = 3
_TREE_SECONDS: Final = 0.3
_PAGE: Final = 250
"""rows checked in one go: about 8 ms of the event loop"""
_PROVED = """
SELECT e.idx, e.leaf, p.payload, p.salt FROM ledger_entry e LEFT JOIN ledger_payload p USING (tenant_id, idx)
WHERE e.idx = ANY ($1::bigint[])
"""
_ROWS = """
SELECT e.idx, e.leaf, p.payload, p.salt, e.at, e.kind, e.action, e.outcome, e.purpose, e.agent, e.agent_role, e.service,
       e.client_id, e.request_id
FROM ledger_entry e LEFT JOIN ledger_payload p USING (tenant_id, idx)
WHERE e.idx >= $1 ORDER BY e.idx LIMIT $2
"""
_RECORDS = "SELECT idx, record_id, record_type, decision FROM ledger_record WHERE idx >= $1 AND idx <= $2"
_LEAF_PAGE: Final = 8_192
_LEAVES = "SELECT leaf FROM ledger_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx"


class LedgerReads:
    """`published(tenant)` gives the newest checkpoint that is served: from memory where this process leads, else as anchored."""

    def __init__(self, pool: Pool, keys: LogKeys, published: Callable[[str], Awaitable[bytes | None]]) -> None:
        self._pool, self._keys, self._published = pool, keys, published

    async def entry(self, tenant: str, index: int) -> StoredEntry:
        async with self._reading(tenant) as connection:
            row = await connection.fetchrow(f"{SELECT} WHERE e.idx = $1", index)
        if row is None:
            raise NoSuchEntry
        return stored_entry(row)

    async def search(self, tenant: str, filters: Filters, before: int | None, limit: int) -> list[StoredEntry]:
        query, arguments = search_query(filters, before, limit)
        async with self._reading(tenant) as connection:
            rows = await connection.fetch(query, *arguments)
        return [stored_entry(row) for row in rows]

    async def agents(self, tenant: str, who: str) -> list[str]:
        async with self._reading(tenant) as connection:
            return [row["sub"] for row in await connection.fetch(AGENTS, who, who.casefold())]

    async def following(self, tenant: str, filters: Filters, first: int, limit: int) -> list[StoredEntry]:
        query, arguments = search_query(filters, None, limit, first=first)
        async with self._reading(tenant) as connection:
            return [stored_entry(row) for row in await connection.fetch(query, *arguments)]

    async def proof(self, tenant: str, index: int) -> EntryProof:
        return (await self.proofs(tenant, [index]))[index]

    async def proofs(self, tenant: str, indexes: Sequence[int]) -> dict[int, EntryProof]:
        deadline = asyncio.get_running_loop().time() + PROOF_SECONDS
        while indexes:
            try:
                return await self._proofs(tenant, indexes)
            except (NotYetSigned, NoSuchTile):
                if asyncio.get_running_loop().time() > deadline:
                    raise NotYetSigned from None
            await asyncio.sleep(_POLL_SECONDS)
        return {}

    async def _proofs(self, tenant: str, indexes: Sequence[int]) -> dict[int, EntryProof]:
        published, last = await self._published(tenant), max(indexes)
        async with self._reading(tenant) as connection:
            rows = {row["idx"]: row for row in await connection.fetch(_PROVED, list(indexes))}
            if len(rows) < len(set(indexes)):
                raise NoSuchEntry
            note = best_cosigned(await read_cosigned(connection), last) or published
            checkpoint = self._open(tenant, note)
            if checkpoint is None or note is None or checkpoint.size <= last:
                raise NotYetSigned
            paths = {index: inclusion_path(index, checkpoint.size) for index in rows}
            spans = [span for path in paths.values() for span in path]
            hashes = iter(await range_hashes(connection, spans))
        found = {}
        for index, path in paths.items():
            row = rows[index]
            text = TlogProof(index, tuple(next(hashes) for _ in path), note, extra=row["leaf"]).text()
            found[index] = EntryProof(index, row["leaf"], row["salt"], row["payload"], checkpoint, text)
        return found

    async def checkpoint(self, tenant: str) -> bytes | None:
        note = await self._published(tenant)
        if note is None:
            return None
        async with self._reading(tenant) as connection:
            return cosigned_note(note, await read_cosigned(connection))

    async def consistency(self, tenant: str, old: int, new: int) -> list[bytes]:
        async with self._reading(tenant) as connection:
            return await range_hashes(connection, consistency_path(old, new))

    async def cosigned(self, tenant: str) -> list[CosignedCheckpoint]:
        async with self._reading(tenant) as connection:
            return await read_cosigned(connection)

    async def keep_cosigned(self, tenant: str, cosigned: CosignedCheckpoint) -> None:
        try:
            await keep_cosigned(self._pool, tenant, cosigned)
        except DATABASE_ERRORS as error:
            raise LedgerUnavailable(f"the ledger's database does not answer: {type(error).__name__}") from error

    async def vkeys(self, tenant: str) -> list[SigningKey]:
        async with self._reading(tenant) as connection:
            return await read_keys(connection, self._keys.vkeys(tenant))

    async def tile(self, tenant: str, level: int, index: int, width: int) -> bytes:
        await self._published_width(tenant, level, index, width)
        async with self._reading(tenant) as connection:
            query = "SELECT hashes FROM ledger_tile WHERE level = $1 AND idx = $2"
            hashes: bytes = await connection.fetchval(query, level, index) or b""
        if len(hashes) < width * HASH_SIZE:
            raise NoSuchTile
        return hashes[: width * HASH_SIZE]

    async def entry_bundle(self, tenant: str, index: int, width: int) -> bytes:
        await self._published_width(tenant, 0, index, width)
        async with self._reading(tenant) as connection:
            rows = await connection.fetch(_LEAVES, index * WIDTH, index * WIDTH + width)
        if len(rows) < width:
            raise NoSuchTile
        return bundle(row["leaf"] for row in rows)

    async def verify(self, tenant: str) -> Report:
        for _ in range(_TREE_TRIES):
            report = await self._verify(tenant)
            if report.finding not in (Finding.TREE, Finding.UNSIGNED):
                break
            await asyncio.sleep(_TREE_SECONDS)  # the process that signs may be between entries, anchor and tiles
        return report

    async def _verify(self, tenant: str) -> Report:
        checkpoint = self._open(tenant, await self._published(tenant))
        async with self._reading(tenant) as connection:
            stored = await connection.fetch("SELECT level, idx, hashes FROM ledger_tile")
            tiles = {(r["level"], r["idx"]): r["hashes"] for r in stored}
            check = await asyncio.to_thread(LogCheck, tenant, checkpoint, tiles)
            following = 0
            while page := await _page(connection, following):
                for row in page:
                    check.feed(row)
                following = page[-1].index + 1
        return await asyncio.to_thread(check.report)

    async def verify_tree(self, tenant: str) -> Report:
        """Leaves and tree against the signed checkpoint, without the payloads: that nothing was added, removed or moved."""
        for _ in range(_TREE_TRIES):
            report = await self._verify_tree(tenant)
            if report.ok:
                break
            await asyncio.sleep(_TREE_SECONDS)
        return report

    async def _verify_tree(self, tenant: str) -> Report:
        checkpoint, tree, following, missing = self._open(tenant, await self._published(tenant)), GrowingTree(), 0, None
        size = checkpoint.size if checkpoint else 0
        async with self._reading(tenant) as connection:
            while following < size:
                rows = await connection.fetch(_LEAVES, following, min(following + _LEAF_PAGE, size))
                if len(rows) < min(_LEAF_PAGE, size - following):
                    missing = following
                    break
                await asyncio.to_thread(lambda page: tree.extend([leaf_hash(r[0]) for r in page]), rows)
                following += len(rows)
        root_holds = checkpoint is not None and missing is None and await asyncio.to_thread(tree.root) == checkpoint.root
        finding = None if root_holds or not size else Finding.TRUNCATED if missing is not None else Finding.EDITED
        what = {
            None: "every leaf is as it was signed, and in its place; payloads were not looked at",
            Finding.TRUNCATED: f"an entry is missing among those from {missing}",
            Finding.EDITED: "the leaves do not hash to the signed root",
        }[finding]
        return Report(tenant, finding is None, following, size, 0, finding, missing, what)

    async def _published_width(self, tenant: str, level: int, index: int, width: int) -> None:
        checkpoint = self._open(tenant, await self._published(tenant))
        if checkpoint is None or width > width_of(level, index, checkpoint.size):
            raise NoSuchTile

    def _open(self, tenant: str, note: bytes | None) -> Checkpoint | None:
        try:
            return open_checkpoint(note, *self._keys.verifiers(tenant)) if note is not None else None
        except NoteInvalid:
            return None

    @asynccontextmanager
    async def _reading(self, tenant: str) -> AsyncIterator[Connection]:
        try:
            async with reading(self._pool, tenant) as connection:
                yield connection
        except DATABASE_ERRORS as error:
            raise LedgerUnavailable(f"the ledger's database does not answer: {type(error).__name__}") from error


async def _page(connection: Connection, following: int) -> list[Row]:
    rows = await connection.fetch(_ROWS, following, _PAGE)
    if not rows:
        return []
    records: dict[int, list[tuple[str, str, str]]] = {}
    for r in await connection.fetch(_RECORDS, rows[0]["idx"], rows[-1]["idx"]):
        records.setdefault(r["idx"], []).append((r["record_id"], r["record_type"], r["decision"]))
    return [_row(r, records.get(r["idx"], [])) for r in rows]


def _row(row: Any, records: list[tuple[str, str, str]]) -> Row:
    index, leaf, payload, salt, *columns = row.values()
    return Row(index, leaf, payload, salt, tuple(columns), tuple(records))
