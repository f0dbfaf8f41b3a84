"""Names of people as they are compared: `İpek Işık` is `ipek isik`, `O’Hara` is `O'Hara`.

Unicode Standard Annex #15 (NFKC) and the full case folding of the Unicode Standard, 3.13; then apostrophes and diacritics go.
"""

import unicodedata
from typing import Final

_APOSTROPHES: Final = "'’‘‛ʼʻʹʾʿˈ`´′＇ꞌ՚׳"
_DASHES: Final = "‐‑‒–—−﹣－"
_LETTERS: Final = {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
"""letters whose stroke is no combining mark, so that NFKD leaves it"""
_SAME: Final = str.maketrans({**dict.fromkeys(_APOSTROPHES), **dict.fromkeys(_DASHES, "-"), **_LETTERS})
_FIRST_MARK: Final = 10
"""canonical combining classes from here are diacritics and vowel points; below are nuktas, kana voicing and viramas, which make
another letter"""


def folded(name: str) -> str:
    """One spelling for comparing: case, accents, apostrophes, width and invisible characters do not count; blanks count once."""
    # apostrophes first: NFKC makes a blank and an accent of some
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name.translate(_SAME)).casefold()).translate(_SAME)
    seen = "".join(c for c in plain if unicodedata.combining(c) < _FIRST_MARK and unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).split())
