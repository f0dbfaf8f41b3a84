"""Numbers that come in as text (query parameters, path parts, tables): read once, then bounded by their value."""

import re
from typing import Final

_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,29}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?", re.ASCII)


def whole_number(text: str, least: int, most: int) -> int:
    """ASCII digits alone, in their shortest form. ValueError, in words, where it is no whole number from `least` to `most`."""
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(f"a whole number from {least} to {most}")
    return int(text)


def decimal_number(text: str, least: float, most: float) -> float:
    """Digits with at most one point, no exponent, no `_`. ValueError, in words, where it is no number from `least` to `most`."""
    if not _DECIMAL.fullmatch(text) or not least <= float(text) <= most:
        raise ValueError(f"a number from {least:g} to {most:g}, such as 12 or 3.5")
    return float(text)
