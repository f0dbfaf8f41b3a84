"""One use of a record, and what is known around it: relationships, work written down, likeness, refusals."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.contracts.consent_policy import RelationshipRole, RelationshipSet
from shared.contracts.records import RecordType


class Tie(StrEnum):
    """What person and client share: flags that session_notes computed. The values themselves never come here."""

    SAME_PERSON = "same_person"
    SAME_SURNAME = "same_surname"
    SAME_ADDRESS = "same_address"


@dataclass(frozen=True, slots=True)
class Access:
    """A permitted use of one client's records by a person who is not the client."""

    index: int
    at: datetime
    agent: str
    name: str
    role: str
    client_id: str
    action: str
    purpose: str
    records: tuple[str, ...]
    record_types: frozenset[str]
    grant: str | None = None
    """id of the break-glass grant that it rests on"""


@dataclass(frozen=True, slots=True)
class Work:
    """A record of the client that somebody wrote."""

    record_id: str
    author: str
    record_type: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """Of one client: all that may explain an access."""

    relationships: tuple[RelationshipSet, ...] = ()
    work: tuple[Work, ...] = ()
    """oldest first"""
    ties: Mapping[str, frozenset[Tie]] = field(default_factory=dict)
    """person → what they share with the client"""
    refused: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    """person → when they were refused for this client, oldest first"""
    answered_grants: frozenset[str] = frozenset()
    """break-glass grants found justified by a reviewer"""
    colleague: bool = False
    """the client works here"""
    watched: bool = False
    """labelled as in need of special care: a public person, an employee's family"""

    def held(self, sub: str, at: datetime, *roles: RelationshipRole, grace: timedelta = timedelta()) -> RelationshipSet | None:
        """A relationship of that person that holds at that time, or within the grace around it."""
        for r in self.relationships:
            if r.practitioner_id != sub or (roles and r.role not in roles):
                continue
            if r.start - grace <= at and (r.end is None or at < r.end + grace):
                return r
        return None

    def worked(self, at: datetime, within: timedelta, *, author: str | None = None, types: frozenset[str] | None = None) -> bool:
        """Whether something was written around that time."""
        first, last = bisect_left(self.work, at - within, key=_when), bisect_right(self.work, at + within, key=_when)
        return any(
            (author is None or w.author == author) and (types is None or w.record_type in types) for w in self.work[first:last]
        )

    def refused_before(self, sub: str, at: datetime, within: timedelta) -> bool:
        """Whether that person was refused for this client within that time before."""
        times = self.refused.get(sub, ())
        first = bisect_left(times, at - within)
        return first < len(times) and times[first] < at


def _when(work: Work) -> datetime:
    return work.at


CLINICAL = frozenset(
    {
        *(RecordType.SESSION, RecordType.PROGRESS_NOTE, RecordType.PSYCHOTHERAPY_NOTE, RecordType.ADMINISTRATION),
        *(RecordType.OUTCOME, RecordType.TREATMENT_PLAN, RecordType.MOMENT, RecordType.ENGAGEMENT, RecordType.BOUNDARY_EVENT),
        *(RecordType.ADVERSE_EFFECT, RecordType.RISK_ASSESSMENT, RecordType.SAFETY_PLAN, RecordType.CONSULTATION),
    }
)
"""what only work with the client leaves behind"""
OFFICE = frozenset(
    {
        *(RecordType.CLIENT, RecordType.CONSENT, RecordType.RELATIONSHIP, RecordType.REPRESENTATIVE, RecordType.CAPACITY),
        *(RecordType.RESTRICTION, RecordType.AMENDMENT),
    }
)
"""what the office keeps"""
