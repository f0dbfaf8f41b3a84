"""`consent.v1`: who treats a client, as far as another service needs it to know whom to tell.

The consent service owns these events. What is read here is in the clear; fields that are not named are read past.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

RELATIONSHIP_STARTED: Final = "consent.relationship-started"
RELATIONSHIP_ENDED: Final = "consent.relationship-ended"


class PeriodHeard(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    start: str
    """a day (YYYY-MM-DD) or an instant"""
    end: str | None = None


class RelationshipHeard(BaseModel):
    """`consent.relationship-started`"""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    client_id: UUID
    relationship_id: UUID
    practitioner_id: str
    role: str
    period: PeriodHeard


class EndHeard(BaseModel):
    """`consent.relationship-ended`"""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    client_id: UUID
    relationship_id: UUID
    end: datetime
