"""What is served over FHIR, resource by resource. A test compares it with the routes of the services that serve them."""

from dataclasses import dataclass
from typing import Any, Final

_HL7: Final = "http://hl7.org/fhir/SearchParameter/"
_BALP: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_OPERATION: Final = "urn:alliance-record:operation:"
_PCF: Final = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    definition: str | None = None
    documentation: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    type: str
    interactions: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    documentation: str
    profiles: tuple[str, ...] = ()
    versioning: str = "versioned"
    conditional_create: bool = False
    operations: tuple[str, ...] = ()
    """operations of the type, without `$`; all of them are this record's own"""

    def statement(self) -> dict[str, Any]:
        """Its part of the CapabilityStatement."""
        shown: dict[str, Any] = {
            "type": self.type,
            "profile": f"http://hl7.org/fhir/StructureDefinition/{self.type}",
            "documentation": self.documentation,
            "interaction": [{"code": code} for code in self.interactions],
            "versioning": self.versioning,
            "readHistory": "vread" in self.interactions,
            "updateCreate": False,
            "conditionalCreate": self.conditional_create,
            "searchParam": [
                {
                    "name": p.name,
                    "type": p.type,
                    **({"definition": p.definition} if p.definition else {}),
                    **({"documentation": p.documentation} if p.documentation else {}),
                }
                for p in self.parameters
            ],
        }
        if self.operations:
            shown["operation"] = [{"name": name, "definition": f"{_OPERATION}{name}"} for name in self.operations]
        if self.profiles:
            shown["supportedProfile"] = list(self.profiles)
        return shown


RESOURCES: Final = (
    Served(
        type="Consent",
        interactions=("create", "read", "vread", "update", "history-instance", "search-type"),
        profiles=(f"{_PCF}Basic", f"{_PCF}Intermediate", f"{_PCF}Advanced"),
        versioning="versioned-update",
        conditional_create=True,
        parameters=(
            Parameter("_id", "token", f"{_HL7}Resource-id"),
            Parameter("_lastUpdated", "date", f"{_HL7}Resource-lastUpdated"),
            Parameter("actor", "reference", f"{_HL7}Consent-actor"),
            Parameter("category", "token", f"{_HL7}Consent-category"),
            Parameter("identifier", "token", f"{_HL7}clinical-identifier"),
            Parameter("patient", "reference", f"{_HL7}clinical-patient", "required: the gate decides client by client"),
            Parameter("period", "date", f"{_HL7}Consent-period"),
            Parameter("purpose", "token", f"{_HL7}Consent-purpose"),
            Parameter("security-label", "token", f"{_HL7}Consent-security-label"),
            Parameter("status", "token", f"{_HL7}Consent-status"),
        ),
        documentation="Dialects of R4 and IHE PCF; what was sent is given back whole. An update amends a proposal or ends an "
        "active consent: what was signed is not rewritten. Searches give no total.",
    ),
    Served(
        type="AuditEvent",
        interactions=("read", "search-type"),
        operations=("accounting-of-disclosures",),
        profiles=tuple(
            f"{_BALP}{name}"
            for name in (
                *("PatientCreate", "PatientRead", "PatientUpdate", "PatientDelete", "PatientQuery", "Query", "AuthZconsent"),
                *("PrivacyDisclosure.Source", "PrivacyDisclosure.Recipient"),
            )
        ),
        versioning="no-version",
        parameters=(
            Parameter("_id", "token", f"{_HL7}Resource-id"),
            Parameter("action", "token", f"{_HL7}AuditEvent-action"),
            Parameter("agent", "reference", f"{_HL7}AuditEvent-agent", "by identifier, or by a staff member's name"),
            Parameter("date", "date", f"{_HL7}AuditEvent-date"),
            Parameter("entity", "reference", f"{_HL7}AuditEvent-entity"),
            Parameter("outcome", "token", f"{_HL7}AuditEvent-outcome"),
            Parameter("patient", "reference", f"{_HL7}AuditEvent-patient", "required of a client: their own"),
            Parameter("purpose", "token", None, "purposeOfEvent, a v3-ActReason code"),
        ),
        documentation="Every use of a record, every decision and every look at this log, from the tamper-evident ledger; the id "
        "is the entry's index, whose proof /v1/audit/entries/[index]/proof gives. Searches give no total.",
    ),
    Served(
        type="Questionnaire",
        interactions=("read", "search-type"),
        versioning="no-version",
        parameters=(
            Parameter("_id", "token", f"{_HL7}Resource-id"),
            Parameter("code", "token", f"{_HL7}Questionnaire-code", "LOINC, or urn:alliance-record:instrument"),
            Parameter("name", "string", f"{_HL7}Questionnaire-name"),
            Parameter("status", "token", f"{_HL7}Questionnaire-status"),
            Parameter("title", "string", f"{_HL7}Questionnaire-title"),
            Parameter("url", "uri", f"{_HL7}Questionnaire-url"),
        ),
        documentation="The instruments that can be given. Items have text only where the licence lets everybody read it.",
    ),
    Served(
        type="Provenance",
        interactions=("read", "search-type"),
        versioning="no-version",
        parameters=(Parameter("target", "reference", f"{_HL7}Provenance-target", "required: Consent/[id]"),),
        documentation="Who wrote each version of a consent, and under which entry of the ledger.",
    ),
)
