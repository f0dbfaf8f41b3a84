"""CSV that no spreadsheet takes for formulas."""

import csv
import io

import pytest

from shared.values.csv_text import csv_bytes, neutral, unmarked

FORMULAS = [
    before + start + "1" for start in "=+-@\uff1d\uff0b\uff0d\uff20" for before in ("", " ", "  ", "\t", "\u00a0", "\ufeff")
]


@pytest.mark.parametrize("cell", [*FORMULAS, "\tx", "\rx", "\r\n=1", "\n=1"])
def test_what_a_spreadsheet_could_run_is_text(cell: str) -> None:
    marked = neutral(cell)
    assert marked.startswith("'")
    assert neutral(marked) == marked, "a second pass changes nothing"


@pytest.mark.parametrize("cell", ["", "a", "a=1", "1-2", "'=1", "Zoë", "“=1”", "’=1"])
def test_other_text_stays_as_it_is(cell: str) -> None:
    assert neutral(cell) == cell


@pytest.mark.parametrize("cell", ["-3", "=1+1", "\uff1dx", "plain", "'quoted'", "it's"])
def test_the_mark_is_taken_off_again(cell: str) -> None:
    assert unmarked(neutral(cell)) == cell


@pytest.mark.parametrize("quoted", [False, True])
def test_a_line_is_a_row_and_a_number_a_number(quoted: bool) -> None:
    rows = [("a;b", 'say "x"', None), ("two\nlines", -3, "\uff20x"), (-0.5, True, "a,b")]
    text = csv_bytes(rows, quoted=quoted).decode()
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a;b", 'say "x"', ""],
        ["two lines", "-3", "'\uff20x"],
        ["-0.5", "True", "a,b"],
    ]
    assert text.count("\r\n") == len(rows)
    assert not quoted or text.startswith('"a;b","say ""x""",""\r\n')
