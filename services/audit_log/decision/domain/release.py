"""The client's choice of who sees their alliance ratings, and all that is computed from them.

It binds before authorship and before every consent. Until the client chooses: therapist immediate, supervisor withheld.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.contracts.consent_policy import RelationshipRole
from shared.contracts.disclosure import ReleaseAudience

RELEASE_DELAY: Final = timedelta(days=7)
"""default of the setting AUDIT_LOG_RELEASE_DELAY_DAYS: how long after it was made a `delayed` rating becomes visible"""


@dataclass(frozen=True, slots=True)
class ReleaseChoice:
    therapist: ReleaseAudience = ReleaseAudience.IMMEDIATE
    supervisor: ReleaseAudience = ReleaseAudience.WITHHELD
    delay: timedelta = RELEASE_DELAY

    def shows(self, role: RelationshipRole, *, created_at: datetime, now: datetime) -> bool:
        """Whether somebody who holds `role` towards the client may see a rating made at `created_at`."""
        match role:
            case RelationshipRole.THERAPIST:
                audience = self.therapist
            case RelationshipRole.SUPERVISOR:
                audience = self.supervisor
            case _:
                return False
        if audience is ReleaseAudience.DELAYED:
            return now >= created_at + self.delay
        return audience is ReleaseAudience.IMMEDIATE


UNCHOSEN: Final = ReleaseChoice()
"""until the client chooses"""
