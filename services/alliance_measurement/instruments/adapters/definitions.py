"""Reads instrument definitions from directories of JSON files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from services.alliance_measurement.instruments.domain.catalogue import Catalogue, Entry, judge

BUILT_IN: Final = Path(__file__).parent.parent / "definitions"


def load(directories: Sequence[Path] = ()) -> Catalogue:
    """The built-in definitions, then those of `directories`: one of the same id takes the built-in one's place."""
    files = [f for d in (BUILT_IN, *directories) for f in sorted(d.glob("*.json"))]
    return Catalogue(_read(f) for f in files)


def _read(file: Path) -> Entry:
    try:
        raw = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        return Entry(file.stem, None, "the file is not JSON")
    if not isinstance(raw, dict):
        return Entry(file.stem, None, "the file is not a JSON object")
    return judge(file.stem, raw)
