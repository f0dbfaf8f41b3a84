"""Code systems and codes of AuditEvent (HL7 FHIR 4.0.1, DICOM PS3.16, IHE BALP 1.1)."""

from dataclasses import dataclass
from typing import Any, Final

DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
AUDIT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ROLE_CLASS: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
SECURITY_ROLE: Final = "http://terminology.hl7.org/CodeSystem/extra-security-role-type"
SOURCE_TYPE: Final = "http://terminology.hl7.org/CodeSystem/security-source-type"
PURPOSES: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
BALP: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition"
AUTHZ: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType"
REQUEST_ID: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
OUTCOMES: Final = {"permit": "0", "done": "0", "deny": "8"}
"""outcome of an entry → http://terminology.hl7.org/CodeSystem/audit-event-outcome; 8: the action was refused"""
PROFILES: Final = tuple(
    f"{BALP}/IHE.BasicAudit.{name}"
    for name in (
        *("PatientCreate", "PatientRead", "PatientUpdate", "PatientDelete", "PatientQuery", "Query", "AuthZconsent"),
        *("PrivacyDisclosure.Source", "PrivacyDisclosure.Recipient"),
    )
)
RESOURCES: Final = {
    "client": "Patient",
    "session": "Encounter",
    "progress_note": "DocumentReference",
    "psychotherapy_note": "DocumentReference",
    "treatment_plan": "CarePlan",
    "consent": "Consent",
    "relationship": "CareTeam",
    "administration": "QuestionnaireResponse",
    "outcome": "Observation",
    "release_choice": "Consent",
    "repair_prompt": "Task",
    "moment": "Observation",
    "engagement": "Observation",
    "boundary_event": "Observation",
    "adverse_effect": "AdverseEvent",
    "risk_assessment": "RiskAssessment",
    "safety_plan": "CarePlan",
    "closed_topic": "Flag",
    "consultation": "DocumentReference",
    "concern": "Communication",
}
"""record type → resource type"""


@dataclass(frozen=True, slots=True)
class Use:
    profile: str
    interaction: str
    action: str
    """http://hl7.org/fhir/audit-event-action"""
    participation: str
    """of the person, v3-ParticipationType"""


_UPDATE: Final = Use("PatientUpdate", "update", "U", "AUT")
_READ: Final = Use("PatientRead", "read", "R", "IRCP")
USES: Final = {
    "create": Use("PatientCreate", "create", "C", "AUT"),
    "read": _READ,
    "export": _READ,
    "compute": _READ,
    "search": Use("PatientQuery", "search-type", "E", "IRCP"),
    "update": _UPDATE,
    "sign": _UPDATE,
    "cosign": _UPDATE,
    "return": _UPDATE,
    "answer": _UPDATE,
    "revoke": _UPDATE,
}
"""action of a disclosure → how BALP shows it"""


def coding(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [coding(system, code)]}
