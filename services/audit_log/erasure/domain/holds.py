"""Legal holds of a client: while one stands, nothing of the client is erased. See ADR 0012."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from shared.sealing.event import Event


class HoldPlaced(Event):
    TYPE: ClassVar[str] = "hold.placed"
    RECORD: ClassVar[str] = "hold_id"
    hold_id: UUID
    basis: str
    """matter or order that calls for it, as `court order 17-204`; never clinical"""
    placed_by: str
    at: datetime


class HoldReleased(Event):
    TYPE: ClassVar[str] = "hold.released"
    RECORD: ClassVar[str] = "hold_id"
    hold_id: UUID
    released_by: str
    at: datetime


EVENTS: Final = (HoldPlaced, HoldReleased)


def standing(events: Iterable[Event]) -> dict[UUID, HoldPlaced]:
    """The holds of one client that stand, oldest first."""
    holds: dict[UUID, HoldPlaced] = {}
    for event in events:
        if isinstance(event, HoldPlaced):
            holds[event.hold_id] = event
        elif isinstance(event, HoldReleased):
            holds.pop(event.hold_id, None)
    return holds
