"""Codes of LOINC for instruments and their items, and the local ones where LOINC has none. Pure.

LOINC 2.78: the PHQ-9's panel and items, the GAD-7's panel, the PCL-5's panel (101697-1; 70221-7 is the older PCL-C). None was
found for WAI, SRS, ORS and CORE.
"""

from collections.abc import Mapping
from typing import Final

LOINC: Final = "http://loinc.org"
INSTRUMENTS: Final = "urn:alliance-record:instrument"
"""code system of instruments: their ids"""
PANELS: Final[Mapping[str, str]] = {"phq-9": "44249-1", "gad-7": "69737-5", "pcl-5": "101697-1"}
"""instrument → LOINC code of the whole questionnaire"""
ITEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "phq-9": (
        *("44250-9", "44255-8", "44259-0", "44254-1", "44251-7"),
        *("44258-2", "44252-5", "44253-3", "44260-8"),
    ),
}
"""instrument → LOINC codes of its items, in their order"""


def answer_system(instrument_id: str) -> str:
    """Code system of the answers of an instrument: the code is the answer's value."""
    return f"{INSTRUMENTS}:{instrument_id}:answer"
