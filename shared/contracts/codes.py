"""Code lists that more than one service speaks: each stands here once, and an unknown code is refused with the list.

A misspelt code in a denial would deny nothing, and nobody would notice. Where a FHIR value set is extensible, a code that is not
of these lists is kept with its source; it counts as any value in a denial and as none in a permit (`consent.domain.fhir`).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from pydantic import AfterValidator, WithJsonSchema

from shared.contracts.consent_policy import RelationshipRole
from shared.contracts.disclosure import Action
from shared.contracts.records import ALLIANCE_RATING, IN_CONFIDENCE, KeyClass, RecordType

EHR_SYSTEM: Final = "ehr_system"
"""the one role that a token alone may carry into a provision"""
ROLES: Final = frozenset({*map(str, RelationshipRole), EHR_SYSTEM})
"""whom a provision may name by role"""


class SecurityLabel(StrEnum):
    """What a record may be labelled with, and a provision may speak of (v3-ActCode, v3-Confidentiality, and local codes)."""

    # how sensitive: v3-ActCode, InformationSensitivityPolicy
    BH = "BH"
    COGN = "COGN"
    DVD = "DVD"
    EMOTDIS = "EMOTDIS"
    MH = "MH"
    PSY = "PSY"
    PSYTHPN = "PSYTHPN"
    SUD = "SUD"
    ETH = "ETH"
    ETHUD = "ETHUD"
    OPIOIDUD = "OPIOIDUD"
    GDIS = "GDIS"
    HIV = "HIV"
    MST = "MST"
    PREGNANT = "PREGNANT"
    SCA = "SCA"
    SDV = "SDV"
    SEX = "SEX"
    SPI = "SPI"
    STD = "STD"
    TBOO = "TBOO"
    VIO = "VIO"
    SICKLE = "SICKLE"
    DEMO = "DEMO"
    MARST = "MARST"
    RACE = "RACE"
    REL = "REL"
    ADOL = "ADOL"
    CEL = "CEL"
    DIA = "DIA"
    EMP = "EMP"
    VIP = "VIP"
    # by which law: v3-ActCode, ActPrivacyLaw and ActPrivacyPolicy
    PART2 = "42CFRPart2"
    PSYCHOTHERAPY_NOTES = "HIPAAPsyNotes"
    SELF_PAY = "HIPAASelfPay"
    # how confidential: v3-Confidentiality
    UNRESTRICTED = "U"
    LOW = "L"
    MODERATE = "M"
    NORMAL = "N"
    RESTRICTED = "R"
    VERY_RESTRICTED = "V"
    # the obligation to take out what carries the labels beside it: v3-ActCode
    REDACT = "REDACT"
    # of this house
    PART2_COUNSELLING_NOTE = "42CFRPart2CN"
    ALLIANCE_RATING = ALLIANCE_RATING
    IN_CONFIDENCE = IN_CONFIDENCE


LABELS: Final = frozenset(map(str, SecurityLabel))

_PURPOSES: Final = """
BIORCH BTG CAREMGT CLINTRCH CLINTRCHNPC CLINTRCHPC CLINTRL CLMATTCH COC COVAUTH COVERAGE DISASTER DONAT DSRCH ELIGDTRM ELIGVER
ENROLLM ERTREAT ETREAT FAMRQT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HLEGAL HMARKT HOPERAT HOUTCOMS HPAYMT HPRGRP HQUALIMP
HRESCH HSYSADMIN HTEST LABELING MEMADMIN METAMGT MILCDM MILDCRG PATADMIN PATRQT PATSFTY PERFMSR POARCH POPHLTH PRECLINTRCH
PUBHLTH PWATRNY RECORDMGT REMITADV SUPNWK SYSDEV THREAT TRAIN TRANSRCH TREAT
"""
PURPOSES: Final = frozenset(_PURPOSES.split())
"""v3-PurposeOfUse (http://terminology.hl7.org/ValueSet/v3-PurposeOfUse)"""

FHIR_ACTIONS: Final = {
    "access": ("read",),
    "use": ("read",),
    "disclose": ("read", "export"),
    "collect": ("create",),
    "correct": ("update",),
}
"""FHIR R4's consent actions (http://terminology.hl7.org/CodeSystem/consentaction) in the gate's own"""
GATE_ACTIONS: Final = frozenset(map(str, Action))
ACTIONS: Final = GATE_ACTIONS | FHIR_ACTIONS.keys()

RECORD_CLASSES: Final = frozenset({*map(str, RecordType), *map(str, KeyClass)})
"""record types and key classes of this house"""
_FHIR_TYPES: Final = """
Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary
BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam CatalogEntry ChargeItem
ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication CommunicationRequest
CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest
CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement
DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest
EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit
FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization
ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List Location
Measure MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge MedicationRequest
MedicationStatement MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence
NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition OperationOutcome Organization
OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner
PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition
ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter
ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid
SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery
SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription
"""
FHIR_TYPES: Final = frozenset(_FHIR_TYPES.split())
"""resource types of FHIR R4 (http://hl7.org/fhir/resource-types)"""
RESOURCE_TYPES: Final = RECORD_CLASSES | FHIR_TYPES
"""what a provision may call a class of records; a FHIR type that is not kept here names no record"""


def named(known: Iterable[str]) -> str:
    """What is said of an unknown code: the list of those that are known."""
    return f"one of: {', '.join(sorted(known))}"


RESOURCE_TYPES_NAMED: Final = f"a resource type of FHIR R4, or {named(RECORD_CLASSES)}"


def one_of(known: Iterable[str], said: str = "") -> tuple[AfterValidator, WithJsonSchema]:
    """Metadata of a `str` field that holds one code of the list: `Annotated[str, *one_of(PURPOSES)]`."""
    codes = frozenset(map(str, known))

    def check(code: str) -> str:
        if code not in codes:
            raise ValueError(said or named(codes))
        return code

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": sorted(codes)})
