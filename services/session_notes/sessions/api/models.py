"""Bodies of requests: shape only; what must be true of them stands in the domain."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.session_notes.sessions.api.bodies import ChangedMembers, FactsBody
from services.session_notes.sessions.application.corrections import Correction
from services.session_notes.sessions.domain.sessions import Attendance, Modality, SessionDetails, SessionFormat
from shared.entry.text import Exact, Line
from shared.values.time import Instant

MAX_MEMBERS: Final = 30
Words = Annotated[str, Line(200)]
Id = Annotated[str, Exact(200)]
"""an identifier, or the `sub` of a person: kept as it is sent, or refused"""


class SessionFactsBody(FactsBody):
    """A session as it took place, or was missed. Times carry their offset from UTC."""

    therapist_id: Id
    participants: Annotated[tuple[Words, ...], Field(max_length=50)] = ()
    started_at: Instant
    ended_at: Instant
    modality: Modality
    format: SessionFormat
    attendance: Attendance

    def details(self) -> SessionDetails:
        return SessionDetails.model_validate(
            {
                "participants": self.participants,
                "started_at": self.started_at,
                "ended_at": self.ended_at,
                "modality": self.modality,
                "format": self.format,
                "attendance": self.attendance,
                **self.facts(),
            }
        )


class SessionBody(SessionFactsBody):
    """A session that was held or missed."""

    client_id: UUID
    members: Annotated[tuple[UUID, ...], Field(max_length=MAX_MEMBERS)] = ()
    """client ids of the others of a couple, family or group who are clients here: each gets a record of their own"""

    @model_validator(mode="after")
    def _each_once(self) -> "SessionBody":
        if len({self.client_id, *self.members}) <= len(self.members):
            raise PydanticCustomError("members", "each client once, and client_id is not among the others")
        return self


class SessionCorrectionBody(SessionFactsBody, ChangedMembers):
    """All facts of a session as they should have been written down."""

    def correction(self) -> Correction:
        members = None if self.members is None else frozenset(self.members)
        return Correction(self.client_id, members, self.therapist_id, self.details(), self.reason)
