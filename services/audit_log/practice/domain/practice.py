"""What a tenant says of itself: which record systems it trusts, and whether it is a practice of one person."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TrustedSystem:
    """A record system that an administrator registered: it may write down consents."""

    id: str
    system: str
    """`sub` of its token (role ehr_system)"""
    name: str
    registered_by: str
    registered_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None

    @property
    def trusted(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What stands above a document that is handed to a client."""

    name: str
    address: str
    zone: str
    """IANA name: days in documents are days there"""
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class SoloPractice:
    """One person is therapist and intake. What needs two people names somebody from outside as the second."""

    practitioner: str
    """`sub`, whose token holds both roles"""
    second: str
    """`sub` of the second person"""
    second_name: str
    made_by: str
    made_at: datetime
