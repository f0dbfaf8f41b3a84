"""Security labels (HL7 v3-ActCode, v3-Confidentiality) and what lies under them.

A provision that names a label speaks of everything below it: who denies SUD denies OPIOIDUD. The tree is from memory of the
code system's hierarchy, reduced to what a psychotherapy record carries; see the pack's rules for who has looked at it.
"""

from typing import Final

REDACT: Final = "REDACT"
"""the obligation (v3-ActCode): what carries the labels beside it is taken out of what is shown"""

_BELOW: Final[dict[str, tuple[str, ...]]] = {
    "BH": ("MH", "SUD", "COGN", "DVD", "EMOTDIS"),
    "MH": ("PSY",),
    "PSY": ("PSYTHPN",),
    "ETH": ("SUD",),
    "SUD": ("ETHUD", "OPIOIDUD"),
    "42CFRPart2": ("SUD",),
}
"""label → labels directly under it"""

CONFIDENTIALITY: Final = ("U", "L", "M", "N", "R", "V")
"""from unrestricted to very restricted"""


def within(label: str) -> frozenset[str]:
    """The label and everything under it."""
    found = {label}
    for below in _BELOW.get(label, ()):
        found |= within(below)
    return frozenset(found)


def reach(labels: frozenset[str], *, permits: bool) -> frozenset[str]:
    """Labels of records that a provision with these labels speaks of; nothing for none (which means any).

    Confidentiality is an order: a permission for one level holds for those below it, a denial for those above.
    """
    found: set[str] = set()
    for label in labels:
        if label in CONFIDENTIALITY:
            place = CONFIDENTIALITY.index(label)
            found.update(CONFIDENTIALITY[: place + 1] if permits else CONFIDENTIALITY[place:])
        else:
            found |= within(label)
    return frozenset(found)


SUBSTANCE_USE: Final = within("42CFRPart2") | {"ETH"}
"""labels of records of substance use disorder treatment"""
COUNSELLING_NOTE: Final = "42CFRPart2CN"
"""registry label of a SUD counselling note; a local code, because none was found in v3-ActCode"""
