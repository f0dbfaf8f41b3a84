"""Padding to buckets: a size tells its bucket, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sealing.errors import CannotOpen
from shared.sealing.padding import bucket, pad, unpad


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, 64),
        (63, 64),
        (64, 256),
        (255, 256),
        (256, 1_024),
        (1_023, 1_024),
        (1_024, 4_096),
        (4_096, 16_384),
        (16_384, 65_536),
        (65_535, 65_536),
        (65_536, 131_072),
        (131_071, 131_072),
        (131_072, 196_608),
    ],
)
def test_buckets(size: int, expected: int) -> None:
    assert bucket(size) == expected
    assert len(pad(bytes(size))) == expected


def test_sizes_of_one_bucket_look_alike() -> None:
    assert {len(pad(b"x" * n)) for n in range(64, 256)} == {256}


@given(st.binary(max_size=5_000))
def test_round_trip_also_where_data_ends_like_padding(data: bytes) -> None:
    for tail in (b"", b"\x80", b"\x00", b"\x80\x00\x00"):
        assert unpad(pad(data + tail)) == data + tail


@pytest.mark.parametrize("data", [b"", bytes(64), b"no padding at all"])
def test_what_was_not_padded_is_refused(data: bytes) -> None:
    with pytest.raises(CannotOpen):
        unpad(data)
