"""Break-glass grants: made beforehand, with a reason, for one client, a scope and some minutes.

BTG and ETREAT open what treatment needs in an emergency, never a psychotherapy note. THREAT (45 CFR 164.512(j)(1)(i)) opens
exactly one record, after a second person approved it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.audit_log.decision.domain.registry import BoundRecord
from shared.contracts.consent_policy import GRANTED_PURPOSES as GRANTED_PURPOSES
from shared.contracts.records import KeyClass

THREAT: Final = "THREAT"
EMERGENCY: Final = GRANTED_PURPOSES - {THREAT}

OPENED_BY_EMERGENCY: Final = frozenset({KeyClass.IDENTITY, KeyClass.PROGRESS_NOTE, KeyClass.MEASURES, KeyClass.CONSENT_EVIDENCE})


class GrantStatus(StrEnum):
    AWAITING = "awaiting_second_approval"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Grant:
    id: str
    sub: str
    client_id: str
    purpose: str
    scope: frozenset[str]
    """key classes or record ids; empty: every class that an emergency opens. THREAT: exactly one record id"""
    status: GrantStatus
    expires_at: datetime
    approved_by: str | None = None

    def holds(self, *, sub: str, client_id: str, purpose: str, now: datetime) -> bool:
        return (
            self.status is GrantStatus.ACTIVE
            and (self.sub, self.client_id, self.purpose) == (sub, client_id, purpose)
            and now < self.expires_at
        )

    def opens(self, record: BoundRecord) -> bool:
        """Whether the record lies within the grant's scope. Does not look at time, person or client: see `holds`."""
        if self.purpose == THREAT:
            return self.scope == {record.record_id} and self.approved_by not in (None, self.sub)
        if record.key_class not in OPENED_BY_EMERGENCY:
            return False
        return not self.scope or record.key_class in self.scope or record.record_id in self.scope
