"""The event that keeps a consent as it came over FHIR."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from shared.contracts.records import KeyClass
from shared.sealing.event import Event
from shared.sealing.field import Sealed


class FhirSourceRecorded(Event):
    """The resource as it was sent, whole: what the model here does not use is given back as well.

    It speaks of the form that stands in the stream before it. Codes are public as the policy is; every word is sealed.
    """

    TYPE: ClassVar[str] = "consent.fhir-source-recorded"
    RECORD: ClassVar[str] = "consent_id"
    consent_id: UUID
    dialect: Literal["r4", "pcf", "r5"]
    status: str
    """as sent; `active` counts only once nothing is missing and it is signed"""
    scope: tuple[str, ...]
    categories: tuple[str, ...]
    """`system|code`, for search"""
    author: str
    at: datetime
    source: Annotated[Sealed[str], KeyClass.CONSENT_EVIDENCE]
    """its JSON, byte for byte, attachments included"""
