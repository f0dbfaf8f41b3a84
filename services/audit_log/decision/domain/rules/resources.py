"""Names by which provisions and restrictions speak of record types."""

from typing import Final

from shared.contracts.records import RECORD_TYPES, RecordType

RESOURCE_NAMES: Final[dict[RecordType, frozenset[str]]] = {
    t: frozenset({t.value, *names})
    for t, names in {
        RecordType.CLIENT: ("patient",),
        RecordType.SESSION: ("encounter",),
        RecordType.PROGRESS_NOTE: ("documentreference",),
        RecordType.PSYCHOTHERAPY_NOTE: ("documentreference",),
        RecordType.CONSENT: (),
        RecordType.RELATIONSHIP: (),
        RecordType.REPRESENTATIVE: ("relatedperson",),
        RecordType.CAPACITY: (),
        RecordType.RESTRICTION: (),
        RecordType.AMENDMENT: (),
        RecordType.ADMINISTRATION: ("questionnaireresponse", "observation"),
        RecordType.OUTCOME: ("observation",),
        RecordType.RELEASE_CHOICE: (),
        RecordType.REPAIR_PROMPT: (),
        RecordType.RISK_ALERT: ("flag",),
        RecordType.TREATMENT_PLAN: ("careplan",),
        RecordType.MOMENT: ("observation",),
        RecordType.ENGAGEMENT: ("observation",),
        RecordType.BOUNDARY_EVENT: ("observation",),
        RecordType.ADVERSE_EFFECT: ("adverseevent",),
        RecordType.RISK_ASSESSMENT: ("riskassessment",),
        RecordType.SAFETY_PLAN: ("careplan",),
        RecordType.CLOSED_TOPIC: ("flag",),
        RecordType.CONSULTATION: ("documentreference",),
        RecordType.CONCERN: ("communication",),
    }.items()
}
"""names in lower case by which a provision may name a record type: its own and FHIR's"""

_NAMES: Final = {t: names | {RECORD_TYPES[t].key_class.value} for t, names in RESOURCE_NAMES.items()}


def names_of(record_type: RecordType) -> frozenset[str]:
    """Every name that speaks of such a record; its key class counts as well."""
    return _NAMES[record_type]
