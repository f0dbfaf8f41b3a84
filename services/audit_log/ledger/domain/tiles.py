"""C2SP tlog-tiles v0.1.0: the tree as tiles of height 8, their paths, and a tree that grows by its right edge.

Tile `(level, index)` holds up to 256 hashes: nodes `(8·level, 256·index + i)`. A partial tile is a prefix of the full one, so
every width ever published stays servable from the stored tile.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.audit_log.ledger.domain.merkle import EMPTY_ROOT, HASH_SIZE, Node, complete_root, fold, range_nodes, row_above

HEIGHT: Final = 8
WIDTH: Final = 256
MAX_LEVEL: Final = 63
_NUMBER = re.compile(r"(?:x\d{3}/)*\d{3}")
_PARTIAL = re.compile(r"[1-9]\d{0,2}")


class NoSuchTile(Exception):
    """Not a tile path of C2SP tlog-tiles, or no tile of a published tree."""


@dataclass(frozen=True, slots=True)
class TilePath:
    """`<N>[.p/<W>]` of a tile or an entry bundle."""

    index: int
    width: int
    """1 to 255 for a partial one, 256 for a full one"""

    def text(self) -> str:
        n, rest = self.index % 1000, self.index // 1000
        text = f"{n:03d}"
        while rest:
            text, rest = f"x{rest % 1000:03d}/{text}", rest // 1000
        return text if self.width == WIDTH else f"{text}.p/{self.width}"


def parse_path(text: str) -> TilePath:
    """`x001/x234/067` or `x001/x234/067.p/12`. Raises NoSuchTile for any other spelling of it."""
    number, dot, partial = text.partition(".p/")
    width = WIDTH
    if dot:
        if not _PARTIAL.fullmatch(partial) or int(partial) >= WIDTH:
            raise NoSuchTile(text)
        width = int(partial)
    if not number.isascii() or not _NUMBER.fullmatch(number) or len(number) > 40:
        raise NoSuchTile(text)
    path = TilePath(int(number.replace("/", "").replace("x", "")), width)
    if path.text() != text:  # leading zero elements
        raise NoSuchTile(text)
    return path


def parse_level(text: str) -> int:
    if not re.fullmatch(r"0|[1-9]\d?", text, re.ASCII) or int(text) > MAX_LEVEL:
        raise NoSuchTile(text)
    return int(text)


def hashes_at(level: int, size: int) -> int:
    """How many hashes a tree of `size` has at tile level `level`."""
    return size >> (HEIGHT * level)


def width_of(level: int, index: int, size: int) -> int:
    """Width of a tile in the tree of `size`; 0 where it has none."""
    return max(0, min(WIDTH, hashes_at(level, size) - index * WIDTH))


def tile_of(node: Node) -> tuple[int, int]:
    """The tile (level, index) from which a node's hash can be computed."""
    level, index = node
    tile_level, within = divmod(level, HEIGHT)
    return tile_level, (index << within) // WIDTH


def node_from_tile(node: Node, hashes: bytes) -> bytes:
    """A node's hash from its tile's bytes."""
    level, index = node
    within = level % HEIGHT
    row = _row(hashes, within) if within else hashes
    place = (index % (WIDTH >> within)) * HASH_SIZE
    found = row[place : place + HASH_SIZE]
    if len(found) != HASH_SIZE:
        raise NoSuchTile(f"{level}/{index}")
    return found


@lru_cache(maxsize=512)
def _row(hashes: bytes, above: int) -> bytes:
    """Complete nodes `above` levels over a tile's hashes. Kept, because every proof goes through the upper tiles: 64 tiles of
    16 KiB with all that is over them."""
    return row_above(_row(hashes, above - 1) if above > 1 else hashes)


def reader(tiles: dict[tuple[int, int], bytes]) -> Callable[[Node], bytes]:
    """Node hashes out of tiles already fetched. NoSuchTile where one is missing or too short."""

    def node(wanted: Node) -> bytes:
        tile = tiles.get(tile_of(wanted))
        if tile is None:
            raise NoSuchTile(f"{wanted}")
        return node_from_tile(wanted, tile)

    return node


class GrowingTree:
    """The right edge of a tree: for each tile level the hashes of its last, partial tile."""

    def __init__(self, size: int = 0, edge: Iterable[bytes] = ()) -> None:
        """`edge`: bytes of the partial tile of each level of a tree of `size`, empty where a level has none."""
        self.size = size
        self._edge: list[list[bytes]] = [_hashes(tile) for tile in edge]
        widths = [hashes_at(level, size) % WIDTH for level in range(len(self._edge))]
        if [len(tile) for tile in self._edge] != widths or hashes_at(len(widths), size):
            raise ValueError("the tiles are not those of a tree of this size")

    def extend(self, leaves: Iterable[bytes]) -> dict[tuple[int, int], bytes]:
        """Add leaf hashes. Returns every tile (level, index) that changed, whole."""
        changed: dict[tuple[int, int], bytes] = {}
        touched: set[int] = set()
        for leaf in leaves:
            self.size += 1
            carry, level = leaf, 0
            while True:
                if level == len(self._edge):
                    self._edge.append([])
                tile = self._edge[level]
                tile.append(carry)
                touched.add(level)
                if len(tile) < WIDTH:
                    break
                changed[level, hashes_at(level, self.size) // WIDTH - 1] = b"".join(tile)
                carry = complete_root(tile)
                tile.clear()
                level += 1
        for level in touched:
            if self._edge[level]:
                changed[level, hashes_at(level, self.size) // WIDTH] = b"".join(self._edge[level])
        return changed

    def root(self) -> bytes:
        """Root hash of the tree."""
        if not self.size:
            return EMPTY_ROOT
        parts: list[bytes] = []
        for tile in reversed(self._edge):
            for level, index in range_nodes(0, len(tile)):
                parts.append(complete_root(tile[index << level : (index + 1) << level]))
        return fold(parts)


def edge_tiles(size: int) -> list[tuple[int, int]]:
    """(level, index) of the rightmost tile of each level up to the highest that a tree of `size` has."""
    levels = []
    level = 0
    while hashes_at(level, size):
        levels.append((level, hashes_at(level, size) // WIDTH))
        level += 1
    return levels


def _hashes(tile: bytes) -> list[bytes]:
    return [tile[i : i + HASH_SIZE] for i in range(0, len(tile), HASH_SIZE)]


def bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry, of at most 65,535 bytes, behind its length as a big-endian uint16."""
    return b"".join(len(e).to_bytes(2, "big") + e for e in entries)
