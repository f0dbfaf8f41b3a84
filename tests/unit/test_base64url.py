"""base64url as RFC 4648 has it, and one spelling only."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import base64url

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=300))
def test_as_the_standard_library_spells_it(raw: bytes) -> None:
    text = urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert base64url.encode(raw) == text
    assert base64url.decode(text) == raw


@given(st.one_of(st.text(max_size=12), st.text(st.sampled_from(ALPHABET + '+/=\\"u \n'), max_size=12)))
def test_what_decodes_is_what_encoding_gives_back(text: str) -> None:
    try:
        raw = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(raw) == text


@pytest.mark.parametrize(
    "text",
    ["A", "AAAAA", "AB", "AAB", "AA==", "AA=", "====", "A===", "AA+A", "AA/A", 'AA"A', "A\\u0041A", "AA\nA", "AAAé", "AA A"],
)
def test_no_other_spelling_is_taken(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- no message is promised
        base64url.decode(text)


def test_every_last_character_but_one_is_refused() -> None:
    """Two characters stand for one byte: four of their twelve bits are spare and must be zero."""
    taken = [c for c in ALPHABET if _decodes("A" + c)]
    assert taken == ["A", "Q", "g", "w"]


def _decodes(text: str) -> bool:
    try:
        base64url.decode(text)
    except ValueError:
        return False
    return True
