"""Merkle hashes and proofs straight from the recursive definitions of RFC 6962 section 2.1: slow, and independent of ours."""

from collections.abc import Sequence
from hashlib import sha256


def mth(entries: Sequence[bytes]) -> bytes:
    """MTH(D[n]) of section 2.1."""
    n = len(entries)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = largest_power_below(n)
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of section 2.1.1."""
    n = len(entries)
    if n == 1:
        return []
    k = largest_power_below(n)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D[n]) of section 2.1.2."""
    return subproof(m, entries, True)


def subproof(m: int, entries: Sequence[bytes], whole: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if whole else [mth(entries)]
    k = largest_power_below(n)
    if m <= k:
        return [*subproof(m, entries[:k], whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def root_by_path(index: int, size: int, leaf: bytes, hashes: list[bytes]) -> bytes:
    """The root that a path leads to, by undoing the recursion of PATH. The whole path must be used."""
    root = _climb(index, size, sha256(b"\x00" + leaf).digest(), hashes)
    assert not hashes
    return root


def _climb(index: int, size: int, leaf: bytes, hashes: list[bytes]) -> bytes:
    if size == 1:
        return leaf
    top, k = hashes.pop(), largest_power_below(size)
    if index < k:
        return sha256(b"\x01" + _climb(index, k, leaf, hashes) + top).digest()
    return sha256(b"\x01" + top + _climb(index - k, size - k, leaf, hashes)).digest()


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k
