"""Bytes that never change: what was sealed yesterday is opened tomorrow. They were made by the code that passes all 35 Wycheproof
vectors, which lie outside of this tree."""

from hashlib import sha256

import pytest

from shared.sealing import cobblestone

KEY, SALT, CONTEXT = bytes(range(32)), bytes(range(100, 124)), b"a context"


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "7cdfe9cb3273593afaf12cfb0f4e1846"),
        (16_383, "02c00ee6193fb557639564f7609c4ef2"),
        (16_384, "bb8198dc2fc321e7deaf840dea19cf36"),
        (16_385, "233a87e19674f47eb2497f8b786c2018"),
        (50_000, "64e8ef84644ad8b23a6d89ffb3d1fe3a"),
    ],
)
def test_a_sealed_value_is_the_same_for_ever(size: int, told: str) -> None:
    plaintext = (bytes(range(256)) * 200)[:size]
    sealed = cobblestone.encrypt(KEY, plaintext, CONTEXT, random=lambda n: SALT[:n])
    assert sha256(sealed).hexdigest()[:32] == told
    assert cobblestone.decrypt(KEY, sealed, CONTEXT) == plaintext
    assert len(sealed) == size + 24 + 32 + 16 * (size // 16_384 + 1)


def test_its_sizes_are_as_written() -> None:
    sizes = (
        cobblestone.KEY_SIZE,
        cobblestone.SALT_SIZE,
        cobblestone.COMMITMENT_SIZE,
        cobblestone.CHUNK_SIZE,
        cobblestone.TAG_SIZE,
    )
    assert sizes == (32, 24, 32, 16_384, 16) and cobblestone.OVERHEAD == 72
