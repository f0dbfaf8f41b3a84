"""Statements that a disclosure carries, by the name that stands in the gate's `notice` obligation."""

from typing import Final

PART2_NOTICE: Final = "42-cfr-2.32"

NOTICES: Final[dict[str, str]] = {
    PART2_NOTICE: "42 CFR part 2 prohibits unauthorized use or disclosure of these records.",
}
"""the short form that 42 CFR 2.32(a) offers for electronic disclosures; from memory of the rule, not yet read by a lawyer"""
