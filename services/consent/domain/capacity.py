"""Whether a client can consent for now: found by somebody, with its basis, and found again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.consent.domain.errors import FormFault, InvalidForm, NotAllowed, NotNow
from services.consent.domain.people_events import CapacityDetermined
from shared.identity.roles import PRACTITIONERS, Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed
from shared.values.time import ANYWHERE, NOT_YET, Place


@dataclass(frozen=True, slots=True)
class Determine:
    capacity_id: UUID
    client_id: UUID
    has_capacity: bool
    since: datetime
    basis: str
    by: str
    role: Role
    at: datetime
    place: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class Capacity:
    """Every finding, oldest first. Before the first one a client has the capacity to consent."""

    found: tuple[CapacityDetermined, ...]
    version: int

    @property
    def lost_since(self) -> datetime | None:
        newest = self.found[-1]
        return None if newest.has_capacity else newest.since


def decide(state: Capacity | None, command: Determine) -> list[Event]:
    """Raises InvalidForm, NotAllowed, NotNow."""
    if command.role not in PRACTITIONERS and command.role is not Role.INTAKE:
        raise NotAllowed("It is found by a practitioner who knows the client, or written down at intake (a court's finding).")
    if not command.place.has_come(command.since, command.at):
        raise InvalidForm([FormFault("/since", NOT_YET)])
    has = state is None or state.lost_since is None
    if has is command.has_capacity:
        raise NotNow("That is what is recorded already.")
    if state is not None and command.since < state.found[-1].since:
        raise InvalidForm([FormFault("/since", "not before what was found last")])
    return [
        CapacityDetermined(
            capacity_id=command.capacity_id,
            client_id=command.client_id,
            has_capacity=command.has_capacity,
            since=command.since,
            by=command.by,
            at=command.at,
            basis=Sealed(command.basis),
        )
    ]


def evolve(state: Capacity | None, event: Event) -> Capacity | None:
    if not isinstance(event, CapacityDetermined):
        return state
    return Capacity((*(state.found if state else ()), event), (state.version if state else 0) + 1)
