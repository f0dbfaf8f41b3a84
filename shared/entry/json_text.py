"""JSON as it comes in (RFC 8259, I-JSON of RFC 7493): each name once, valid text everywhere, numbers that can be given back.

What this reads can be written again. Faults carry the path of the value, never the value.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from shared.entry.text import broken

MAX_DEPTH: Final = 60
"""levels of nesting"""
LARGEST_INTEGER: Final = 2**53 - 1
"""RFC 7493, 2.2: beyond it, receivers disagree about the number"""
LONGEST_DECIMAL: Final = 40
"""characters of a decimal whose precision is kept; FHIR R4 asks for 18 digits"""
LARGEST_EXPONENT: Final = 99
MAX_FAULTS: Final = 100
Path = tuple[str | int, ...]


class NotJson(ValueError):
    """The text is no JSON document; the message says why."""


@dataclass(frozen=True, slots=True)
class JsonFault:
    path: Path
    detail: str


class BadJson(ValueError):
    """JSON that is not taken, with every fault."""

    def __init__(self, faults: list[JsonFault]) -> None:
        super().__init__("the document holds what is not taken")
        self.faults = faults


class _Members(list[tuple[str, Any]]):
    """An object's members as they stand, so that a repeated name can be seen."""


@dataclass(frozen=True, slots=True)
class _Refused:
    detail: str


def read_json_text(raw: bytes | str, *, exact_decimals: bool = False) -> Any:
    """The document. NotJson, BadJson. `exact_decimals`: decimals as `Decimal`, as they were written: FHIR counts their digits."""
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"the body is not UTF-8 (byte {error.start})") from None
    try:
        found = json.loads(
            text,
            parse_int=_exact_integer if exact_decimals else _integer,
            parse_float=_exact_decimal if exact_decimals else _float,
            parse_constant=_no_constant,
            object_pairs_hook=_Members,
        )
    except RecursionError:
        raise NotJson(f"the JSON is nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"the body is not JSON (line {error.lineno}, column {error.colno})") from None
    faults: list[JsonFault] = []
    document = _plain(found, (), faults)
    if faults:
        raise BadJson(faults)
    return document


def pointer(path: Path) -> str:
    """JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _plain(value: Any, path: Path, faults: list[JsonFault]) -> Any:
    if isinstance(value, _Members | list) and len(path) >= MAX_DEPTH:
        raise NotJson(f"the JSON is nested deeper than {MAX_DEPTH} levels")
    match value:
        case _Members():
            return _members(value, path, faults)
        case list():
            return [_plain(item, (*path, i), faults) for i, item in enumerate(value)]
        case str():
            if why := broken(value):
                _add(faults, path, f"must not hold {why}")
        case _Refused():
            _add(faults, path, value.detail)
    return value


def _members(members: _Members, path: Path, faults: list[JsonFault]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if why := broken(name):
            _add(faults, path, f"the name of a member must not hold {why}")
            continue
        if name in found:
            _add(faults, (*path, name), "stands here twice: send each name once")
            continue
        found[name] = _plain(value, (*path, name), faults)
    return found


def _add(faults: list[JsonFault], path: Path, detail: str) -> None:
    if len(faults) < MAX_FAULTS:
        faults.append(JsonFault(path, detail))


def _no_constant(_: str) -> Any:
    raise NotJson("NaN and Infinity are not JSON")


def _integer(text: str) -> int | _Refused:
    if len(text) > 20 or abs(int(text)) > LARGEST_INTEGER:
        return _Refused(f"a whole number from {-LARGEST_INTEGER} to {LARGEST_INTEGER}")
    return int(text)


def _float(text: str) -> float | _Refused:
    number = float(text)
    lost = number == 0 and any(digit in "123456789" for digit in text.lower().partition("e")[0])
    held = abs(number) != float("inf") and not lost
    return number if held else _Refused("a number that a double holds (0, or from 4.9e-324 to 1.8e308)")


def _exact_integer(text: str) -> int | Decimal | _Refused:
    return int(text) if len(text) <= 18 else _exact_decimal(text)


def _exact_decimal(text: str) -> Decimal | _Refused:
    exponent = text.lower().partition("e")[2].lstrip("+-").lstrip("0")
    if len(text) > LONGEST_DECIMAL or len(exponent) > 2 or int(exponent or 0) > LARGEST_EXPONENT:
        return _Refused(f"a decimal of at most {LONGEST_DECIMAL} characters, with an exponent of at most {LARGEST_EXPONENT}")
    return Decimal(text)
