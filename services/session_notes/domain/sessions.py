"""Sessions: that one was held or missed is public to the other services; when, how and with whom is sealed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.session_notes.domain.refusals import Flaw, refuse_any
from shared.contracts.records import KeyClass
from shared.contracts.session_notes import SESSION_HELD
from shared.sealing.event import Event
from shared.sealing.field import Sealed
from shared.values.time import ANYWHERE, NOT_YET, OUT_OF_RANGE, Place, in_range

LONGEST: Final = timedelta(hours=24)


class Modality(StrEnum):
    PSYCHODYNAMIC = "psychodynamic"
    HUMANISTIC = "humanistic"
    CBT = "cbt"
    REBT = "rebt"
    TRAUMA_INFORMED = "trauma_informed"
    INTEGRATIVE = "integrative"


class SessionFormat(StrEnum):
    INDIVIDUAL = "individual"
    COUPLE = "couple"
    FAMILY = "family"
    GROUP = "group"


class Attendance(StrEnum):
    ATTENDED = "attended"
    CANCELLED = "cancelled"
    LATE_CANCELLED = "late_cancelled"
    NO_SHOW = "no_show"


class Member(BaseModel):
    """Another client who took part, and their own record of the session."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    client_id: UUID
    session_id: UUID


class SessionDetails(BaseModel):
    """Start and stop times, modality and attendance belong to the progress note's class (45 CFR 164.501)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    participants: tuple[str, ...] = ()
    started_at: datetime
    ended_at: datetime
    modality: Modality
    format: SessionFormat
    attendance: Attendance
    members: tuple[Member, ...] = ()
    """of a couple, family or group: the other clients. Sealed, because who comes with whom is nobody else's business"""


class _Session(Event):
    RECORD: ClassVar[str] = "session_id"
    session_id: UUID
    therapist_id: str
    details: Annotated[Sealed[SessionDetails], KeyClass.PROGRESS_NOTE]
    at: datetime


class SessionWasHeld(_Session):
    """Client and therapist met."""

    TYPE: ClassVar[str] = SESSION_HELD


class SessionWasMissed(_Session):
    """It was cancelled, or the client did not come."""

    TYPE: ClassVar[str] = "session-notes.session-missed"


Session = SessionWasHeld | SessionWasMissed


def joint_sessions(
    ids: Mapping[UUID, UUID], therapist_id: str, details: SessionDetails, *, now: datetime, place: Place = ANYWHERE
) -> list[Session]:
    """One session a client, each under that client's own key, none with a word of another's record. `ids`: client → session.

    Raises Unfit.
    """
    refuse_any(_joint_flaws(ids, details.format))
    return [
        record_session(
            session_id,
            client_id,
            therapist_id,
            details.model_copy(
                update={"members": tuple(Member(client_id=c, session_id=s) for c, s in ids.items() if c != client_id)}
            ),
            now=now,
            place=place,
        )
        for client_id, session_id in ids.items()
    ]


def _joint_flaws(ids: Mapping[UUID, UUID], format: SessionFormat) -> list[Flaw]:
    others = len(ids) - 1
    if others and format is SessionFormat.INDIVIDUAL:
        return [Flaw("/members", "an individual session has one client: say couple, family or group")]
    if others > 1 and format is SessionFormat.COUPLE:
        return [Flaw("/members", "a couple has one other member")]
    return []


def record_session(
    session_id: UUID, client_id: UUID, therapist_id: str, details: SessionDetails, *, now: datetime, place: Place = ANYWHERE
) -> Session:
    """Held where attended, else missed. Raises Unfit where it cannot have been so."""
    refuse_any(_flaws(client_id, therapist_id, details, now, place))
    kind = SessionWasHeld if details.attendance is Attendance.ATTENDED else SessionWasMissed
    return kind(client_id=client_id, session_id=session_id, therapist_id=therapist_id, details=Sealed(details), at=now)


def _flaws(client_id: UUID, therapist_id: str, details: SessionDetails, now: datetime, place: Place) -> list[Flaw]:
    flaws = []
    if therapist_id == str(client_id):
        flaws.append(Flaw("/therapist_id", "the id of the practitioner, not of the client"))
    times = {"/started_at": details.started_at, "/ended_at": details.ended_at}
    outside = [pointer for pointer, time in times.items() if not in_range(time)]
    # one that goes on may be written down already
    begun = outside or place.has_come(details.started_at, now)
    flaws += [Flaw(pointer, OUT_OF_RANGE) for pointer in outside]
    flaws += [Flaw(pointer, NOT_YET) for pointer, time in times.items() if not begun and not place.has_come(time, now)]
    if flaws:
        return flaws
    if details.ended_at <= details.started_at:
        flaws.append(Flaw("/ended_at", "later than started_at"))
    elif details.ended_at - details.started_at > LONGEST:
        flaws.append(Flaw("/ended_at", "at most 24 hours after started_at"))
    return flaws
