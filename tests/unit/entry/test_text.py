"""One line, lines, exact text: what each takes, and in which form it is kept."""

import unicodedata
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.entry.names import folded
from shared.entry.numbers import decimal_number, whole_number
from shared.entry.text import Exact, Line, Lines, broken, free, inexact, is_blank, one_line

UNSEEN = [
    "",
    " ",
    "\t",
    "\n",
    "\u200b",
    "\u00a0",
    "\u2060",
    "\ufeff",
    "\u3000",
    "\u3164",
    "\u2800",
    "\u00ad",
    "\u200b \u200d\ufe0f",
]
BROKEN = ["\x00", "a\x00", "\x1b[2J", "\x7f", "\x85", "\x9f", "\ud800", "a\udfffb"]


@pytest.mark.parametrize("kind", [Line(20), Lines(20), Exact(20)])
@pytest.mark.parametrize("text", [*UNSEEN, *BROKEN])
def test_no_kind_takes_what_is_no_text_or_cannot_be_seen(kind: Line | Lines | Exact, text: str) -> None:
    with pytest.raises(ValueError, match=r"must|characters"):
        kind.read(text)


@pytest.mark.parametrize("text", UNSEEN)
def test_blank_is_what_nobody_sees(text: str) -> None:
    assert is_blank(text)
    assert free(text) == ""
    assert Lines(20, shortest=0).read(text) == ""


def test_free_text_has_one_form() -> None:
    assert Lines(40).read("  O\u0308l\r\nund\rWein\u2028so\tviel \u200b") == "Öl\nund\nWein\nso\tviel"
    assert Line(40).read(" Noe\u0308l ") == "Noël"
    assert one_line("a\tb\r\nc\x00 d\ud800") == "a b c d\ufffd"
    for text in ("two\nlines", "a\tb", "a\u2029b"):
        with pytest.raises(ValueError, match="one line"):
            Line(40).read(text)


@pytest.mark.parametrize("text", ["a ", " a", "a\u00a0b", "a\u200bb", "a\tb", "e\u0301", "a\u3000", "\ufeffa"])
def test_exact_text_is_refused_and_never_changed(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Exact(20).read(text)


@pytest.mark.parametrize("text", ["dr.marsh", "auth0|5f7c", "Dr Marsh", "名前", "é", "a-b_c:d/e@f"])
def test_exact_text_that_is_taken_is_kept(text: str) -> None:
    assert Exact(20).read(text) == text


def test_length_is_counted_of_what_is_kept() -> None:
    assert Line(3).read("  abc  ") == "abc"
    assert Lines(1).read("e\u0301") == "é"
    with pytest.raises(ValueError, match="2 to 3 characters"):
        Line(3, shortest=2).read("abcd")
    with pytest.raises(ValueError, match="1 to 3 characters"):
        Exact(3).read("abcd")


@given(st.text())
def test_the_one_form_is_stable(text: str) -> None:
    if broken(text):
        return
    said = free(text)
    assert free(said) == said
    assert unicodedata.is_normalized("NFC", said)
    assert said == said.strip()


@given(st.text(max_size=30))
def test_exact_text_survives_every_round(text: str) -> None:
    if inexact(text) is None:
        assert text.encode().decode() == text == free(text) or is_blank(text)


def test_a_model_says_where_and_its_schema_says_which_kind() -> None:
    reason = TypeAdapter(Annotated[str, Lines(100)])
    with pytest.raises(ValidationError) as refused:
        reason.validate_python("\u200b")
    assert refused.value.errors()[0]["msg"] == "Value error, must not be blank"
    assert reason.json_schema() == {"type": "string", "minLength": 1, "maxLength": 100, "x-text": "lines"}


@pytest.mark.parametrize(
    "text", ["", "01", "0000200", "+1", "-1", "1_0", "1e2", "1.0", " 1", "1 ", "\u0663", "²", "201", "9" * 5_000]
)
def test_whole_numbers_are_bounded_by_value(text: str) -> None:
    with pytest.raises(ValueError, match="a whole number from 1 to 200"):
        whole_number(text, 1, 200)
    assert whole_number("200", 1, 200) == 200


@pytest.mark.parametrize("text", ["", "1e10", "1_0", "nan", "inf", "0x1", "1.", ".5", "1,5", "1001", "-1001", "9" * 5_000])
def test_decimal_numbers_have_no_other_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="a number from -1000 to 1000"):
        decimal_number(text, -1000, 1000)
    assert decimal_number("-12.50", -1000, 1000) == -12.5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("İpek Işık", "ipek ışık"),
        ("O’Hara", "O'Hara"),
        ("O´Hara", "ohara"),
        ("Ｎｏｏｒ　Ｈａｄｄａｄ", "noor haddad"),
        ("Renée", "renee"),
        ("Łódź", "lodz"),
        ("Ørsted", "orsted"),
        ("Æsir", "aesir"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σισυφος"),
        ("כֹּהֵן", "כהן"),
    ],
)
def test_names_are_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("が", "か"), ("कुल", "कल"), ("Marsh", "Marshe"), ("Anna Lena", "Annalena")])
def test_other_letters_are_other_names(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(st.text(max_size=30))
def test_folding_is_stable(name: str) -> None:
    assert folded(folded(name)) == folded(name)
