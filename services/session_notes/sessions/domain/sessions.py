"""Sessions: that one was held or missed is public to the other services; when, how and with whom is sealed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.session_notes.desk.domain.refusals import Flaw, WrongState, refuse_any
from services.session_notes.sessions.domain.facts import Facts, fact_flaws
from shared.contracts.records import KeyClass
from shared.contracts.session_notes import SESSION_HELD
from shared.sealing.event import Event, EventTypes
from shared.sealing.field import Sealed
from shared.values.time import ANYWHERE, NOT_YET, OUT_OF_RANGE, Place, in_range

LONGEST: Final = timedelta(hours=24)
ANOTHER_DAY: Final = (
    "the day of care stays, because consents for a period decide by it: "
    "mark this session with POST …/entered-in-error and write it down anew"
)


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


class SessionDetails(Facts):
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
    SCHEMA_VERSION: ClassVar[int] = 2
    """2: `details` may hold the facts of `Facts`"""
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


class SessionCorrected(Event):
    """The facts were wrong, and these are right. What was written before stays in the history."""

    TYPE: ClassVar[str] = "session-notes.session-corrected"
    RECORD: ClassVar[str] = "session_id"
    session_id: UUID
    therapist_id: str
    held: bool
    details: Annotated[Sealed[SessionDetails], KeyClass.PROGRESS_NOTE]
    reason: Annotated[Sealed[str | None], KeyClass.PROGRESS_NOTE]
    by: str
    at: datetime


class SessionEnteredInError(Event):
    """It stands in the wrong record, or never was. It stays readable, and is marked."""

    TYPE: ClassVar[str] = "session-notes.session-entered-in-error"
    RECORD: ClassVar[str] = "session_id"
    session_id: UUID
    reason: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]
    by: str
    at: datetime


Session = SessionWasHeld | SessionWasMissed
SessionEvent = Session | SessionCorrected | SessionEnteredInError


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
    flaws += fact_flaws(details, details.started_at, details.ended_at, now, place)
    if flaws:
        return flaws
    if details.ended_at <= details.started_at:
        flaws.append(Flaw("/ended_at", "later than started_at"))
    elif details.ended_at - details.started_at > LONGEST:
        flaws.append(Flaw("/ended_at", "at most 24 hours after started_at"))
    return flaws


@dataclass(frozen=True, slots=True)
class InError:
    reason: Sealed[str]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session folded from its stream; `details` stay closed until the record's key opens them."""

    session_id: UUID
    client_id: UUID
    therapist_id: str
    held: bool
    details: Sealed[SessionDetails]
    created_at: datetime
    changed_at: datetime
    version: int
    in_error: InError | None = None


def evolve(state: SessionState | None, event: SessionEvent, version: int) -> SessionState:
    """The session after one more event of its stream. ValueError for a stream that does not begin with the session."""
    if isinstance(event, SessionWasHeld | SessionWasMissed):
        return SessionState(
            session_id=event.session_id,
            client_id=event.client_id,
            therapist_id=event.therapist_id,
            held=isinstance(event, SessionWasHeld),
            details=event.details,
            created_at=event.at,
            changed_at=event.at,
            version=version,
        )
    if state is None:
        raise ValueError("a session's stream begins with the session")
    state = replace(state, changed_at=event.at, version=version)
    if isinstance(event, SessionEnteredInError):
        return replace(state, held=False, in_error=InError(event.reason, event.by, event.at))
    return replace(state, therapist_id=event.therapist_id, held=event.held, details=event.details)


def correct(
    state: SessionState,
    before: SessionDetails,
    therapist_id: str,
    details: SessionDetails,
    *,
    reason: str | None,
    by: str,
    now: datetime,
    place: Place = ANYWHERE,
) -> SessionCorrected:
    """The session with other facts. Its members, and the day of care by which the gate decides, stay.

    WrongState where it was entered in error; Unfit where the facts cannot be so.
    """
    if state.in_error is not None:
        raise WrongState("This session was entered in error: write down the right one with POST /v1/sessions.")
    flaws = _flaws(state.client_id, therapist_id, details, now, place)
    if not flaws and details.started_at.date() != before.started_at.astimezone(details.started_at.tzinfo).date():
        flaws.append(Flaw("/started_at", ANOTHER_DAY))
    if details.format is SessionFormat.INDIVIDUAL and before.members:
        flaws.append(Flaw("/format", "several clients came to this session: say couple, family or group"))
    refuse_any(flaws)
    return SessionCorrected(
        client_id=state.client_id,
        session_id=state.session_id,
        therapist_id=therapist_id,
        held=details.attendance is Attendance.ATTENDED,
        details=Sealed(details.model_copy(update={"members": before.members})),
        reason=Sealed(reason),
        by=by,
        at=now,
    )


def enter_in_error(state: SessionState, *, reason: str, by: str, at: datetime) -> SessionEnteredInError:
    """WrongState where it was marked before."""
    if state.in_error is not None:
        raise WrongState("This session was entered in error already.")
    return SessionEnteredInError(client_id=state.client_id, session_id=state.session_id, reason=Sealed(reason), by=by, at=at)


def _as_it_was(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 added what may be absent."""
    return data


EVENT_TYPES: Final = EventTypes(
    SessionWasHeld,
    SessionWasMissed,
    SessionCorrected,
    SessionEnteredInError,
    upcasters={(form.TYPE, 1): _as_it_was for form in (SessionWasHeld, SessionWasMissed)},
)
