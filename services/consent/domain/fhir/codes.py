"""The codes by which a consent is spoken of in FHIR R4, and what each means here: tables, not code.

Sources: HL7 FHIR R4 (4.0.1) Consent and its terminology (terminology.hl7.org), IHE ITI Privacy Consent on FHIR 1.1.
"""

import re
from dataclasses import dataclass
from typing import Final

from shared.contracts.consent_policy import ConsentKind, ConsentStatus

SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
LOINC: Final = "http://loinc.org"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ACTION: Final = "http://terminology.hl7.org/CodeSystem/consentaction"
RESOURCE_TYPES: Final = "http://hl7.org/fhir/resource-types"
LABEL_SYSTEMS: Final = frozenset({ACT_CODE, CONFIDENTIALITY, ""})
"""of security labels whose codes are known here; a coding without a system is read as one of these"""
DATA_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"

KIND: Final = "urn:alliance-record:consent-kind"
"""a consent's kind, in a second coding of its category"""
RELATIONSHIP: Final = "urn:alliance-record:relationship-role"
"""identifier system of everybody who stands in a relationship of that role to the client"""
SUBJECT: Final = "urn:alliance-record:subject"
"""identifier system of a token's `sub` that is no FHIR id"""
RECORD_CLASS: Final = "urn:alliance-record:record-class"
"""record types and key classes of this system, in a provision's class"""
GATE_ACTION: Final = "urn:alliance-record:action"
"""actions of the gate that consentaction has no code for"""
POLICY_URI: Final = "urn:alliance-record:policy:consent"
"""the policy that a consent made here under the PCF dialect agrees to"""

PCF: Final = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"
PCF_BASIC: Final = f"{PCF}Basic"
PCF_INTERMEDIATE: Final = f"{PCF}Intermediate"
PCF_ADVANCED: Final = f"{PCF}Advanced"
PROFILES: Final = (PCF_BASIC, PCF_INTERMEDIATE, PCF_ADVANCED)

RECIPIENTS: Final = frozenset({"IRCP", "PRCP"})
"""v3-ParticipationType of who receives"""
SOURCES: Final = frozenset({"CST", "AUT"})
"""v3-ParticipationType of who keeps or wrote the data"""
BASES: Final[dict[str, str]] = {"OPTIN": "permit", "OPTINR": "permit", "OPTOUT": "deny", "OPTOUTE": "deny", "EMRGONLY": "deny"}
"""`policyRule` (v3-ActCode) → the base decision"""
NOTE_TYPES: Final = {"11506-3": "progress_note"}
"""LOINC document types that name a record type here"""


@dataclass(frozen=True, slots=True)
class KindCodes:
    scope: str
    category: tuple[str, str]
    """system and code of the standard coding; the kind's own coding stands beside it"""


_RELEASE: Final = (LOINC, "64292-6")
_CONSENT: Final = (LOINC, "59284-0")
KINDS: Final[dict[ConsentKind, KindCodes]] = {
    ConsentKind.TREATMENT: KindCodes("treatment", _CONSENT),
    ConsentKind.MEASUREMENT: KindCodes("treatment", _CONSENT),
    ConsentKind.TELEHEALTH: KindCodes("treatment", _CONSENT),
    ConsentKind.RECORDING: KindCodes("treatment", _CONSENT),
    ConsentKind.SUPERVISION: KindCodes("patient-privacy", (ACT_CODE, "INFA")),
    ConsentKind.RESEARCH: KindCodes("research", (ACT_CODE, "INFA")),
    ConsentKind.DISCLOSURE: KindCodes("patient-privacy", _RELEASE),
    ConsentKind.PSYCHOTHERAPY_NOTES: KindCodes("patient-privacy", (ACT_CODE, "HIPAAPsyNotes")),
    ConsentKind.PART2_TPO: KindCodes("patient-privacy", (ACT_CODE, "42CFRPart2")),
    ConsentKind.PART2_COUNSELLING_NOTES: KindCodes("patient-privacy", (ACT_CODE, "42CFRPart2")),
}
"""kind → what it is called in FHIR"""

KIND_OF_CATEGORY: Final[dict[tuple[str, str], ConsentKind]] = {
    (ACT_CODE, "HIPAAPsyNotes"): ConsentKind.PSYCHOTHERAPY_NOTES,
    (ACT_CODE, "42CFRPart2"): ConsentKind.PART2_TPO,
    # a directive under Part 2; counselling notes have a consent of their own, which only this system's coding names
    (ACT_CODE, "42CFRPart2CD"): ConsentKind.PART2_TPO,
    **{(KIND, str(kind)): kind for kind in ConsentKind},
}
KIND_OF_SCOPE: Final[dict[str, ConsentKind]] = {
    "treatment": ConsentKind.TREATMENT,
    "research": ConsentKind.RESEARCH,
    "patient-privacy": ConsentKind.DISCLOSURE,
}
"""where no category says more; `adr` (advance directives) has no kind here"""

_LOINC_CODE: Final = re.compile(r"[0-9]{1,7}-[0-9]")
_SCOPES: Final = (*KIND_OF_SCOPE, "adr")
_PUBLIC: Final = frozenset({*KIND_OF_CATEGORY, *(k.category for k in KINDS.values()), *((SCOPE, scope) for scope in _SCOPES)})


def is_public(system: str, code: str) -> bool:
    """Whether a coding of scope or category is one of a vocabulary, and so can hold nobody's words."""
    return (system, code) in _PUBLIC or (system == LOINC and _LOINC_CODE.fullmatch(code) is not None)


STATUS: Final = "http://hl7.org/fhir/consent-state-codes"
STATUSES: Final = ("draft", "proposed", "active", "rejected", "inactive", "entered-in-error")
OPEN_STATUSES: Final = frozenset({"draft", "proposed", "active"})
STATUS_SHOWN: Final[dict[ConsentStatus, str]] = {
    ConsentStatus.PROPOSED: "proposed",
    ConsentStatus.ACTIVE: "active",
    ConsentStatus.SUPERSEDED: "inactive",
    ConsentStatus.REVOKED: "inactive",
    ConsentStatus.EXPIRED: "inactive",
    ConsentStatus.REFUSED: "rejected",
}
