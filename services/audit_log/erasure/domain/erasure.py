"""An erasure by two people: decided here, carried out elsewhere. See ADR 0012.

request → awaiting_approval → approved by another officer → keys fenced → keys destroyed → acknowledged by every service that
holds derived data → completed (logical); final once the KMS has destroyed the epochs that wrapped the keys.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.audit_log.erasure.domain.events import (
    ErasureAnswered,
    ErasureApproved,
    ErasureCompleted,
    ErasureEvent,
    ErasureFenced,
    ErasureKeysDestroyed,
    ErasureMadeFinal,
    ErasureRefused,
    ErasureRequested,
    ErasureRetained,
    Refused,
)
from shared.contracts.records import KeyClass, ServiceName
from shared.sealing.event import Event

HOLDERS: Final = frozenset({ServiceName.CONSENT, ServiceName.SESSION_NOTES, ServiceName.ALLIANCE})
"""services that derive data from sealed fields: an erasure is complete when each has acknowledged it"""


class ErasureStatus(StrEnum):
    AWAITING = "awaiting_approval"
    RUNNING = "running"
    COMPLETED = "completed"
    REFUSED = "refused"


class Finality(StrEnum):
    LOGICAL = "logical"
    """no key is left that opens it; a backup together with the KMS of today still could"""
    FINAL = "final"
    """the KMS epochs that ever wrapped the keys are destroyed: no backup opens it either"""


@dataclass(frozen=True, slots=True)
class Erasure:
    """The state that the events of one erasure amount to. `status` is None before the first one."""

    status: ErasureStatus | None = None
    id: UUID | None = None
    client_id: UUID | None = None
    key_classes: tuple[KeyClass, ...] = ()
    basis: str = ""
    requested_by: str = ""
    approved_by: str | None = None
    fenced: bool = False
    destroyed: bool = False
    acknowledged_by: tuple[ServiceName, ...] = ()
    refused_because: str | None = None
    """`legal_hold` or `retention`"""
    kept_by: str | None = None
    """the rule that a refusal for retention rests on"""
    final: bool = False

    @property
    def due(self) -> bool:
        """Whether there is something to do that waits for nobody."""
        return self.status is ErasureStatus.RUNNING and not self.destroyed

    @property
    def finality(self) -> Finality | None:
        """None as long as the keys exist."""
        if not self.destroyed:
            return None
        return Finality.FINAL if self.final else Finality.LOGICAL


@dataclass(frozen=True, slots=True)
class Request:
    erasure_id: UUID
    client_id: UUID
    key_classes: tuple[KeyClass, ...]
    basis: str
    by: str
    held: bool = False
    """whether a legal hold of this client stands"""
    kept_by: str | None = None
    """the rule of the retention pack that keeps some of it still"""


@dataclass(frozen=True, slots=True)
class Approve:
    by: str
    held: bool = False
    kept_by: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold was found after the approval, before the keys were fenced: from the fence on nothing stops it."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The retention pack was found to keep some of it after the approval, before the fence."""

    rule: str


@dataclass(frozen=True, slots=True)
class Fenced:
    pass


@dataclass(frozen=True, slots=True)
class Destroyed:
    kids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    service: ServiceName


@dataclass(frozen=True, slots=True)
class MakeFinal:
    pass


Command = Request | Approve | Hold | Keep | Fenced | Destroyed | Acknowledge | MakeFinal


class ErasureError(Exception):
    """The command cannot be followed."""


class NoSuchErasure(ErasureError):
    pass


class OwnRequest(ErasureError):
    """Who asked for an erasure cannot approve it: it takes two people."""


class NotAwaiting(ErasureError):
    """It is approved already, or refused."""


class OutOfOrder(ErasureError):
    """A step before its time: the caller read an older state, or a service acknowledges what was never destroyed."""


def decide(state: Erasure, command: Command, at: datetime) -> list[ErasureEvent]:
    """What follows from a command; nothing where it was followed before. Raises an ErasureError."""
    if isinstance(command, Request):
        return _request(state, command, at)
    if state.status is None or state.id is None or state.client_id is None:
        raise NoSuchErasure
    client_id, erasure_id = state.client_id, state.id
    match command:
        case Approve(by, held, kept_by):
            return _approve(state, by, _refusal(client_id, erasure_id, held, kept_by, at), at)
        case Hold():
            if state.fenced or state.status is not ErasureStatus.RUNNING:
                raise OutOfOrder
            return [ErasureRefused(client_id=client_id, erasure_id=erasure_id, at=at, reason=Refused.LEGAL_HOLD)]
        case Keep(rule):
            if state.fenced or state.status is not ErasureStatus.RUNNING:
                raise OutOfOrder
            return [ErasureRetained(client_id=client_id, erasure_id=erasure_id, at=at, rule=rule)]
        case Fenced():
            if state.status is not ErasureStatus.RUNNING:
                raise OutOfOrder
            return [] if state.fenced else [ErasureFenced(client_id=client_id, erasure_id=erasure_id, at=at)]
        case Destroyed(kids):
            if state.status is not ErasureStatus.RUNNING or not state.fenced:
                raise OutOfOrder
            if state.destroyed:
                return []
            return [ErasureKeysDestroyed(client_id=client_id, erasure_id=erasure_id, at=at, kids=kids)]
        case Acknowledge(service):
            return _acknowledge(state, service, at)
        case MakeFinal():
            if state.status is not ErasureStatus.COMPLETED:
                raise OutOfOrder
            return [] if state.final else [ErasureMadeFinal(client_id=client_id, erasure_id=erasure_id, at=at)]


def evolve(state: Erasure, event: Event) -> Erasure:
    match event:
        case ErasureRequested():
            return Erasure(
                status=ErasureStatus.AWAITING,
                id=event.erasure_id,
                client_id=event.client_id,
                key_classes=event.key_classes,
                basis=event.basis,
                requested_by=event.requested_by,
            )
        case ErasureRefused():
            return replace(state, status=ErasureStatus.REFUSED, refused_because=event.reason)
        case ErasureRetained():
            return replace(state, status=ErasureStatus.REFUSED, refused_because="retention", kept_by=event.rule)
        case ErasureApproved():
            return replace(state, status=ErasureStatus.RUNNING, approved_by=event.approved_by)
        case ErasureFenced():
            return replace(state, fenced=True)
        case ErasureKeysDestroyed():
            return replace(state, destroyed=True)
        case ErasureAnswered():
            return replace(state, acknowledged_by=(*state.acknowledged_by, event.service))
        case ErasureCompleted():
            return replace(state, status=ErasureStatus.COMPLETED)
        case ErasureMadeFinal():
            return replace(state, final=True)
    raise TypeError(f"{type(event).__name__} is no event of an erasure")


def _request(state: Erasure, command: Request, at: datetime) -> list[ErasureEvent]:
    if state.status is not None:
        raise OutOfOrder
    if not command.key_classes:
        raise ValueError("an erasure names at least one key class")
    events: list[ErasureEvent] = [
        ErasureRequested(
            client_id=command.client_id,
            erasure_id=command.erasure_id,
            at=at,
            key_classes=tuple(dict.fromkeys(command.key_classes)),
            basis=command.basis,
            requested_by=command.by,
        )
    ]
    return events + _refusal(command.client_id, command.erasure_id, command.held, command.kept_by, at)


def _refusal(client_id: UUID, erasure_id: UUID, held: bool, kept_by: str | None, at: datetime) -> list[ErasureEvent]:
    if held:
        return [ErasureRefused(client_id=client_id, erasure_id=erasure_id, at=at, reason=Refused.LEGAL_HOLD)]
    if kept_by is not None:
        return [ErasureRetained(client_id=client_id, erasure_id=erasure_id, at=at, rule=kept_by)]
    return []


def _approve(state: Erasure, by: str, refusal: list[ErasureEvent], at: datetime) -> list[ErasureEvent]:
    assert state.id is not None and state.client_id is not None
    if by == state.requested_by:
        raise OwnRequest
    if state.status is not ErasureStatus.AWAITING:
        raise NotAwaiting
    return refusal or [ErasureApproved(client_id=state.client_id, erasure_id=state.id, at=at, approved_by=by)]


def _acknowledge(state: Erasure, service: ServiceName, at: datetime) -> list[ErasureEvent]:
    assert state.id is not None and state.client_id is not None
    if not state.destroyed or service not in HOLDERS:
        raise OutOfOrder
    if service in state.acknowledged_by:
        return []
    events: list[ErasureEvent] = [ErasureAnswered(client_id=state.client_id, erasure_id=state.id, at=at, service=service)]
    if {*state.acknowledged_by, service} >= HOLDERS:
        events.append(ErasureCompleted(client_id=state.client_id, erasure_id=state.id, at=at))
    return events
