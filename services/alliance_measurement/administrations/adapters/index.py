"""The index in PostgreSQL: read by queries, written by statements in the transaction of the events they stand for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.alliance_measurement.administrations.adapters.projection import project_administration
from services.alliance_measurement.administrations.application.ports import (
    AdministrationRow,
    AnsweredRow,
    Due,
    administration_stream,
)
from services.alliance_measurement.administrations.domain.administration import EVENT_TYPES, AdministrationAnswered
from services.alliance_measurement.desk.adapters.events import events_of
from services.alliance_measurement.instruments.domain.instrument import Rater
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.sealing.event import Event

_ADMINISTRATION: Final = (
    "SELECT a.administration_id, a.ord, a.client_id, a.instrument, a.rater, a.session_id, a.requested_at, d.answered_at "
    "FROM administration a LEFT JOIN answered d USING (tenant_id, administration_id) WHERE a.tenant_id = $1 "
)
_ONE: Final = _ADMINISTRATION + "AND a.administration_id = $2"
_OF_CLIENT: Final = _ADMINISTRATION + "AND a.client_id = $2 AND ($3::bigint IS NULL OR a.ord < $3) ORDER BY a.ord DESC LIMIT $4"
_ANSWERED: Final = (
    "SELECT d.administration_id, d.ord, d.client_id, d.answered_at, a.session_id "
    "FROM answered d JOIN administration a USING (tenant_id, administration_id) "
    "WHERE d.tenant_id = $1 AND d.client_id = $2 AND d.instrument = $3 AND d.rater = 'client' "
    "AND ($4::bigint IS NULL OR d.ord <= $4) ORDER BY d.ord"
)
_ASKED: Final = (
    "SELECT instrument FROM administration "
    "WHERE tenant_id = $1 AND client_id = $2 AND rater = 'client' AND requested_at >= $3 LIMIT 200"
)
_SCHEDULED: Final = "SELECT 1 FROM scheduled WHERE tenant_id = $1 AND session_id = $2"
_DUE: Final = (
    "SELECT q.administration_id, q.client_id, d.instrument, d.ord "
    "FROM assessment_due q JOIN answered d USING (tenant_id, administration_id) WHERE q.tenant_id = $1 ORDER BY d.ord LIMIT $2"
)

_INSERT_SCHEDULED: Final = "INSERT INTO scheduled (tenant_id, session_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_INSERT_DUE: Final = "INSERT INTO assessment_due (tenant_id, administration_id, client_id) VALUES ($1, $2, $3)"
_DELETE_DUE: Final = "DELETE FROM assessment_due WHERE tenant_id = $1 AND administration_id = $2"


class PostgresAdministrations:
    """`AdministrationIndex` over the service's own database."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def administration(self, tenant: str, administration_id: UUID) -> AdministrationRow | None:
        rows = await self._store.fetch(tenant, _ONE, tenant, administration_id)
        return _administration(rows[0]) if rows else None

    async def administrations_of(self, tenant: str, client_id: UUID, before: int | None, limit: int) -> list[AdministrationRow]:
        rows = await self._store.fetch(tenant, _OF_CLIENT, tenant, client_id, before, limit)
        return [_administration(row) for row in rows]

    async def answered(self, tenant: str, client_id: UUID, instrument: str, until: int | None = None) -> list[AnsweredRow]:
        rows = await self._store.fetch(tenant, _ANSWERED, tenant, client_id, instrument, until)
        return [
            AnsweredRow(row["administration_id"], row["ord"], row["client_id"], row["session_id"], row["answered_at"])
            for row in rows
        ]

    async def answers(self, tenant: str, administrations: Sequence[UUID]) -> dict[UUID, AdministrationAnswered]:
        streams = [administration_stream(i) for i in administrations]
        events = await events_of(self._store, EVENT_TYPES, tenant, streams, AdministrationAnswered)
        return {event.administration_id: event for event in events}

    async def asked_since(self, tenant: str, client_id: UUID, since: datetime) -> list[str]:
        return [row["instrument"] for row in await self._store.fetch(tenant, _ASKED, tenant, client_id, since)]

    async def is_scheduled(self, tenant: str, session_id: UUID) -> bool:
        return bool(await self._store.fetch(tenant, _SCHEDULED, tenant, session_id))

    async def due(self, tenant: str, limit: int) -> list[Due]:
        rows = await self._store.fetch(tenant, _DUE, tenant, limit)
        return [Due(row["administration_id"], row["client_id"], row["instrument"], row["ord"]) for row in rows]

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        return project_administration(tenant, event)

    def scheduled_row(self, tenant: str, session_id: UUID) -> Statement:
        return Statement(_INSERT_SCHEDULED, (tenant, session_id))

    def due_row(self, tenant: str, event: AdministrationAnswered) -> Statement:
        return Statement(_INSERT_DUE, (tenant, event.administration_id, event.client_id))

    def assessed_row(self, tenant: str, administration_id: UUID) -> Statement:
        return Statement(_DELETE_DUE, (tenant, administration_id))


def _administration(row: Mapping[str, Any]) -> AdministrationRow:
    return AdministrationRow(
        row["administration_id"],
        row["ord"],
        row["client_id"],
        row["instrument"],
        Rater(row["rater"]),
        row["session_id"],
        row["requested_at"],
        row["answered_at"],
    )
