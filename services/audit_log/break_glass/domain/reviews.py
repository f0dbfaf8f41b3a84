"""What follows a break-glass grant: a review by somebody else, and the documentation that the emergency did not wait for.

42 CFR 2.51(c): the recipient, the discloser, the time and the nature of the emergency are written down immediately *after* the
disclosure. Discloser and time stand in the ledger by themselves; the rest is queued until it is written.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.audit_log.decision.domain.grants import THREAT

RECIPIENT: Final = "recipient"
NATURE: Final = "nature_of_emergency"
REVIEW_WITHIN: Final = timedelta(hours=72)
THREAT_REVIEW_WITHIN: Final = timedelta(hours=24)


class Finding(StrEnum):
    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not_justified"
    """ends the grant where it still holds"""


@dataclass(frozen=True, slots=True)
class Review:
    grant_id: str
    holder: str
    client_id: str
    purpose: str
    scope: tuple[str, ...]
    made_at: datetime
    expires_at: datetime
    due_at: datetime
    missing: tuple[str, ...]
    """what is still to be written down"""
    finding: Finding | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    def overdue(self, now: datetime) -> bool:
        return self.finding is None and self.due_at < now


def due(purpose: str, made_at: datetime) -> datetime:
    return made_at + (THREAT_REVIEW_WITHIN if purpose == THREAT else REVIEW_WITHIN)


def to_document(purpose: str, recipient: str | None) -> tuple[str, ...]:
    """What is missing at first. A THREAT grant has its recipient and justification from the start."""
    if purpose == THREAT:
        return ()
    return (NATURE,) if recipient else (RECIPIENT, NATURE)
