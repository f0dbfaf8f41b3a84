"""The client's newest choice in PostgreSQL."""

from typing import Final
from uuid import UUID

from services.alliance_measurement.release.application.ports import StoredChoice
from services.alliance_measurement.release.domain.release import Choice, ReleaseChosen
from shared.contracts.disclosure import ReleaseAudience
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.sealing.event import Event

TABLES: Final = {
    "release_choice": """
CREATE TABLE IF NOT EXISTS release_choice (
  tenant_id text NOT NULL,
  client_id uuid NOT NULL,
  choice_id uuid NOT NULL,
  therapist text NOT NULL,
  supervisor text NOT NULL,
  CONSTRAINT release_choice_pkey PRIMARY KEY (tenant_id, client_id)
)
""",
}
_CHOICE: Final = "SELECT choice_id, therapist, supervisor FROM release_choice WHERE tenant_id = $1 AND client_id = $2"
_CHOOSE: Final = (
    "INSERT INTO release_choice (tenant_id, client_id, choice_id, therapist, supervisor) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT ON CONSTRAINT release_choice_pkey DO UPDATE SET therapist = $4, supervisor = $5"
)


class PostgresChoices:
    """`ReleaseIndex` over the service's own database."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def choice(self, tenant: str, client_id: UUID) -> StoredChoice | None:
        rows = await self._store.fetch(tenant, _CHOICE, tenant, client_id)
        if not rows:
            return None
        therapist, supervisor = ReleaseAudience(rows[0]["therapist"]), ReleaseAudience(rows[0]["supervisor"])
        return StoredChoice(rows[0]["choice_id"], Choice(therapist, supervisor))

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        return project_release(tenant, event)


def project_release(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in `release_choice`."""
    match event:
        case ReleaseChosen():
            choice = (tenant, event.client_id, event.choice_id, str(event.therapist), str(event.supervisor))
            return (Statement(_CHOOSE, choice),)
        case _:
            return ()
