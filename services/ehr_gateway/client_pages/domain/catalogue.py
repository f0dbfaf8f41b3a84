"""The words of the client's pages, a file a language: `words/<language>.json`. Another language is another file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "words"
DEFAULT: Final = "en"


def load() -> dict[str, dict[str, str]]:
    """Language (ISO 639-1) → key → text with `{names}` to fill in."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}


def chosen(catalogues: Mapping[str, object], *wishes: str | None) -> str:
    """The first wish that there is a catalogue for. A wish may be a tag (`de-AT`) or an Accept-Language header."""
    for wish in wishes:
        for tag in (wish or "").split(","):
            language = tag.split(";")[0].strip().split("-")[0].lower()
            if language in catalogues:
                return language
    return DEFAULT
