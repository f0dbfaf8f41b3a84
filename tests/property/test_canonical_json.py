"""The fast canonical form equals RFC 8785 wherever it is taken."""

import string
from typing import Any

import orjson
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from services.audit_log.ledger.domain.leaf import MAX_SAFE, canonical

KEYS = st.text(st.characters(max_codepoint=127), max_size=8) | st.text(string.ascii_letters, max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_SAFE, MAX_SAFE) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@given(PLAIN)
def test_orjson_and_rfc8785_agree_on_ascii_keys_and_whole_numbers(value: Any) -> None:
    assert canonical(value) == orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == rfc8785.dumps(value)


ANY = st.recursive(
    PLAIN | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(ANY)
def test_everything_else_is_rfc8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)
