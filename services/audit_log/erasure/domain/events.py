"""What happened in an erasure, as stored in the stream `erasure/<id>`."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from shared.contracts.records import NamedKeyClass, ServiceName
from shared.sealing.event import Event, Upcaster


class Refused(StrEnum):
    """Why an erasure is refused."""

    LEGAL_HOLD = "legal_hold"


class _ErasureEvent(Event):
    RECORD: ClassVar[str] = "erasure_id"
    erasure_id: UUID
    at: datetime


class ErasureRequested(_ErasureEvent):
    TYPE: ClassVar[str] = "erasure.requested"
    SCHEMA_VERSION: ClassVar[int] = 2
    """2 may name any class there will be"""
    key_classes: tuple[NamedKeyClass, ...]
    basis: str
    """ground in law, as `GDPR 17(1)(b)`; never clinical"""
    requested_by: str


class ErasureRefused(_ErasureEvent):
    TYPE: ClassVar[str] = "erasure.refused"
    reason: Refused


class ErasureRetained(_ErasureEvent):
    """Refused, because a row of the tenant's retention pack keeps some of these classes still."""

    TYPE: ClassVar[str] = "erasure.retained"
    rule: str
    """id of the rule that the row rests on, as `rule:law.164.530-j`"""


class ErasureApproved(_ErasureEvent):
    TYPE: ClassVar[str] = "erasure.approved"
    approved_by: str


class ErasureFenced(_ErasureEvent):
    """No new key of these classes is made for this client any more."""

    TYPE: ClassVar[str] = "erasure.fenced"


class ErasureKeysDestroyed(_ErasureEvent):
    TYPE: ClassVar[str] = "erasure.keys-destroyed"
    kids: tuple[str, ...]
    """key ids, for the restore drill"""


class ErasureAnswered(_ErasureEvent):
    """A service dropped what it had derived."""

    TYPE: ClassVar[str] = "erasure.acknowledged"
    service: ServiceName


class ErasureCompleted(_ErasureEvent):
    TYPE: ClassVar[str] = "erasure.completed"


class ErasureMadeFinal(_ErasureEvent):
    TYPE: ClassVar[str] = "erasure.made-final"


ErasureEvent = (
    ErasureRequested
    | ErasureRefused
    | ErasureRetained
    | ErasureApproved
    | ErasureFenced
    | ErasureKeysDestroyed
    | ErasureAnswered
    | ErasureCompleted
    | ErasureMadeFinal
)
EVENTS: Final = (
    ErasureRequested,
    ErasureRefused,
    ErasureRetained,
    ErasureApproved,
    ErasureFenced,
    ErasureKeysDestroyed,
    ErasureAnswered,
    ErasureCompleted,
    ErasureMadeFinal,
)


def _as_it_was(data: dict[str, Any]) -> dict[str, Any]:
    return data


UPCASTERS: Final[dict[tuple[str, int], Upcaster]] = {(ErasureRequested.TYPE, 1): _as_it_was}
