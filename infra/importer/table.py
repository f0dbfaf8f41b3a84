"""A table of scores by session: columns `id`, `s`, perhaps `date`, and one for each measure; blank or NA is missing.

The whole file is read and checked before anything is sent. Its rows wait in a temporary database on disk, which has no name and
ends with the process: memory stays flat, whatever the length of the file.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from infra.importer.reading import BadTable, Line, read_lines, unreadable
from infra.importer.values import Decimals, day_of
from shared.entry.numbers import whole_number
from shared.entry.text import inexact
from shared.values.csv_text import unmarked
from shared.values.time import LAST_YEAR, NOT_YET

ID: Final = "id"
SESSION: Final = "s"
DATE: Final = "date"
NOTES: Final = frozenset({"line", "fault"})
"""columns that a file of rejected rows has besides: a corrected one is imported as it is"""
LONGEST_ID: Final = 190
HOUR: Final = time(9, tzinfo=UTC)
LENGTH: Final = timedelta(minutes=50)
_MEASURE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)

_SCHEMA: Final = """
CREATE TABLE row (
  line INTEGER PRIMARY KEY, client TEXT, session INTEGER, day TEXT, scores TEXT, cells TEXT NOT NULL, fault TEXT,
  UNIQUE (client, session), UNIQUE (client, day)
)
"""


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    client: str
    session: int
    """1-based"""
    day: date
    scores: dict[str, float]
    """by measure, blanks left out"""

    @property
    def began(self) -> datetime:
        return datetime.combine(self.day, HOUR)


@dataclass(frozen=True, slots=True)
class _Columns:
    names: tuple[str, ...]
    measures: tuple[str, ...]

    def said(self, index: int) -> str:
        return f"column {index + 1} ({self.names[index]})"


class Table:
    """The rows of one file. `read` makes it; `close` lets go of its temporary database."""

    def __init__(self, columns: _Columns, start: date, now: datetime) -> None:
        self._columns, self._start, self._now = columns, start, now
        self._decimals = Decimals()
        self._db = sqlite3.connect("")
        self._db.execute(_SCHEMA)

    @property
    def names(self) -> tuple[str, ...]:
        """of its columns, without those of a file of rejected rows"""
        return tuple(n for n in self._columns.names if n not in NOTES)

    @property
    def measures(self) -> tuple[str, ...]:
        return self._columns.measures

    def close(self) -> None:
        self._db.close()

    def clients(self) -> Iterator[str]:
        """In the order of the file, without those that have no sound row."""
        for (client,) in self._db.execute("SELECT client FROM row WHERE fault IS NULL GROUP BY client ORDER BY min(line)"):
            yield client

    def rows_of(self, client: str) -> list[Row]:
        """Sound ones, in the order of sessions."""
        found = self._db.execute(
            "SELECT line, session, day, scores FROM row WHERE client = ? AND fault IS NULL ORDER BY session", (client,)
        )
        return [Row(line, client, s, date.fromisoformat(day), json.loads(scores)) for line, s, day, scores in found]

    def count(self) -> tuple[int, int]:
        """Sound rows, and clients who have one."""
        found = self._db.execute("SELECT count(*), count(DISTINCT client) FROM row WHERE fault IS NULL").fetchone()
        return int(found[0]), int(found[1])

    def reject(self, line: int, fault: str) -> None:
        """Adds a fault to the row of that line."""
        self._db.execute("UPDATE row SET fault = coalesce(fault || '; ', '') || ? WHERE line = ?", (fault, line))

    def outside(self, measure: str, least: float, most: float) -> None:
        """Rejects the rows whose score of this measure lies outside its range."""
        index = self._columns.names.index(measure)
        found = self._db.execute(
            "SELECT line FROM row WHERE fault IS NULL AND json_extract(scores, ?) NOT BETWEEN ? AND ?",
            (f'$."{measure}"', least, most),
        ).fetchall()
        for (line,) in found:
            self.reject(line, f"{self._columns.said(index)}: this measure runs from {least:g} to {most:g}")

    def rejected(self) -> Iterator[tuple[int, tuple[str, ...], str]]:
        """Line, cells as they stand in the file, fault."""
        for line, cells, fault in self._db.execute("SELECT line, cells, fault FROM row WHERE fault IS NOT NULL ORDER BY line"):
            yield line, tuple(json.loads(cells)), fault

    def add(self, line: Line) -> int:
        """Checks the row and keeps it, with everything that is wrong with it; 1, for one row."""
        row, faults = self._checked(line)
        kept = [c for n, c in zip(self._columns.names, line.cells, strict=False) if n not in NOTES]
        kept += line.cells[len(self._columns.names) :]
        cells = json.dumps(kept)
        if row is not None and not faults:
            values = (row.line, row.client, row.session, row.day.isoformat(), json.dumps(row.scores), cells)
            try:
                self._db.execute("INSERT INTO row VALUES (?,?,?,?,?,?,NULL)", values)
                return 1
            except sqlite3.IntegrityError:
                faults = [self._twice(row)]
        self._db.execute("INSERT INTO row (line, cells, fault) VALUES (?,?,?)", (line.number, cells, "; ".join(faults)))
        return 1

    def _twice(self, row: Row) -> str:
        """Which of two rows is right cannot be known, so the other is rejected as well."""
        day = row.day.isoformat()
        others = self._db.execute(
            "SELECT line, session FROM row WHERE client = ? AND (session = ? OR day = ?)", (row.client, row.session, day)
        ).fetchall()
        said = []
        for other, session in others:
            what = "this client and session" if session == row.session else "another session of this client on the same day"
            said.append(f"{what} on line {other}")
            self.reject(other, f"{what} on line {row.line}")
        return "; ".join(said)

    def _checked(self, line: Line) -> tuple[Row | None, list[str]]:
        names = self._columns.names
        cells = tuple(map(unmarked, line.cells)) if set(names) >= NOTES else line.cells
        if len(cells) != len(names):
            return None, [f"{len(cells)} values where {len(names)} are wanted"]
        faults: list[str] = []
        client, session, day = "", 0, None
        scores: dict[str, float] = {}
        for index, (name, cell) in enumerate(zip(names, cells, strict=True)):
            try:
                if name in NOTES:
                    continue
                if why := unreadable(cell):
                    raise ValueError(why)
                if name == ID:
                    client = _client(cell)
                elif name == SESSION:
                    session = _session(cell)
                elif name == DATE:
                    day = day_of(cell)
                elif (score := self._decimals.score(cell, line.number)) is not None:
                    scores[name] = score
            except ValueError as error:
                faults.append(f"{self._columns.said(index)}: {error}")
        if faults:
            return None, faults
        if day is None:
            day = self._start + timedelta(weeks=session - 1)
        where = self._columns.said(names.index(DATE if DATE in names else SESSION))
        if day.year > LAST_YEAR or datetime.combine(day, HOUR) + LENGTH > self._now:
            faults.append(f"{where}: the session would be on {day}; {NOT_YET}")
        return Row(line.number, client, session, day, scores), faults


def _client(cell: str) -> str:
    if not cell.strip():
        raise ValueError("must not be blank")
    if len(cell) > LONGEST_ID:
        raise ValueError(f"1 to {LONGEST_ID} characters")
    if why := inexact(cell):
        raise ValueError(why)
    return cell


def _session(cell: str) -> int:
    try:
        return whole_number(cell.strip(), 1, 10_000)
    except ValueError as error:
        raise ValueError(f"must be {error}") from None


def read(file: Path, start: date, now: datetime) -> Table:
    """The whole file, checked. `start` is the day of session 1 where the file has no `date`. BadTable, OSError."""
    with read_lines(file, (ID, SESSION)) as lines:
        table = Table(_columns(lines.header), start, now)
        try:
            if not sum(map(table.add, lines.rows)):
                raise BadTable(f"line {lines.header.number}: no row follows the names of the columns")
        except BaseException:
            table.close()
            raise
    return table


def _columns(header: Line) -> _Columns:
    names = header.cells
    measures = tuple(n for n in names if n not in (ID, SESSION, DATE) and n not in NOTES)
    faults = []
    for index, name in enumerate(names):
        if names.index(name) != index:
            faults.append(f"line {header.number}, column {index + 1}: the same name as column {names.index(name) + 1}")
        elif not _MEASURE.fullmatch(name):
            faults.append(f"line {header.number}, column {index + 1}: a measure is named by 1 to 40 of a-z, 0-9, '.', '_', '-'")
    if not measures:
        faults.append(f"line {header.number}: there is no column with scores; name it by its measure, such as phq-9")
    if faults:
        raise BadTable("\n".join(faults))
    return _Columns(names, measures)
