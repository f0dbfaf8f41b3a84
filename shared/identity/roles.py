"""Roles of a token, and which purposes of use (v3-ActReason) each may claim. The first of a row is the role's default."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    INTAKE = "intake"
    THERAPIST = "therapist"
    SUPERVISOR = "supervisor"
    TRAINEE = "trainee"
    CLIENT = "client"
    REPRESENTATIVE = "representative"
    COMPLIANCE_OFFICER = "compliance_officer"
    EHR_SYSTEM = "ehr_system"
    ADMINISTRATOR = "administrator"


SOLO_ROLES: Final = frozenset({Role.THERAPIST, Role.INTAKE})
"""the only roles that one token may hold together: those of a solo practice's practitioner"""
PRACTITIONERS: Final = frozenset({Role.THERAPIST, Role.SUPERVISOR, Role.TRAINEE})
REVIEWERS: Final = frozenset({Role.SUPERVISOR, Role.COMPLIANCE_OFFICER})
"""may review break-glass access"""

PURPOSES: Final[dict[Role, tuple[str, ...]]] = {
    Role.INTAKE: ("HOPERAT", "TREAT", "COC"),
    Role.THERAPIST: ("TREAT", "ETREAT", "BTG", "THREAT", "COC", "TRAIN", "SUPNWK"),
    Role.SUPERVISOR: ("TREAT", "TRAIN", "ETREAT", "BTG", "THREAT", "COC", "HOPERAT", "SUPNWK"),
    Role.TRAINEE: ("TREAT", "TRAIN"),
    Role.CLIENT: ("PATRQT",),
    Role.REPRESENTATIVE: ("PWATRNY", "FAMRQT", "PATRQT"),
    Role.COMPLIANCE_OFFICER: ("HCOMPL", "HLEGAL"),
    Role.EHR_SYSTEM: ("TREAT", "COC", "HPAYMT", "HOPERAT", "PUBHLTH", "HRESCH", "HLEGAL"),
    Role.ADMINISTRATOR: ("HOPERAT",),
}

CLAIMABLE: Final = frozenset(purpose for claimed in PURPOSES.values() for purpose in claimed)
"""purposes that some role may claim"""


def default_purpose(role: Role) -> str:
    return PURPOSES[role][0]


def may_claim(role: Role, purpose: str) -> bool:
    return purpose in PURPOSES[role]
