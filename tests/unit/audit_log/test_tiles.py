"""C2SP tlog-tiles: paths, widths, and a tree kept as tiles."""

import pytest

from services.audit_log.ledger.domain import merkle, tiles
from services.audit_log.ledger.domain.tiles import GrowingTree, NoSuchTile, TilePath, parse_path
from tests.support import rfc6962

# (index, width) → spelling; 1234067 is the example of the specification
PATHS = [
    (0, 256, "000"),
    (67, 256, "067"),
    (1067, 256, "x001/067"),
    (1234067, 256, "x001/x234/067"),
    (273, 112, "273.p/112"),
    (1000, 1, "x001/000.p/1"),
    (999, 255, "999.p/255"),
]


@pytest.mark.parametrize(("index", "width", "text"), PATHS)
def test_paths_go_both_ways(index: int, width: int, text: str) -> None:
    assert TilePath(index, width).text() == text
    assert parse_path(text) == TilePath(index, width)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "67", "0067", "x000/067", "001/067", "x001", "x001/x067", "067.p/0", "067.p/256", "067.p/01", "067.p/"),
        *("067.p/1/2", "../067", "067/", "-01", "067.p/-1", "٠٠٠", "x001/067 ", "067.p/1\n", "x" * 50),
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(NoSuchTile):
        parse_path(text)


@pytest.mark.parametrize("text", ["64", "-1", "01", "", "1.0", "²"])
def test_levels_are_0_to_63(text: str) -> None:
    assert tiles.parse_level("63") == 63
    with pytest.raises(NoSuchTile):
        tiles.parse_level(text)


def test_the_specification_s_tree_of_70000() -> None:
    """273 full level 0 tiles, a partial one of 112; one full level 1 tile, a partial one of 17; one of width 1 at level 2."""
    size = 70_000
    assert [tiles.width_of(0, i, size) for i in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [tiles.width_of(1, i, size) for i in (0, 1, 2)] == [256, 17, 0]
    assert [tiles.width_of(2, i, size) for i in (0, 1)] == [1, 0]
    assert tiles.width_of(3, 0, size) == 0


def test_a_tree_of_256_has_a_full_tile_and_one_of_width_1() -> None:
    tree = GrowingTree()
    changed = tree.extend([merkle.leaf_hash(bytes([i])) for i in range(256)])
    assert {place: len(tile) // 32 for place, tile in changed.items()} == {(0, 0): 256, (1, 0): 1}
    assert changed[1, 0] == tree.root() == rfc6962.mth([bytes([i]) for i in range(256)])


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 700])
def test_proofs_from_tiles_verify_by_the_rfc(size: int) -> None:
    entries = [str(i).encode() for i in range(size)]
    tree, stored = GrowingTree(), {}
    for start in range(0, size, 37):
        stored.update(tree.extend(map(merkle.leaf_hash, entries[start : start + 37])))
    root = rfc6962.mth(entries)
    assert tree.root() == root
    node = tiles.reader(stored)
    for index in {min(i, size - 1) for i in (0, 1, size // 2, 255, 256, size)}:
        path = [merkle.range_hash(span, node) for span in merkle.inclusion_path(index, size)]
        assert rfc6962.root_by_path(index, size, entries[index], path) == root


@pytest.mark.parametrize("size", [0, 1, 256, 300, 70_000])
def test_a_tree_is_taken_up_again_from_its_edge(size: int) -> None:
    hashes = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(size + 3)]
    whole, stored = GrowingTree(), {}
    stored.update(whole.extend(hashes[:size]))
    edge = [stored.get(place, b"")[: tiles.hashes_at(place[0], size) % 256 * 32] for place in tiles.edge_tiles(size)]
    again = GrowingTree(size, edge)
    assert again.root() == whole.root()
    assert again.extend(hashes[size:]) == whole.extend(hashes[size:])
    assert again.root() == whole.root()


def test_an_edge_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="not those of a tree"):
        GrowingTree(3, [b"\x00" * 64])
    with pytest.raises(ValueError, match="not those of a tree"):
        GrowingTree(3)


def test_a_node_beyond_a_partial_tile_is_no_node() -> None:
    with pytest.raises(NoSuchTile):
        tiles.node_from_tile((1, 1), b"\x00" * 96)
    with pytest.raises(NoSuchTile):
        tiles.reader({})((0, 0))


def test_a_bundle_prefixes_each_entry_with_its_length() -> None:
    assert tiles.bundle([b"ab", b"", b"c" * 300]) == b"\x00\x02ab\x00\x00\x01\x2c" + b"c" * 300
