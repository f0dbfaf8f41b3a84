"""Outcomes in PostgreSQL: ids and their order. Which measure a score is of is sealed."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from services.alliance_measurement.outcomes.application.ports import OutcomeRow, outcome_stream
from services.alliance_measurement.outcomes.domain.outcome import EVENT_TYPES, OutcomeEvent, OutcomeRecorded, OutcomeState, fold
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.sealing.event import Event

TABLES: Final = {
    "outcome": """
CREATE TABLE IF NOT EXISTS outcome (
  ord bigint GENERATED ALWAYS AS IDENTITY,
  tenant_id text NOT NULL,
  outcome_id uuid NOT NULL,
  client_id uuid NOT NULL,
  CONSTRAINT outcome_pkey PRIMARY KEY (tenant_id, outcome_id)
)
""",
}
INDEXES: Final = ("CREATE INDEX IF NOT EXISTS outcome_of_client ON outcome (tenant_id, client_id, ord)",)

_OUTCOMES: Final = (
    "SELECT outcome_id, ord, client_id FROM outcome WHERE tenant_id = $1 AND client_id = $2 "
    "AND ($3::bigint IS NULL OR ord > $3) ORDER BY ord LIMIT $4"
)
_ONE: Final = "SELECT outcome_id, ord, client_id FROM outcome WHERE tenant_id = $1 AND outcome_id = $2"
_STREAMS: Final = (
    "SELECT stream, type, event_id, schema_version, data FROM events WHERE tenant_id = $1 AND stream = ANY($2::text[]) "
    "ORDER BY stream, version"
)
_INSERT: Final = (
    "INSERT INTO outcome (ord, tenant_id, outcome_id, client_id) OVERRIDING SYSTEM VALUE VALUES "
    "((SELECT max(position) FROM events WHERE tenant_id = $1 AND stream = $2 AND type = $3), $1, $4, $5)"
)


class PostgresOutcomes:
    """`OutcomeIndex` over the service's own database."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def outcomes_of(self, tenant: str, client_id: UUID, after: int | None, limit: int) -> list[OutcomeRow]:
        rows = await self._store.fetch(tenant, _OUTCOMES, tenant, client_id, after, limit)
        return [OutcomeRow(row["outcome_id"], row["ord"], row["client_id"]) for row in rows]

    async def outcome(self, tenant: str, outcome_id: UUID) -> OutcomeRow | None:
        rows = await self._store.fetch(tenant, _ONE, tenant, outcome_id)
        return OutcomeRow(rows[0]["outcome_id"], rows[0]["ord"], rows[0]["client_id"]) if rows else None

    async def outcomes(self, tenant: str, outcomes: Sequence[UUID]) -> dict[UUID, OutcomeState]:
        streams: dict[str, list[OutcomeEvent]] = {}
        for row in await self._store.fetch(tenant, _STREAMS, tenant, [outcome_stream(i) for i in outcomes]):
            event = EVENT_TYPES.load(
                tenant=tenant,
                event_type=row["type"],
                schema_version=row["schema_version"],
                event_id=row["event_id"],
                data=bytes(row["data"]),
            )
            assert isinstance(event, OutcomeEvent)
            streams.setdefault(row["stream"], []).append(event)
        return {state.outcome_id: state for state in map(fold, streams.values())}

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        return project_outcome(tenant, event)


def project_outcome(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in `outcome`."""
    match event:
        case OutcomeRecorded():
            place = (tenant, outcome_stream(event.outcome_id), event.TYPE)
            return (Statement(_INSERT, (*place, event.outcome_id, event.client_id)),)
        case _:
            return ()
