"""Padding to buckets before sealing, so that a size tells little: 64, 256, 1024, 4096, … bytes.

ISO/IEC 7816-4 padding: 0x80, then zeros up to the bucket.
"""

from shared.sealing.errors import CannotOpen

SMALLEST = 64
"""bytes of the smallest bucket"""
GROWTH = 4
LARGEST_STEP = 65_536
"""above this size buckets grow by this many bytes, not fourfold"""


def bucket(size: int) -> int:
    """Size in bytes of the bucket that holds `size` bytes and one byte of padding."""
    wanted, room = size + 1, SMALLEST
    while room < wanted and room < LARGEST_STEP:
        room *= GROWTH
    return room if room >= wanted else -(-wanted // LARGEST_STEP) * LARGEST_STEP


def pad(data: bytes) -> bytes:
    return (data + b"\x80").ljust(bucket(len(data)), b"\x00")


def unpad(data: bytes) -> bytes:
    end = data.rfind(b"\x80")
    if end < 0 or data[end + 1 :] != bytes(len(data) - end - 1):
        raise CannotOpen("padding is not what this format writes")
    return data[:end]
