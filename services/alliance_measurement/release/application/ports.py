"""What the handlers of the client's choice work with."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.alliance_measurement.desk.application.desk import Desk
from services.alliance_measurement.release.domain.release import Choice
from shared.eventstore.model import Statement
from shared.sealing.event import Event


@dataclass(frozen=True, slots=True)
class StoredChoice:
    choice_id: UUID
    choice: Choice


class ReleaseIndex(Protocol):
    async def choice(self, tenant: str, client_id: UUID) -> StoredChoice | None: ...

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        """What keeps the index in step, to be written with the event."""


@dataclass(frozen=True, slots=True)
class ReleaseDesk(Desk):
    index: ReleaseIndex


def release_stream(client_id: UUID) -> str:
    return f"release/{client_id}"
