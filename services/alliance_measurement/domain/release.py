"""The client's choice of who sees their alliance ratings, as this service keeps it. The gate enforces it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.contracts.disclosure import ReleaseAudience
from shared.sealing.event import Event


class ReleaseChosen(Event):
    TYPE: ClassVar[str] = "alliance.release-chosen"
    RECORD: ClassVar[str] = "choice_id"
    choice_id: UUID
    therapist: ReleaseAudience
    supervisor: ReleaseAudience
    at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """Until the client chooses: therapist immediate, supervisor withheld."""

    therapist: ReleaseAudience = ReleaseAudience.IMMEDIATE
    supervisor: ReleaseAudience = ReleaseAudience.WITHHELD
