"""What stands in the cells of a table of scores: days and numbers, as spreadsheets write them."""

import re
from datetime import date, timedelta
from typing import Final

from shared.entry.numbers import decimal_number
from shared.values.time import A_DAY, OUT_OF_RANGE, in_range, parse_day

LARGEST_SCORE: Final = 1_000_000_000
MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "."})

_ISO: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?", re.ASCII)
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_SERIAL: Final = re.compile(r"(\d{2,6})(?:[.,]\d+)?", re.ASCII)
_SLASHED: Final = re.compile(r"\d{1,4}[/-]\d{1,2}[/-]\d{1,4}", re.ASCII)
_DAY_0: Final = date(1899, 12, 30)
"""of Excel's 1900 calendar, for serial numbers from 61 (1 March 1900): those before count a day that did not exist"""
_FIRST_SERIAL: Final = 61


def day_of(text: str) -> date:
    """`2026-11-03`, also with a time of day; `3.11.2026`; Excel's serial number, 46329. ValueError, in words."""
    said = text.strip()
    if match := _ISO.fullmatch(said):
        return parse_day(match[1])
    if match := _DOTTED.fullmatch(said):
        day, month, year = (int(g) for g in match.groups())
        return parse_day(f"{year:04d}-{month:02d}-{day:02d}")
    if match := _SERIAL.fullmatch(said):
        serial = int(match[1])
        if serial < _FIRST_SERIAL or not in_range(found := _DAY_0 + timedelta(days=serial)):
            raise ValueError(OUT_OF_RANGE)
        return found
    if _SLASHED.fullmatch(said):
        raise ValueError(f"{A_DAY}: with slashes nobody can tell the day from the month")
    raise ValueError(f"{A_DAY}, DD.MM.YYYY or a day number of Excel")


class Decimals:
    """Reads scores. A file has one decimal mark, point or comma: the first that is met; 1.234 beside 5,6 would be ambiguous."""

    def __init__(self) -> None:
        self._mark, self._since = "", 0

    def score(self, text: str, line: int) -> float | None:
        """None where it is missing. ValueError, in words."""
        said = text.strip()
        if said.lower() in MISSING:
            return None
        if "." in said and "," in said:
            raise ValueError("must be a number without marks between thousands")
        try:
            score = decimal_number(said.replace(",", "."), -LARGEST_SCORE, LARGEST_SCORE)
        except ValueError as error:
            raise ValueError(f"must be {error}") from None
        mark = "," if "," in said else "." if "." in said else ""
        if mark and not self._mark:
            self._mark, self._since = mark, line
        if mark and mark != self._mark:
            raise ValueError(f"decimals are written with {self._mark!r} since line {self._since}, and with {mark!r} here")
        return score
