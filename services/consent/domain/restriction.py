"""What a client keeps from a payer (45 CFR 164.522(a)): paid in full by oneself it binds at once, else once agreed to."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.consent.domain.errors import FormFault, InvalidForm, NotAllowed, NotNow
from services.consent.domain.people_events import RestrictionDecided, RestrictionEnded, RestrictionRequested, RestrictionWords
from services.consent.domain.periods import GivenPeriod
from shared.contracts.consent_policy import RestrictionSet
from shared.identity.roles import Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed


@dataclass(frozen=True, slots=True)
class Request:
    restriction_id: UUID
    client_id: UUID
    payer: str
    paid_in_full: bool
    purposes: tuple[str, ...]
    period: GivenPeriod
    words: RestrictionWords
    by: str
    role: Role
    at: datetime
    record_ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    data_period: GivenPeriod | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    asked: RestrictionRequested
    version: int
    agreed: bool | None = None
    """None: not answered yet"""
    ended: datetime | None = None
    note: Sealed[str | None] | None = None

    @property
    def binds(self) -> bool:
        return self.agreed is True


def request(command: Request) -> list[Event]:
    """Raises InvalidForm, NotAllowed."""
    if command.role not in (Role.CLIENT, Role.REPRESENTATIVE, Role.INTAKE):
        raise NotAllowed("A restriction is asked for by the client, by who represents them, or at intake on their word.")
    faults = command.period.faults("/period")
    faults += command.data_period.faults("/data_period") if command.data_period else []
    if command.paid_in_full and not set(command.purposes) <= {"HPAYMT", "HOPERAT"}:
        faults.append(FormFault("/purposes", "what was paid in full is kept from payment and operations (HPAYMT, HOPERAT)"))
    if not command.purposes:
        faults.append(FormFault("/purposes", "at least one"))
    if faults:
        raise InvalidForm(faults)
    return [
        RestrictionRequested(
            restriction_id=command.restriction_id,
            client_id=command.client_id,
            at=command.at,
            by=command.by,
            payer=command.payer,
            paid_in_full=command.paid_in_full,
            purposes=command.purposes,
            record_ids=command.record_ids,
            labels=command.labels,
            resource_types=command.resource_types,
            data_period=command.data_period,
            period=command.period,
            words=Sealed(command.words),
        )
    ]


def answer(state: Restriction, agreed: bool, note: str | None, by: str, role: Role, at: datetime) -> list[Event]:
    """Raises NotAllowed, NotNow."""
    asked = state.asked
    if role is not Role.INTAKE:
        raise NotAllowed("The practice answers at intake.")
    if state.agreed is not None:
        raise NotNow(
            "It binds by law: what was paid in full is not the practice's to refuse." if asked.paid_in_full else _ANSWERED
        )
    return [
        RestrictionDecided(
            restriction_id=asked.restriction_id, client_id=asked.client_id, at=at, by=by, agreed=agreed, note=Sealed(note)
        )
    ]


_ANSWERED = "It was answered already: ask again with a new request."


def end(state: Restriction, by: str, role: Role, at: datetime) -> list[Event]:
    """Raises NotAllowed, NotNow."""
    asked = state.asked
    if role not in (Role.CLIENT, Role.REPRESENTATIVE):
        raise NotAllowed("The client, or who represents them, lifts a restriction.")
    if state.ended is not None or state.agreed is False:
        raise NotNow("It does not bind any more.")
    return [
        RestrictionEnded(
            restriction_id=asked.restriction_id,
            client_id=asked.client_id,
            at=at,
            by=by,
            end=max(at, asked.period.instants().start),
        )
    ]


def evolve(state: Restriction | None, event: Event) -> Restriction | None:
    if isinstance(event, RestrictionRequested):
        return Restriction(asked=event, version=1, agreed=True if event.paid_in_full else None)
    if state is None:
        return None
    state = replace(state, version=state.version + 1)
    match event:
        case RestrictionDecided():
            return replace(state, agreed=event.agreed, note=event.note)
        case RestrictionEnded():
            return replace(state, ended=event.end)
    return state


def policy(before: Restriction | None, after: Restriction, at: datetime) -> RestrictionSet | None:
    """None where it does not bind."""
    if not after.binds:
        return None
    asked, holds = after.asked, after.asked.period.instants()
    return RestrictionSet(
        restriction_id=asked.restriction_id,
        client_id=asked.client_id,
        payer=asked.payer,
        purposes=asked.purposes,
        record_ids=asked.record_ids,
        labels=asked.labels,
        resource_types=asked.resource_types,
        data_period=asked.data_period.instants() if asked.data_period else None,
        start=holds.start,
        end=after.ended if after.ended is not None else holds.end,
        at=at,
    )
