"""Somebody's authority to act for a client: dated, limited, and ended by the age of majority where it rests on minority."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.consent.domain import jurisdictions
from services.consent.domain.errors import FormFault, InvalidForm, NotAllowed, NotNow
from services.consent.domain.people_events import (
    RepresentativeAppointed,
    RepresentativeEnded,
    RepresentativeRested,
    RepresentativeTookEffect,
    RepresentativeWords,
)
from services.consent.domain.periods import GivenPeriod
from shared.contracts.consent_policy import Period, RepresentativeKind, RepresentativePower, RepresentativeSet
from shared.identity.roles import Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed
from shared.values.time import ANYWHERE, NOT_YET, Place, parse_day

NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Appoint:
    representative_id: UUID
    client_id: UUID
    person: str
    kind: RepresentativeKind
    authority: str
    period: GivenPeriod
    may: tuple[RepresentativePower, ...]
    words: RepresentativeWords
    by: str
    by_role: Role
    at: datetime
    jurisdiction: str | None = None
    only_without_capacity: bool = False
    excluded_record_ids: tuple[str, ...] = ()
    excluded_labels: tuple[str, ...] = ()
    incapacitated_since: datetime | None = None
    place: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class Representative:
    appointed: RepresentativeAppointed
    holds: Period
    """now: an authority that waits for capacity to be lost holds for no time at all"""
    version: int
    resting: bool = False
    ended: str | None = None
    """why it ended"""

    def next_time(self) -> datetime | None:
        """When its time is up."""
        return self.holds.end if self.ended is None else None

    def current(self, at: datetime) -> bool:
        return not self.resting and self.holds.start <= at and (self.holds.end is None or at < self.holds.end)


def appoint(command: Appoint) -> list[Event]:
    """Raises InvalidForm, NotAllowed."""
    if command.by_role is not Role.INTAKE:
        raise NotAllowed("Who acts for a client is registered at intake, where the evidence is seen.")
    if command.by == command.person:
        raise NotAllowed("Nobody registers themselves as somebody's representative: ask a colleague.")
    holds, found = _holds(command), command.period.faults("/period")
    faults = found + ([holds] if isinstance(holds, FormFault) else [])
    if not command.may:
        faults.append(FormFault("/may", "at least one of: read, sign, revoke"))
    if faults or isinstance(holds, FormFault):
        raise InvalidForm(faults)
    appointed = RepresentativeAppointed(
        representative_id=command.representative_id,
        client_id=command.client_id,
        at=command.at,
        by=command.by,
        person=command.person,
        kind=command.kind,
        authority=command.authority,
        period=command.period,
        holds=holds,
        may=command.may,
        excluded_record_ids=command.excluded_record_ids,
        excluded_labels=command.excluded_labels,
        for_minority=_for_minority(command),
        jurisdiction=command.jurisdiction,
        only_without_capacity=command.only_without_capacity,
        words=Sealed(command.words),
    )
    if command.only_without_capacity and command.incapacitated_since is not None:
        return [appointed, _effect(appointed, command.at, command.by)]
    return [appointed]


def capacity_changed(state: Representative, has_capacity: bool, by: str, at: datetime) -> list[Event]:
    """What it means for an authority that waits for the client to lose capacity; nothing for any other."""
    waits = state.appointed.only_without_capacity and state.ended is None
    if not waits or state.resting is has_capacity or (state.holds.end is not None and state.holds.end <= at):
        return []
    if not has_capacity:
        return [_effect(state.appointed, at, by)]
    one = state.appointed
    return [RepresentativeRested(representative_id=one.representative_id, client_id=one.client_id, at=at, by=by, end=at)]


def end(state: Representative, by: str, role: Role | None, at: datetime) -> list[Event]:
    """`role` None: the service, once the time is up. Raises NotAllowed, NotNow."""
    one, over = state.appointed, state.holds.end is not None and state.holds.end <= at
    if role is not None and role not in (Role.INTAKE, Role.CLIENT):
        raise NotAllowed("It is ended at intake, or by the client who gave it.")
    if role is Role.CLIENT and one.kind is not RepresentativeKind.HEALTHCARE_PROXY:
        raise NotAllowed("A proxy that you gave yourself is yours to withdraw; this one rests on the law: ask at intake.")
    if state.ended is not None or (over and role is not None and not state.resting):
        raise NotNow("It has ended already.")
    if role is None and not over:
        raise NotNow("Its time is not up yet.")
    because = "withdrawn" if role is Role.CLIENT else "ended"
    if role is None:
        because = "majority" if one.for_minority and one.holds.end != one.period.instants().end else "period"
    when = state.holds.end if role is None and state.holds.end is not None else max(at, state.holds.start)
    return [
        RepresentativeEnded(
            representative_id=one.representative_id, client_id=one.client_id, at=at, by=by, end=when, because=because
        )
    ]


def evolve(state: Representative | None, event: Event) -> Representative | None:
    if isinstance(event, RepresentativeAppointed):
        return Representative(appointed=event, holds=event.holds, version=1, resting=event.only_without_capacity)
    if state is None:
        return None
    state = replace(state, version=state.version + 1)
    match event:
        case RepresentativeTookEffect():
            return replace(state, resting=False, holds=Period(start=event.start, end=state.appointed.holds.end))
        case RepresentativeRested():
            return replace(state, resting=True)
        case RepresentativeEnded():
            return replace(state, ended=event.because, holds=Period(start=state.holds.start, end=event.end))
    return state


def policy(before: Representative | None, after: Representative, at: datetime) -> RepresentativeSet:
    """What the gate learns. Of one that waits too: else it would take the identity provider's word for them."""
    one, start = after.appointed, after.holds.start
    end_ = after.holds.end
    if after.resting:
        # one that comes to rest ends now for the gate, its next time is told as a new start; one that waits holds at no time
        end_ = max(at, start) if before is not None and not before.resting else start
    return RepresentativeSet(
        representative_id=one.representative_id,
        client_id=one.client_id,
        person=one.person,
        kind=one.kind,
        authority=one.authority,
        start=start,
        end=end_,
        may=one.may,
        excluded_record_ids=one.excluded_record_ids,
        excluded_labels=one.excluded_labels,
        at=at,
    )


def _for_minority(command: Appoint) -> bool:
    return command.kind is RepresentativeKind.PARENT or command.words.client_birth_date is not None


def _holds(command: Appoint) -> Period | FormFault:
    given = command.period.instants()
    if not _for_minority(command):
        return given
    if command.only_without_capacity:
        return FormFault("/only_without_capacity", "an authority for minority does not wait for capacity to be lost")
    birth_date = command.words.client_birth_date
    if birth_date is None:
        if given.end is None:
            return FormFault(
                "/client_birth_date", "ends a parent's authority: give it with jurisdiction, or give the period's end"
            )
        return given
    try:
        born = parse_day(birth_date)
    except ValueError as error:
        return FormFault("/client_birth_date", str(error))
    if not command.place.has_come(born, command.at):
        return FormFault("/client_birth_date", NOT_YET)
    row = jurisdictions.majority(command.jurisdiction or "", born)
    if row is None:
        if given.end is None:
            return FormFault("/jurisdiction", "no sourced age of majority for it here: give the period's end instead")
        return given
    of_age = jurisdictions.majority_instant(row, born)
    if of_age <= max(given.start, command.at):
        return FormFault("/client_birth_date", f"of age there ({row.source.citation}): the client decides")
    return Period(start=given.start, end=min(given.end or NEVER, of_age))


def _effect(one: RepresentativeAppointed, at: datetime, by: str) -> RepresentativeTookEffect:
    return RepresentativeTookEffect(
        representative_id=one.representative_id, client_id=one.client_id, at=at, by=by, start=max(at, one.holds.start)
    )
