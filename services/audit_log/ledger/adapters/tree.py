"""The stored tree of a tenant's log: tiles, the roots and proofs that they give."""

from collections.abc import Iterable
from functools import cache
from typing import Final

from services.audit_log.ledger.adapters.rows import Connection
from services.audit_log.ledger.domain.merkle import HASH_SIZE, Node, Range, leaf_hash, range_hash, range_nodes
from services.audit_log.ledger.domain.tiles import WIDTH, GrowingTree, edge_tiles, hashes_at, reader, tile_of

UPSERT: Final = """
INSERT INTO ledger_tile (tenant_id, level, idx, hashes) SELECT $1, * FROM unnest($2::int[], $3::bigint[], $4::bytea[])
ON CONFLICT (tenant_id, level, idx) DO UPDATE SET hashes = excluded.hashes
"""
_TILES = """
SELECT t.level, t.idx, t.hashes FROM ledger_tile t JOIN unnest($1::int[], $2::bigint[]) AS w(level, idx) USING (level, idx)
"""
_LAST = "SELECT idx, length(hashes) AS bytes FROM ledger_tile WHERE level = 0 ORDER BY idx DESC LIMIT 1"
_LEAVES = "SELECT idx, leaf FROM ledger_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx"


class MissingLeaf(Exception):
    """An entry that should be there is not: the message says which."""


async def stored_size(connection: Connection) -> int:
    """Leaves that the stored tiles cover."""
    last = await connection.fetchrow(_LAST)
    return 0 if last is None else int(last["idx"]) * WIDTH + int(last["bytes"]) // HASH_SIZE


async def stored_tree(connection: Connection) -> GrowingTree:
    """The stored tree, ready to grow."""
    size = await stored_size(connection)
    edge = edge_tiles(size)
    found = await fetch_tiles(connection, edge)
    parts = []
    for level, index in edge:
        width = hashes_at(level, size) % WIDTH
        parts.append(found.get((level, index), b"")[: width * HASH_SIZE])
    return GrowingTree(size, parts)


async def fetch_tiles(connection: Connection, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    keys = sorted(set(wanted))
    if not keys:
        return {}
    levels, indexes = zip(*keys, strict=True)
    rows = await connection.fetch(_TILES, list(levels), list(indexes))
    return {(r["level"], r["idx"]): r["hashes"] for r in rows}


async def range_hashes(connection: Connection, ranges: list[Range]) -> list[bytes]:
    """Hash of each range, from stored tiles. Raises NoSuchTile where they do not reach."""
    nodes: list[Node] = [node for span in ranges for node in range_nodes(*span)]
    node = cache(reader(await fetch_tiles(connection, map(tile_of, nodes))))
    return [range_hash(span, node) for span in ranges]


async def stored_root(connection: Connection, size: int) -> bytes:
    """Root of the first `size` leaves by the stored tiles. Raises NoSuchTile."""
    return (await range_hashes(connection, [(0, size)]))[0]


async def leaf_hashes(connection: Connection, start: int, end: int) -> list[bytes]:
    """Leaf hashes of entries `[start, end)`. Raises MissingLeaf where one is not there."""
    rows = await connection.fetch(_LEAVES, start, end) if end > start else []
    hashes = []
    for index, row in enumerate(rows, start):
        if row["idx"] != index:
            raise MissingLeaf(_missing(index))
        hashes.append(leaf_hash(row["leaf"]))
    if len(hashes) < end - start:
        raise MissingLeaf(_missing(start + len(hashes)))
    return hashes


def _missing(index: int) -> str:
    return f"entry {index} is missing from the database: bring back a backup that has it"
