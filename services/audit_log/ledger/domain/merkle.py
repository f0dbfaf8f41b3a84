"""Merkle tree hashing and proofs (RFC 6962 section 2.1, verification by RFC 9162 sections 2.1.3.2 and 2.1.4.2), SHA-256.

A *node* `(level, index)` is the root of the complete subtree over leaves `[index·2^level, (index+1)·2^level)`. Proofs are made
from nodes alone, so whoever stores tiles can make them: `path → ranges → nodes → hashes`.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()

Node = tuple[int, int]
"""level (0: leaves) and index of a complete subtree"""
Range = tuple[int, int]
"""leaves `[start, end)` of a subtree that RFC 6962 hashes as one"""


class ProofInvalid(Exception):
    """The proof does not lead from the given hashes to the given root."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf's bytes: SHA-256(0x00 ‖ leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def row_above(hashes: bytes) -> bytes:
    """The complete nodes one level over these hashes, one behind the other."""
    pair = 2 * HASH_SIZE
    return b"".join([sha256(b"\x01" + hashes[i : i + pair]).digest() for i in range(0, len(hashes) - pair + 1, pair)])


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Root over a power of two of hashes."""
    row = b"".join(hashes)
    while len(row) > HASH_SIZE:
        row = row_above(row)
    return row


def range_nodes(start: int, end: int) -> list[Node]:
    """Complete subtrees that make up `[start, end)`, from left to right; `start` is aligned as in a proof's path."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root of a range from the hashes of its complete subtrees, from left to right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def range_hash(span: Range, node: Callable[[Node], bytes]) -> bytes:
    return fold([node(n) for n in range_nodes(*span)])


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_path(index: int, size: int) -> list[Range]:
    """Ranges whose hashes prove leaf `index` in the tree of `size`, from the leaf's sibling up (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("the index lies outside the tree")
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int) -> list[Range]:
    """Ranges whose hashes prove that the tree of `old` is a prefix of the tree of `new` (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise ValueError("a consistency proof needs 0 < old ≤ new")
    path: list[Range] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, whole = middle, False
    if not whole:
        path.append((start, end))
    return path[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to from a leaf hash. Raises ProofInvalid where its form is wrong."""
    if not 0 <= index < size:
        raise ProofInvalid("the index lies outside the tree")
    if len(leaf) != HASH_SIZE or any(len(h) != HASH_SIZE for h in proof):
        raise ProofInvalid("a hash has the wrong length")
    position, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("the proof is too long")
        if position & 1 or position == last:
            root = node_hash(sibling, root)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise ProofInvalid("the proof is too short")
    return root


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raises ProofInvalid unless the leaf hash stands at `index` in the tree of `size` with `root`."""
    if root_from_inclusion(index, size, leaf, proof) != root:
        raise ProofInvalid("the proof leads to another root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the tree of `old` with `old_root` is a prefix of the tree of `new` with `new_root`."""
    if not 0 < old <= new:
        raise ProofInvalid("sizes need 0 < old ≤ new: a proof from an empty tree says nothing")
    if old == new:
        if proof or old_root != new_root:
            raise ProofInvalid("trees of one size have one root and an empty proof")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path or any(len(h) != HASH_SIZE for h in path):
        raise ProofInvalid("the proof is empty, or a hash has the wrong length")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_found = new_found = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofInvalid("the proof is too long")
        if position & 1 or position == last:
            old_found, new_found = node_hash(sibling, old_found), node_hash(sibling, new_found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_found = node_hash(new_found, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise ProofInvalid("the proof is too short")
    if old_found != old_root or new_found != new_root:
        raise ProofInvalid("the proof leads to another root")
