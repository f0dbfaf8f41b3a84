"""A request to amend a record (45 CFR 164.526): answered within 60 days, once 30 more, disagreed with, never overwriting."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.consent.domain.errors import FormFault, InvalidForm, NotAllowed, NotNow
from services.consent.domain.people_events import (
    AmendmentDenied,
    AmendmentExtended,
    AmendmentRequested,
    AmendmentWords,
    DenialBasis,
    RebuttalStated,
)
from shared.contracts.amendments import AmendmentAccepted, DisagreementStated
from shared.contracts.records import RecordType
from shared.identity.roles import PRACTITIONERS, Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed
from shared.values.time import ANYWHERE, Place, midnight, parse_day

TIME_TO_ANSWER: Final = timedelta(days=60)
"""164.526(b)(2)(i)"""
EXTENSION: Final = timedelta(days=30)
"""164.526(b)(2)(ii)"""
ANSWERERS: Final = frozenset({*PRACTITIONERS, Role.COMPLIANCE_OFFICER})
CLIENTS: Final = frozenset({Role.CLIENT, Role.REPRESENTATIVE})


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and when."""

    sub: str
    role: Role
    at: datetime
    place: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class Amendment:
    asked: AmendmentRequested
    due_at: datetime
    version: int
    extended: AmendmentExtended | None = None
    accepted: AmendmentAccepted | None = None
    denied: AmendmentDenied | None = None
    disagreement: DisagreementStated | None = None
    rebuttal: RebuttalStated | None = None

    @property
    def open(self) -> bool:
        return self.accepted is None and self.denied is None

    def status(self, now: datetime) -> str:
        if self.accepted is not None:
            return "accepted"
        if self.denied is not None:
            return "denied" if self.disagreement is None else "disagreed"
        return "overdue" if self.due_at <= now else "requested"


def request(
    amendment_id: UUID, client_id: UUID, record_id: UUID, record_type: RecordType, received_on: str, words: AmendmentWords, by: By
) -> list[Event]:
    """Raises InvalidForm, NotAllowed."""
    if by.role not in CLIENTS and by.role is not Role.INTAKE:
        raise NotAllowed("An amendment is asked for by the client, by who represents them, or at intake on their word.")
    try:
        received = parse_day(received_on)
    except ValueError as error:
        raise InvalidForm([FormFault("/received_on", str(error))]) from None
    if not by.place.has_come(received, by.at) or (by.role in CLIENTS and received != by.place.today(by.at)):
        raise InvalidForm([FormFault("/received_on", "the day on which the practice had it: not in the future")])
    return [
        AmendmentRequested(
            amendment_id=amendment_id, client_id=client_id, at=by.at, by=by.sub, role=str(by.role),
            amended_record=record_id, record_type=record_type, received_on=received_on,
            due_at=midnight(received) + TIME_TO_ANSWER + timedelta(days=1), words=Sealed(words),
        )
    ]  # fmt: skip


def extend(state: Amendment, reason: str, by: By) -> list[Event]:
    """Raises NotAllowed, NotNow."""
    _answering(state, by)
    if state.extended is not None or state.due_at <= by.at:
        raise NotNow("The time is extended once, by 30 days, and only before the first 60 are over: answer it now.")
    one = state.asked
    return [
        AmendmentExtended(
            amendment_id=one.amendment_id, client_id=one.client_id, at=by.at, by=by.sub, role=str(by.role),
            due_at=state.due_at + EXTENSION, reason=Sealed(reason),
        )
    ]  # fmt: skip


def accept(state: Amendment, text: str, by: By) -> list[Event]:
    """Raises NotAllowed, NotNow. Late is better than never: also after its time."""
    _answering(state, by)
    one = state.asked
    return [
        AmendmentAccepted(
            amendment_id=one.amendment_id, client_id=one.client_id, at=by.at, by=by.sub, role=str(by.role),
            amended_record=one.amended_record, text=Sealed(text),
        )
    ]  # fmt: skip


def deny(state: Amendment, basis: DenialBasis, reason: str, by: By) -> list[Event]:
    """Raises NotAllowed, NotNow."""
    _answering(state, by)
    one = state.asked
    return [
        AmendmentDenied(
            amendment_id=one.amendment_id, client_id=one.client_id, at=by.at, by=by.sub, role=str(by.role),
            basis=basis, reason=Sealed(reason),
        )
    ]  # fmt: skip


def disagree(state: Amendment, statement: str, by: By) -> list[Event]:
    """Raises NotAllowed, NotNow."""
    if by.role not in CLIENTS:
        raise NotAllowed("The client, or who represents them, states a disagreement.")
    if state.denied is None or state.disagreement is not None:
        raise NotNow("One statement of disagreement follows a denial.")
    one = state.asked
    return [
        DisagreementStated(
            amendment_id=one.amendment_id, client_id=one.client_id, at=by.at, by=by.sub, role=str(by.role),
            amended_record=one.amended_record, statement=Sealed(statement),
        )
    ]  # fmt: skip


def rebut(state: Amendment, statement: str, by: By) -> list[Event]:
    """Raises NotAllowed, NotNow."""
    if by.role not in ANSWERERS:
        raise NotAllowed("A rebuttal is the practice's: by a practitioner or a compliance officer.")
    if state.disagreement is None or state.rebuttal is not None:
        raise NotNow("One rebuttal may follow a statement of disagreement.")
    one = state.asked
    return [
        RebuttalStated(
            amendment_id=one.amendment_id, client_id=one.client_id, at=by.at, by=by.sub, role=str(by.role),
            statement=Sealed(statement),
        )
    ]  # fmt: skip


def _answering(state: Amendment, by: By) -> None:
    if by.role not in ANSWERERS:
        raise NotAllowed("It is answered by a practitioner who treats the client, or by a compliance officer.")
    if not state.open:
        raise NotNow("It is answered already.")


def evolve(state: Amendment | None, event: Event) -> Amendment | None:
    if isinstance(event, AmendmentRequested):
        return Amendment(asked=event, due_at=event.due_at, version=1)
    if state is None:
        return None
    state = replace(state, version=state.version + 1)
    match event:
        case AmendmentExtended():
            return replace(state, due_at=event.due_at, extended=event)
        case AmendmentAccepted():
            return replace(state, accepted=event)
        case AmendmentDenied():
            return replace(state, denied=event)
        case DisagreementStated():
            return replace(state, disagreement=event)
        case RebuttalStated():
            return replace(state, rebuttal=event)
    return state
