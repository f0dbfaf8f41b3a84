"""The three kinds of text that come in: one line, lines, and exact text (RFC 8264 calls them free-form and identifier text).

Free text is normalised: Unicode NFC, ends trimmed, line ends as newline. Exact text (identifiers, codes, `sub`, keys,
passphrases) is never changed: text in another form is refused, because a changed identifier would name somebody else.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

KIND: Final = "x-text"
"""key in a JSON schema that says which kind a string is: `line`, `lines` or `exact`"""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""C0, DEL and C1 controls; tab, newline and carriage return are text"""
_LINE_END: Final = re.compile("\r\n?|\u2028|\u2029")
_SEVERAL_LINES: Final = re.compile("[\t\n\r\u2028\u2029]")
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""characters that no font draws and whose category does not say so (Unicode: Default_Ignorable_Code_Point, blank symbols)"""
_TRIMMED: Final = "\u200b\u2060\ufeff"
"""invisible characters that are trimmed like blanks: zero width space, word joiner, byte order mark"""


def broken(text: str) -> str | None:
    """What makes it no text at all, in words; None where nothing does. Every string of every body is checked by it."""
    if _SURROGATE.search(text):
        return "half of a character (a lone surrogate), which is not valid Unicode"
    if _CONTROL.search(text):
        return "a control character"
    return None


def broken_line(text: str) -> str | None:
    """Like `broken`, of text that has one line: tabs and line ends are control characters there."""
    return broken(text) or ("a control character" if _SEVERAL_LINES.search(text) else None)


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: blanks, format characters and characters without a shape alone."""
    return all(_is_unseen(c) for c in text)


def _is_unseen(char: str) -> bool:
    return char.isspace() or char in _UNSEEN or "\ufe00" <= char <= "\ufe0f" or unicodedata.category(char) in ("Cf", "Cc")


def free(text: str) -> str:
    """Free text in its one form: NFC, line ends as newline, without blanks around it; empty where nothing of it can be seen."""
    said = _LINE_END.sub("\n", unicodedata.normalize("NFC", text))
    while said != (trimmed := said.strip().strip(_TRIMMED)):
        said = trimmed
    return "" if is_blank(said) else said


def one_line(text: str) -> str:
    """Text from elsewhere as one line: like `free`, with each run of blanks as one. For what is shown, not compared."""
    seen = _CONTROL.sub(" ", _SURROGATE.sub("\ufffd", text))
    return free(" ".join(seen.split()))


def inexact(text: str) -> str | None:
    """Why it cannot be an identifier, in words; None where it can."""
    if why := broken(text):
        return f"must not hold {why}"
    if text != text.strip():
        return "must not begin or end with a blank"
    if not unicodedata.is_normalized("NFC", text):
        return "must be in Unicode's composed form (NFC)"
    if any(_is_unseen(c) and c != " " for c in text):
        return "must not hold an invisible character, or a blank other than the plain space"
    return None


@dataclass(frozen=True, slots=True)
class _Text:
    """Metadata of an `Annotated[str, …]`. `longest` and `shortest` count characters of the text as it is kept."""

    longest: int
    shortest: int = 1
    kind: ClassVar[str] = ""

    def read(self, text: str) -> str:
        raise NotImplementedError

    def _measured(self, text: str) -> str:
        if not text and self.shortest:
            raise ValueError("must not be blank")
        if not self.shortest <= len(text) <= self.longest:
            raise ValueError(f"{self.shortest} to {self.longest:,} characters")
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "minLength": self.shortest, "maxLength": self.longest, KIND: self.kind}


@dataclass(frozen=True, slots=True)
class Lines(_Text):
    """Free text with lines: notes, reasons, statements. Newline and tab are part of it."""

    kind: ClassVar[str] = "lines"

    def read(self, text: str) -> str:
        if why := broken(text):
            raise ValueError(f"must not hold {why}")
        return self._measured(free(text))


@dataclass(frozen=True, slots=True)
class Line(_Text):
    """Free text on one line: names, titles, addresses."""

    kind: ClassVar[str] = "line"

    def read(self, text: str) -> str:
        if why := broken(text):
            raise ValueError(f"must not hold {why}")
        said = self._measured(free(text))
        if _SEVERAL_LINES.search(said):
            raise ValueError("must be one line, without a tab")
        return said


@dataclass(frozen=True, slots=True)
class Exact(_Text):
    """Text that is compared byte for byte: identifiers, codes, `sub`, keys, passphrases. Refused or kept as it is."""

    kind: ClassVar[str] = "exact"

    def read(self, text: str) -> str:
        if why := inexact(self._measured(text)):
            raise ValueError(why)
        return text
