"""Tables as CSV (RFC 4180, UTF-8) whose cells no spreadsheet takes for a formula (CWE-1236).

It is the only place that writes CSV: `tests/architecture/test_csv.py`.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""what a spreadsheet takes for the beginning of a formula; the full-width forms too"""
_MARK: Final = "'"
"""a spreadsheet shows what follows as text"""


def csv_bytes(rows: Iterable[Sequence[object]], *, quoted: bool = False) -> bytes:
    """None is an empty cell. Text passes through `neutral`; numbers and truth values stay as they are.

    `quoted`: every cell stands in quotes, not only those that need it.
    """
    out = io.StringIO()
    table = csv.writer(out, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\r\n")
    table.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def neutral(cell: str) -> str:
    """A cell that a spreadsheet shows as text: an apostrophe goes before what would be a formula. Line ends become spaces.

    Blanks, tabs and line ends before the formula do not hide it. A neutral cell stays as it is.
    """
    text = cell.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").replace("\x00", "")
    return f"{_MARK}{text}" if cell[:1] in ("\t", "\r", "\n") or _is_formula(text) else text


def unmarked(cell: str) -> str:
    """The text of a cell that `neutral` marked: the same text without the apostrophe. Any other cell stays as it is."""
    return cell[1:] if cell.startswith(_MARK) and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    return text.lstrip().lstrip("\ufeff\u200b").startswith(_FORMULA)


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return str(value)
    return "" if value is None else neutral(str(value))
