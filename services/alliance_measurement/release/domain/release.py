"""The client's choice of who sees their alliance ratings, as this service keeps it. The gate enforces it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from shared.contracts.disclosure import ReleaseAudience
from shared.sealing.event import Event, EventTypes


class ReleaseChosen(Event):
    TYPE: ClassVar[str] = "alliance.release-chosen"
    RECORD: ClassVar[str] = "choice_id"
    choice_id: UUID
    therapist: ReleaseAudience
    supervisor: ReleaseAudience
    at: datetime


EVENT_TYPES: Final = EventTypes(ReleaseChosen)


@dataclass(frozen=True, slots=True)
class Choice:
    """Until the client chooses: therapist immediate, supervisor withheld."""

    therapist: ReleaseAudience = ReleaseAudience.IMMEDIATE
    supervisor: ReleaseAudience = ReleaseAudience.WITHHELD
