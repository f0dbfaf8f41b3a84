"""What it means that a note holds a word."""

import pytest

from services.session_notes.notes.domain.notes import NoteContent
from services.session_notes.notes.domain.words import sections_with, words_of


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("strasse", "Straße"),
        ("CAFÉ", "cafe\u0301"),
        ("ﬁnd", "Find"),
        ("ＡＢＣ", "abc"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("two  words", "Two, words!"),
    ],
)
def test_case_accents_and_width_do_not_matter(typed: str, written: str) -> None:
    assert words_of(typed) == words_of(written)


def test_nothing_to_look_for_is_no_word() -> None:
    assert words_of(" .,;—! ") == []


def test_each_word_must_be_there_in_whatever_section() -> None:
    content = NoteContent(sections={"subjective": "Spoke of the river.", "plan": "Weekly, by the mill"})
    assert sections_with(["river", "mill"], content, []) == ["subjective", "plan"]
    assert sections_with(["riv"], content, []) == ["subjective"]
    assert sections_with(["iver"], content, []) == []
    assert sections_with(["river", "bridge"], content, []) == []
    assert sections_with(["bridge"], content, ["and the Bridge"]) == ["addenda"]
