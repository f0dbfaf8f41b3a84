"""JSON as it comes in: each fault by its place, and what is taken can be written again."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entry.json_text import BadJson, NotJson, pointer, read_json_text


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (r'{"a": 1, "a": 1}', ["/a"]),
        (r'{"a": {"b": [{"c": 1, "c": 2}]}}', ["/a/b/0/c"]),
        (r'{"a/b": "\u0000"}', ["/a~1b"]),
        (r'["\ud800", "\u0085", "ok"]', ["/0", "/1"]),
        (r'{"\udc00": 1, "b": "\u001b"}', ["", "/b"]),
        (r'{"n": 9007199254740992, "m": -9007199254740992, "x": 1e999}', ["/n", "/m", "/x"]),
        ('{"n": ' + "9" * 5_000 + "}", ["/n"]),
    ],
)
def test_every_fault_by_its_place(text: str, places: list[str]) -> None:
    with pytest.raises(BadJson) as refused:
        read_json_text(text)
    assert [pointer(f.path) for f in refused.value.faults] == places


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", '{"a": Infinity}', "{'a': 1}", "[" * 2_000, "[" * 61 + "]" * 61, "\ufeff{}", "1 2"]
)
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(NotJson):
        read_json_text(text)


def test_bytes_that_are_not_utf_8() -> None:
    with pytest.raises(NotJson, match="byte 2"):
        read_json_text(b'{"\xff": 1}')


@pytest.mark.parametrize("text", ["1e" + "9" * 20, "1e100", "1e-100", "1" * 41, "0." + "1" * 40])
def test_decimals_out_of_bounds(text: str) -> None:
    with pytest.raises(BadJson) as refused:
        read_json_text(f"[{text}]", exact_decimals=True)
    assert pointer(refused.value.faults[0].path) == "/0"


def test_decimals_are_kept_as_written() -> None:
    assert read_json_text("[1.50, 12345678901234567890, 2e10]", exact_decimals=True) == [
        Decimal("1.50"),
        Decimal("12345678901234567890"),
        Decimal("2E+10"),
    ]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON)
def test_what_is_taken_can_be_written_again(value: Any) -> None:
    try:
        taken = read_json_text(orjson.dumps(value))
    except BadJson:
        return
    assert taken == value
    assert read_json_text(orjson.dumps(taken)) == value


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1e-400", "-0.0001e-400", "9" * 400 + ".0"])
def test_a_number_that_a_double_does_not_hold_is_refused(text: str) -> None:
    """Neither as infinite nor as nothing."""
    with pytest.raises(BadJson):
        read_json_text(f'{{"score": {text}}}')
    assert read_json_text('{"score": 0e-400, "least": 4.9e-324}')
