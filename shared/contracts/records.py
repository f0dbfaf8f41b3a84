"""Key classes, record types and who owns them: the vocabulary that services and the gate share.

A *record* is one aggregate (one note, one administration). It belongs to one client and one key class; its record id is a
random UUID. `RECORD_TYPES` says which service may write a type and which others may read it.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

from pydantic import WithJsonSchema

from shared.sealing.key import ContentClass


class KeyClass(ContentClass):
    """What one data key may open. Opening one class opens no other; a class can be erased alone."""

    IDENTITY = "identity"
    PROGRESS_NOTE = "progress_note"
    PSYCHOTHERAPY_NOTE = "psychotherapy_note"
    MEASURES = "measures"
    CONSENT_EVIDENCE = "consent_evidence"
    CONCERN = "concern"
    """what a client says about how they are treated: its own class, so that no key of their treatment opens it"""


class ServiceName(StrEnum):
    CONSENT = "consent"
    SESSION_NOTES = "session_notes"
    ALLIANCE = "alliance_measurement"
    AUDIT_LOG = "audit_log"
    EHR_GATEWAY = "ehr_gateway"


class RecordType(StrEnum):
    CLIENT = "client"
    SESSION = "session"
    PROGRESS_NOTE = "progress_note"
    PSYCHOTHERAPY_NOTE = "psychotherapy_note"
    CONSENT = "consent"
    RELATIONSHIP = "relationship"
    REPRESENTATIVE = "representative"
    CAPACITY = "capacity"
    """of a client: when they lost and regained the capacity to consent"""
    RESTRICTION = "restriction"
    AMENDMENT = "amendment"
    """a client's request to amend their record (45 CFR 164.526), and what became of it"""
    ADMINISTRATION = "administration"
    OUTCOME = "outcome"
    RELEASE_CHOICE = "release_choice"
    REPAIR_PROMPT = "repair_prompt"
    RISK_ALERT = "risk_alert"
    """to one person, its author in the registry: an answer to a critical item"""
    TREATMENT_PLAN = "treatment_plan"
    """with its goals, tasks, reviews and signatures: one record"""
    MOMENT = "moment"
    """of a session, that the care team may see; a closed one is a psychotherapy note"""
    ENGAGEMENT = "engagement"
    """how motivated and how safe somebody felt in a session, by either side"""
    BOUNDARY_EVENT = "boundary_event"
    ADVERSE_EFFECT = "adverse_effect"
    RISK_ASSESSMENT = "risk_assessment"
    SAFETY_PLAN = "safety_plan"
    CLOSED_TOPIC = "closed_topic"
    """what the client wants left alone, until they say otherwise"""
    CONSULTATION = "consultation"
    """with a colleague or supervisor, the client de-identified"""
    CONCERN = "concern"
    """the client's, past their therapist to supervisor or officer"""


NamedRecordType = Annotated[RecordType, WithJsonSchema({"type": "string"})]
NamedKeyClass = Annotated[KeyClass, WithJsonSchema({"type": "string"})]
"""in events and messages: their form names no list, so that a new type or class is no new version of them"""


@dataclass(frozen=True, slots=True)
class RecordTypeRow:
    key_class: KeyClass
    owner: ServiceName
    """the only service that may create, change and read records of this type"""
    readers: frozenset[ServiceName] = frozenset()
    """services that may read it besides its owner"""


_MEASURED: Final = frozenset({ServiceName.ALLIANCE})
"""what is compared with the client's ratings"""
RECORD_TYPES: Final[dict[RecordType, RecordTypeRow]] = {
    RecordType.CLIENT: RecordTypeRow(KeyClass.IDENTITY, ServiceName.SESSION_NOTES),
    RecordType.SESSION: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.PROGRESS_NOTE: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.PSYCHOTHERAPY_NOTE: RecordTypeRow(KeyClass.PSYCHOTHERAPY_NOTE, ServiceName.SESSION_NOTES),
    RecordType.CONSENT: RecordTypeRow(KeyClass.CONSENT_EVIDENCE, ServiceName.CONSENT),
    RecordType.RELATIONSHIP: RecordTypeRow(KeyClass.CONSENT_EVIDENCE, ServiceName.CONSENT),
    RecordType.REPRESENTATIVE: RecordTypeRow(KeyClass.CONSENT_EVIDENCE, ServiceName.CONSENT),
    RecordType.CAPACITY: RecordTypeRow(KeyClass.CONSENT_EVIDENCE, ServiceName.CONSENT),
    RecordType.RESTRICTION: RecordTypeRow(KeyClass.CONSENT_EVIDENCE, ServiceName.CONSENT),
    RecordType.AMENDMENT: RecordTypeRow(KeyClass.CONSENT_EVIDENCE, ServiceName.CONSENT),
    RecordType.ADMINISTRATION: RecordTypeRow(KeyClass.MEASURES, ServiceName.ALLIANCE),
    RecordType.OUTCOME: RecordTypeRow(KeyClass.MEASURES, ServiceName.ALLIANCE),
    RecordType.RELEASE_CHOICE: RecordTypeRow(KeyClass.MEASURES, ServiceName.ALLIANCE),
    RecordType.REPAIR_PROMPT: RecordTypeRow(
        KeyClass.MEASURES, ServiceName.ALLIANCE, readers=frozenset({ServiceName.SESSION_NOTES})
    ),
    RecordType.RISK_ALERT: RecordTypeRow(KeyClass.MEASURES, ServiceName.ALLIANCE),
    RecordType.TREATMENT_PLAN: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES, _MEASURED),
    RecordType.MOMENT: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES, _MEASURED),
    RecordType.ENGAGEMENT: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.BOUNDARY_EVENT: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.ADVERSE_EFFECT: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.RISK_ASSESSMENT: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.SAFETY_PLAN: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.CLOSED_TOPIC: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.CONSULTATION: RecordTypeRow(KeyClass.PROGRESS_NOTE, ServiceName.SESSION_NOTES),
    RecordType.CONCERN: RecordTypeRow(KeyClass.CONCERN, ServiceName.SESSION_NOTES),
}

ALLIANCE_RATING: Final = "ALLIANCE_RATING"
"""Registry label of a client's own rating of the alliance and of all that is computed from it: release governs it."""

IN_CONFIDENCE: Final = "InConfidence"
"""Label of a note that holds what somebody who is no provider told under a promise of confidentiality: it stays closed to the
client (45 CFR 164.524(a)(2)(v), GDPR 15(4)). A local code, because none was found in v3-ActCode."""


_ABOUT: Final = "ABOUT"


def about(sub: str) -> str:
    """Registry label of a concern about that member of staff. A digest, because the gate only compares it."""
    return f"{_ABOUT}-{sha256(sub.encode()).hexdigest()[:32]}"
