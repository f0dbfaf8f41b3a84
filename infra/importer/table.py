"""A table of scores by session: `id,s,<measure>[,<measure>…]`, one row a client and session; blank or NA is missing."""

import csv
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from shared.entry.numbers import decimal_number, whole_number

LARGEST_SCORE: Final = 1_000_000_000
MISSING = frozenset({"", "na", "n/a", "nan", "null", "."})


class BadTable(Exception):
    """The file is not of this shape; the message lists every fault with its line."""


@dataclass(frozen=True, slots=True)
class Row:
    client: str
    session: int
    """1-based"""
    scores: tuple[tuple[str, float], ...]
    """(measure, score), blanks left out"""


@dataclass(frozen=True, slots=True)
class Table:
    digest: str
    """first 16 hex digits of the file's SHA-256: part of every Idempotency-Key"""
    measures: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def clients(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(r.client for r in self.rows))

    @property
    def scores(self) -> int:
        return sum(len(r.scores) for r in self.rows)


def read(file: Path) -> Table:
    """The whole file, checked before anything is sent. BadTable, OSError."""
    raw = file.read_bytes()
    try:
        lines = list(csv.reader(raw.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadTable(f"not a CSV file in UTF-8 ({type(error).__name__})") from None
    if not lines or [h.strip().lower() for h in lines[0][:2]] != ["id", "s"] or len(lines[0]) < 3:
        raise BadTable("the first line must be: id,s,<measure>[,<measure>…]")
    measures = tuple(h.strip().lower() for h in lines[0][2:])
    faults = [f"line 1: measure name {m!r}" for m in measures if not m.replace("_", "").replace("-", "").isalnum()]
    rows: list[Row] = []
    seen: set[tuple[str, int]] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        try:
            row = _row(line, measures)
        except ValueError as error:
            faults.append(f"line {number}: {error}")
            continue
        if (row.client, row.session) in seen:
            faults.append(f"line {number}: client and session stand here twice")
        seen.add((row.client, row.session))
        rows.append(row)
    if faults:
        more = f"\n… and {len(faults) - 20} more" if len(faults) > 20 else ""
        raise BadTable("\n".join(faults[:20]) + more)
    return Table(sha256(raw).hexdigest()[:16], measures, tuple(rows))


def _row(line: list[str], measures: tuple[str, ...]) -> Row:
    if len(line) != len(measures) + 2:
        raise ValueError(f"{len(line)} values where {len(measures) + 2} are wanted")
    client, session = line[0].strip(), line[1].strip()
    if not client:
        raise ValueError("no client id")
    try:
        number = whole_number(session, 1, 10_000)
    except ValueError as error:
        raise ValueError(f"the session number is not {error}") from None
    scores = []
    for measure, text in zip(measures, line[2:], strict=True):
        if text.strip().lower() in MISSING:
            continue
        try:
            score = decimal_number(text.strip(), -LARGEST_SCORE, LARGEST_SCORE)
        except ValueError as error:
            raise ValueError(f"the score of {measure} is not {error}") from None
        scores.append((measure, score))
    return Row(client, number, tuple(scores))
