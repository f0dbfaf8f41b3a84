"""What it means that a note holds a word: no matter which case, accents, apostrophes or width it was typed in."""

import re
from collections.abc import Mapping, Sequence

from services.session_notes.notes.domain.notes import NoteContent
from shared.entry.names import folded

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Words as names are compared: `Straße` and `STRASSE` are one, and so are `O’Hara` and `ohara`."""
    return _WORD.findall(folded(text))


def sections_with(wanted: Sequence[str], content: NoteContent, addenda: Sequence[str]) -> list[str]:
    """Names of the sections, and `addenda`, where a wanted word begins a word; empty unless the note holds each of them."""
    parts: Mapping[str, str] = {**content.sections, "addenda": "\n".join(addenda)}
    spoken = {name: set(words_of(text)) for name, text in parts.items()}
    missing, where = set(wanted), []
    for name, words in spoken.items():
        here = {w for w in wanted if any(word.startswith(w) for word in words)}
        missing -= here
        if here:
            where.append(name)
    return [] if missing else where
