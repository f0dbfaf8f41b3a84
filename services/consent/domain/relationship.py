"""The relationship between a practitioner and a client: dated, started by somebody else, ended once."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from services.consent.domain.errors import InvalidForm, NotAllowed, NotNow
from services.consent.domain.events import RelationshipEnded, RelationshipStarted
from services.consent.domain.periods import GivenPeriod
from shared.contracts.consent_policy import Period, RelationshipRole
from shared.identity.roles import Role
from shared.sealing.event import Event

KEEPERS: Final = frozenset({Role.INTAKE, Role.SUPERVISOR, Role.ADMINISTRATOR})
"""who makes and ends relationships, never their own"""


@dataclass(frozen=True, slots=True)
class Start:
    relationship_id: UUID
    client_id: UUID
    practitioner_id: str
    role: RelationshipRole
    period: GivenPeriod
    by: str
    by_role: Role
    at: datetime
    alone: bool = False
    """whether they hold all the roles of a solo practice; that it is one is for the gate to say"""


@dataclass(frozen=True, slots=True)
class End:
    by: str
    by_role: Role
    at: datetime


Command = Start | End


@dataclass(frozen=True, slots=True)
class Relationship:
    started: RelationshipStarted
    holds: Period
    """from `start` up to `end`, instants in UTC"""
    version: int
    ended_by: str | None = None


def says_already(state: Relationship, command: Start) -> bool:
    """Whether this relationship holds for all of the time that the command asks for: the same fact, told again."""
    started, holds, asked = state.started, state.holds, command.period.instants()
    same = (started.practitioner_id, started.role) == (command.practitioner_id, command.role)
    over = state.ended_by is not None or (holds.end is not None and holds.end <= command.at)
    covers_end = holds.end is None or (asked.end is not None and asked.end <= holds.end)
    return same and not over and holds.start <= asked.start and covers_end


def refusal(command: Start) -> str | None:
    """Why this person may not start it; None where they may. They know all of it themselves, so it may be said."""
    if command.by_role not in KEEPERS:
        return "A relationship is started at intake, by a supervisor or by an administrator."
    if command.by == command.practitioner_id and not command.alone:
        return "Nobody gives themselves a relationship to a client: ask a colleague who may."
    return None


def decide(state: Relationship | None, command: Command) -> list[Event]:
    """Raises InvalidForm, NotAllowed or NotNow."""
    if isinstance(command, Start):
        if state is not None:
            raise NotNow("This relationship exists already.")
        refused = refusal(command)
        if refused is not None:
            raise NotAllowed(refused)
        return [_start(command)]
    if state is None:
        raise NotNow("This relationship does not exist yet.")
    return [_end(state, command)]


def evolve(state: Relationship | None, event: Event) -> Relationship | None:
    if isinstance(event, RelationshipStarted):
        return Relationship(started=event, holds=event.period.instants(), version=1)
    if state is None:
        return None
    state = replace(state, version=state.version + 1)
    if isinstance(event, RelationshipEnded):
        return replace(state, holds=Period(start=state.holds.start, end=event.end), ended_by=event.by)
    return state


def check(command: Start) -> None:
    """Raises InvalidForm where the period cannot hold."""
    faults = command.period.faults("/period")
    if faults:
        raise InvalidForm(faults)


def _start(command: Start) -> RelationshipStarted:
    check(command)
    return RelationshipStarted(
        relationship_id=command.relationship_id,
        client_id=command.client_id,
        practitioner_id=command.practitioner_id,
        role=command.role,
        period=command.period,
        author=command.by,
        at=command.at,
    )


def _end(state: Relationship, command: End) -> RelationshipEnded:
    started = state.started
    if command.by_role not in KEEPERS and command.by != started.practitioner_id:
        raise NotAllowed("A relationship is ended at intake, by a supervisor, an administrator, or by the practitioner.")
    if state.ended_by is not None or (state.holds.end is not None and state.holds.end <= command.at):
        raise NotNow("This relationship has ended already.")
    return RelationshipEnded(
        relationship_id=started.relationship_id,
        client_id=started.client_id,
        # one that has not begun ends where it would have begun: it never holds
        end=max(command.at, state.holds.start),
        by=command.by,
        at=command.at,
    )
