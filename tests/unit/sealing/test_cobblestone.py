"""Cobblestone-256 against the vectors of C2SP/wycheproof, and against every change of a byte."""

import json
import zlib
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.sealing import cobblestone
from shared.sealing.errors import CannotOpen
from tests.support import environment

VECTORS = Path(__file__).parents[4] / "shared" / "vectors" / "c2sp_chunked_encryption_aes_256_gcm_test.json"
KEY = bytes(range(32))


MISSING = f"the Wycheproof vectors are not at {VECTORS}"


def vectors() -> list[dict[str, Any]]:
    if not VECTORS.exists():
        environment.not_run["Cobblestone's vectors"] = MISSING
        return []
    groups = json.loads(VECTORS.read_text())["testGroups"]
    return [test for group in groups for test in group["tests"]]


def fixed(salt: bytes) -> Callable[[int], bytes]:
    def random(size: int) -> bytes:
        assert size == len(salt)
        return salt

    return random


def test_all_vectors_are_here() -> None:
    if not VECTORS.exists():
        pytest.skip(MISSING)
    assert len(vectors()) == json.loads(VECTORS.read_text())["numberOfTests"] == 35


@pytest.mark.skipif(not VECTORS.exists(), reason=MISSING)
@pytest.mark.parametrize("vector", vectors(), ids=lambda v: f"{v['tcId']}-{v['comment']}")
def test_vector(vector: dict[str, Any]) -> None:
    key, context = bytes.fromhex(vector["key"]), bytes.fromhex(vector["ctx"])
    sealed = zlib.decompress(bytes.fromhex(vector["ct"]))  # the vectors carry ciphertexts deflated: some are 4 MiB
    if vector["result"] == "invalid":
        with pytest.raises((CannotOpen, ValueError)):
            cobblestone.decrypt(key, sealed, context)
        return
    plain = cobblestone.decrypt(key, sealed, context)
    assert len(plain) == vector["msgLength"]
    assert sha512(plain).hexdigest() == vector["msgSha512"]
    assert cobblestone.encrypt(key, plain, context, random=fixed(sealed[: cobblestone.SALT_SIZE])) == sealed


@pytest.mark.skipif(not VECTORS.exists(), reason=MISSING)
def test_vectors_hold_both_kinds() -> None:
    results = [v["result"] for v in vectors()]
    assert set(results) == {"valid", "invalid"}
    assert results.count("valid") == 10


@pytest.mark.parametrize("size", [0, 1, 63, 16_383, 16_384, 16_385, 2 * 16_384])
def test_size_is_known(size: int) -> None:
    sealed = cobblestone.encrypt(KEY, bytes(size), b"", random=fixed(bytes(24)))
    assert len(sealed) == size + 56 + 16 * (size // 16_384 + 1)
    assert cobblestone.decrypt(KEY, sealed, b"") == bytes(size)


def test_every_flipped_byte_is_noticed() -> None:
    sealed = cobblestone.encrypt(KEY, b"a session note" * 8, b"context", random=fixed(bytes(24)))
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(CannotOpen):
            cobblestone.decrypt(KEY, bytes(changed), b"context")


def test_every_cut_is_noticed() -> None:
    sealed = cobblestone.encrypt(KEY, bytes(16_384 + 40), b"context", random=fixed(bytes(24)))
    for length in [*range(200), *range(len(sealed) - 200, len(sealed))]:
        with pytest.raises(CannotOpen):
            cobblestone.decrypt(KEY, sealed[:length], b"context")


def test_chunks_cannot_be_dropped_or_reordered() -> None:
    sealed = cobblestone.encrypt(KEY, bytes(3 * 16_384), b"", random=fixed(bytes(24)))
    full = 16_384 + 16
    head, chunks, tail = sealed[:56], [sealed[56 + i * full : 56 + (i + 1) * full] for i in range(3)], sealed[56 + 3 * full :]
    for order in ([1, 0, 2], [0, 2], [0, 0, 1, 2], [0, 1]):
        with pytest.raises(CannotOpen):
            cobblestone.decrypt(KEY, head + b"".join(chunks[i] for i in order) + tail, b"")


def test_a_second_key_never_opens_and_says_so_before_any_chunk() -> None:
    sealed = cobblestone.encrypt(KEY, b"words", b"context", random=fixed(bytes(24)))
    for other in (bytes(32), KEY[::-1], KEY[:-1] + b"\x00"):
        with pytest.raises(CannotOpen, match="committed"):
            cobblestone.decrypt(other, sealed, b"context")
    with pytest.raises(CannotOpen, match="committed"):
        cobblestone.decrypt(KEY, sealed, b"contexT")


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        cobblestone.encrypt(bytes(size), b"", b"", random=fixed(bytes(24)))
    with pytest.raises(ValueError, match="32 bytes"):
        cobblestone.decrypt(bytes(size), b64decode(b"A" * 200), b"")


@settings(deadline=None)
@given(key=st.binary(min_size=32, max_size=32), plain=st.binary(max_size=40_000), context=st.binary(max_size=200))
def test_round_trip(key: bytes, plain: bytes, context: bytes) -> None:
    sealed = cobblestone.encrypt(key, plain, context, random=fixed(b"s" * 24))
    assert cobblestone.decrypt(key, sealed, context) == plain


@given(parts=st.lists(st.integers(0, 255), min_size=1, max_size=200))
def test_noise_never_opens(parts: list[int]) -> None:
    with pytest.raises(CannotOpen):
        cobblestone.decrypt(KEY, bytes(parts), b"")
