"""A cursor tells nothing, and is good for the caller and query that it was given to."""

from typing import Any

import pytest
from starlette.requests import Request

from shared import base64url
from shared.http.cursor import Cursors, limit_of
from shared.http.problems import Problem

CURSORS, MINE = Cursors(b"s" * 32), "north/t-rivera/notes/c-1"


def asked(cursor: str | None) -> Request:
    return Request({"type": "http", "query_string": f"cursor={cursor}".encode() if cursor is not None else b"", "headers": []})


@pytest.mark.parametrize("position", [0, 7, 10**15, "t-rivera", ["2026-01-01T00:00:00+00:00", "c1"], {"a": None}, "ø" * 90])
def test_the_position_comes_back(position: Any) -> None:
    assert CURSORS.decode(asked(CURSORS.encode(position, bound_to=MINE)), bound_to=MINE) == position


def test_a_page_holds_fifty_where_nobody_says_otherwise() -> None:
    assert limit_of(Request({"type": "http", "query_string": b"", "headers": []})) == 50


def test_without_one_it_begins_at_the_first() -> None:
    assert CURSORS.decode(asked(None), bound_to=MINE) is None


def test_neither_the_position_nor_its_length_shows() -> None:
    """Positions are a service's own counters, and ids of what lies between the rows that the caller sees."""
    cursors = [CURSORS.encode(n, bound_to=MINE) for n in (1, 2, 1_234_567_890_123)]
    blobs = [base64url.decode(c) for c in cursors]
    assert len({len(b) for b in blobs}) == 1 and len({b[-16:] for b in blobs}) == 3
    assert b"1234567" not in blobs[2] and blobs[0][16:17] != b"1"
    changed = [sum(a != b for a, b in zip(blobs[0], other, strict=True)) for other in blobs[1:]]
    assert min(changed) > 60, "of 80 bytes hardly one is the same"


def test_the_same_position_has_the_same_cursor() -> None:
    assert CURSORS.encode(5, bound_to=MINE) == Cursors(b"s" * 32).encode(5, bound_to=MINE)


@pytest.mark.parametrize("other", ["north/t-okafor/notes/c-1", "north/t-rivera/notes/c-2", "", MINE + " "])
def test_it_is_refused_for_another_query(other: str) -> None:
    refused(CURSORS.encode(5, bound_to=MINE), other)


def test_it_is_refused_under_another_secret() -> None:
    refused(Cursors(b"o" * 32).encode(5, bound_to=MINE), MINE)


@pytest.mark.parametrize("text", ["", "A", "AAAA", "A" * 22, "A" * 107, "*", "é", "NQ", "=" * 4, "A" * 4_000])
def test_what_is_none_is_refused(text: str) -> None:
    refused(text, MINE)


def test_one_bit_makes_it_none() -> None:
    blob = bytearray(base64url.decode(CURSORS.encode(5, bound_to=MINE)))
    for place in (0, 15, 16, len(blob) - 1):
        other = bytearray(blob)
        other[place] ^= 1
        refused(base64url.encode(bytes(other)), MINE)


def refused(cursor: str, bound_to: str) -> None:
    with pytest.raises(Problem) as found:
        CURSORS.decode(asked(cursor), bound_to=bound_to)
    (fault,) = found.value.errors
    assert (found.value.status, fault.pointer) == (422, "?cursor")
