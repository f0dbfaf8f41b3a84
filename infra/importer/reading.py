"""A CSV file as rows of cells, whatever program wrote it: UTF-8 or UTF-16, with or without BOM; `,`, `;` or tab.

One row is in memory at a time.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from shared.entry.text import broken

SEPARATORS: Final = (",", ";", "\t")
LONGEST_LINE: Final = 100_000
"""characters"""


class BadTable(Exception):
    """The file cannot be read as a table at all; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    """1-based, of the line on which the row begins"""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    header: Line
    rows: Iterator[Line]
    """without those that are empty; raises BadTable"""


@contextmanager
def read_lines(file: Path, required: tuple[str, ...]) -> Iterator[Lines]:
    """The file, open within `with`. BadTable, OSError."""
    encoding = _encoding(file)
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    with file.open(encoding=encoding, errors=errors, newline="") as text:
        yield _table(text, required)


def _table(text: TextIO, required: tuple[str, ...]) -> Lines:
    """The header is the first line, or the second after Excel's `sep=;`. `required`: columns that it must name. BadTable."""
    lines = _lines(text)
    number, first = 1, next(lines, "")
    if first.lower().startswith("sep="):
        number, first = 2, next(lines, "")
    for separator in SEPARATORS:
        names = _header(first, separator)
        if set(required) <= set(names):
            return Lines(Line(number, names), _rows(lines, separator, number))
    columns = ",".join(required)
    raise BadTable(
        f"line {number}: the first line must name the columns: {columns},<measure>[,<measure>…], parted by `,`, `;` or tab"
    )


def _header(line: str, separator: str) -> tuple[str, ...]:
    try:
        cells = next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return ()
    return tuple(cell.strip().lower() for cell in cells)


def _rows(lines: Iterator[str], separator: str, before: int) -> Iterator[Line]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        number = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            why = 'a quotation mark is not closed, or text follows a closed one; write " within quotes as ""'
            raise BadTable(f"line {number}: {why}") from None
        if any(cell.strip() for cell in cells):
            yield Line(number, tuple(cells))


def _lines(text: TextIO) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        try:
            line = text.readline(LONGEST_LINE)
        except UnicodeDecodeError:
            raise BadTable(f"line {number} or one of the next: not valid UTF-16; save it as CSV UTF-8") from None
        if not line:
            return
        if len(line) >= LONGEST_LINE and not line.endswith(("\r", "\n")):
            raise BadTable(f"line {number}: longer than {LONGEST_LINE:,} characters; is it a CSV file?")
        yield line


def _encoding(file: Path) -> str:
    """By the byte order mark; without one, by where the zero bytes of its first letter stand."""
    with file.open("rb") as opened:
        head = opened.read(4)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if len(head) == 4 and head[1] == head[3] == 0 != head[0]:
        return "utf-16-le"
    if len(head) == 4 and head[0] == head[2] == 0 != head[1]:
        return "utf-16-be"
    return "utf-8-sig"


def unreadable(cell: str) -> str | None:
    """What makes the cell no text, in words; None where nothing does."""
    if any("\udc80" <= c <= "\udcff" for c in cell):
        return "not valid UTF-8: save the file as CSV UTF-8"
    if "\x00" in cell:
        return "must not hold a NUL character"
    why = broken(cell)
    return f"must not hold {why}" if why else None


def a_file(name: str) -> Path:
    """BadTable for an address of the web, and for a name that no file can have."""
    if "://" in name:
        raise BadTable("this is an address; a file on this machine is wanted: download it first")
    if "\x00" in name:
        raise BadTable("a file name cannot hold a NUL character")
    return Path(name)
