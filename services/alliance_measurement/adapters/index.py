"""The index in PostgreSQL: read by queries, written by statements in the transaction of the events they stand for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from services.alliance_measurement.adapters.projection import project
from services.alliance_measurement.application.ports import (
    AdministrationRow,
    AnsweredRow,
    Due,
    OutcomeRow,
    StoredChoice,
    administration_stream,
    outcome_stream,
    prompt_stream,
)
from services.alliance_measurement.domain.administration import AdministrationAnswered
from services.alliance_measurement.domain.events import EVENT_TYPES
from services.alliance_measurement.domain.instrument import Rater
from services.alliance_measurement.domain.outcome import OutcomeEvent, OutcomeState, fold
from services.alliance_measurement.domain.release import Choice
from shared.contracts.alliance import PromptPrepared
from shared.contracts.disclosure import ReleaseAudience
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.sealing.event import Event

E = TypeVar("E", bound=Event)

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
_EVENTS: Final = (
    "SELECT event_id, schema_version, data FROM events WHERE tenant_id = $1 AND stream = ANY($2::text[]) AND type = $3"
)
_OUTCOMES: Final = (
    "SELECT outcome_id, ord, client_id FROM outcome WHERE tenant_id = $1 AND client_id = $2 "
    "AND ($3::bigint IS NULL OR ord > $3) ORDER BY ord LIMIT $4"
)
_OUTCOME: Final = "SELECT outcome_id, ord, client_id FROM outcome WHERE tenant_id = $1 AND outcome_id = $2"
_STREAMS: Final = (
    "SELECT stream, type, event_id, schema_version, data FROM events WHERE tenant_id = $1 AND stream = ANY($2::text[]) "
    "ORDER BY stream, version"
)
_CHOICE: Final = "SELECT choice_id, therapist, supervisor FROM release_choice WHERE tenant_id = $1 AND client_id = $2"
_ASKED: Final = (
    "SELECT instrument FROM administration "
    "WHERE tenant_id = $1 AND client_id = $2 AND rater = 'client' AND requested_at >= $3 LIMIT 200"
)
_SCHEDULED: Final = "SELECT 1 FROM scheduled WHERE tenant_id = $1 AND session_id = $2"
_TENANTS: Final = "SELECT tenant_id FROM assessment_tenant"
_DUE: Final = (
    "SELECT q.administration_id, q.client_id, d.instrument, d.ord "
    "FROM assessment_due q JOIN answered d USING (tenant_id, administration_id) WHERE q.tenant_id = $1 ORDER BY d.ord LIMIT $2"
)

_INSERT_SCHEDULED: Final = "INSERT INTO scheduled (tenant_id, session_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_INSERT_DUE: Final = "INSERT INTO assessment_due (tenant_id, administration_id, client_id) VALUES ($1, $2, $3)"
_INSERT_TENANT: Final = "INSERT INTO assessment_tenant (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING"
_DELETE_DUE: Final = "DELETE FROM assessment_due WHERE tenant_id = $1 AND administration_id = $2"
_NO_TENANT: Final = "-"


class PostgresIndex:
    """`Index` over the service's own database."""

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
        events = await self._events(tenant, [administration_stream(i) for i in administrations], AdministrationAnswered)
        return {event.administration_id: event for event in events}

    async def outcomes_of(self, tenant: str, client_id: UUID, after: int | None, limit: int) -> list[OutcomeRow]:
        rows = await self._store.fetch(tenant, _OUTCOMES, tenant, client_id, after, limit)
        return [OutcomeRow(row["outcome_id"], row["ord"], row["client_id"]) for row in rows]

    async def outcome(self, tenant: str, outcome_id: UUID) -> OutcomeRow | None:
        rows = await self._store.fetch(tenant, _OUTCOME, tenant, outcome_id)
        return OutcomeRow(rows[0]["outcome_id"], rows[0]["ord"], rows[0]["client_id"]) if rows else None

    async def outcomes(self, tenant: str, outcomes: Sequence[UUID]) -> dict[UUID, OutcomeState]:
        streams: dict[str, list[OutcomeEvent]] = {}
        for row in await self._store.fetch(tenant, _STREAMS, tenant, [outcome_stream(i) for i in outcomes]):
            streams.setdefault(row["stream"], []).append(_loaded(tenant, row["type"], row))
        return {state.outcome_id: state for state in map(fold, streams.values())}

    async def prompts(self, tenant: str, administrations: Sequence[UUID]) -> list[PromptPrepared]:
        return await self._events(tenant, [prompt_stream(i) for i in administrations], PromptPrepared)

    async def choice(self, tenant: str, client_id: UUID) -> StoredChoice | None:
        rows = await self._store.fetch(tenant, _CHOICE, tenant, client_id)
        if not rows:
            return None
        therapist, supervisor = ReleaseAudience(rows[0]["therapist"]), ReleaseAudience(rows[0]["supervisor"])
        return StoredChoice(rows[0]["choice_id"], Choice(therapist, supervisor))

    async def asked_since(self, tenant: str, client_id: UUID, since: datetime) -> list[str]:
        return [row["instrument"] for row in await self._store.fetch(tenant, _ASKED, tenant, client_id, since)]

    async def is_scheduled(self, tenant: str, session_id: UUID) -> bool:
        return bool(await self._store.fetch(tenant, _SCHEDULED, tenant, session_id))

    async def tenants_with_answers(self) -> list[str]:
        return [row["tenant_id"] for row in await self._store.fetch(_NO_TENANT, _TENANTS)]

    async def due(self, tenant: str, limit: int) -> list[Due]:
        rows = await self._store.fetch(tenant, _DUE, tenant, limit)
        return [Due(row["administration_id"], row["client_id"], row["instrument"], row["ord"]) for row in rows]

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        return project(tenant, event)

    def scheduled_row(self, tenant: str, session_id: UUID) -> Statement:
        return Statement(_INSERT_SCHEDULED, (tenant, session_id))

    def due_rows(self, tenant: str, event: AdministrationAnswered) -> tuple[Statement, ...]:
        due = Statement(_INSERT_DUE, (tenant, event.administration_id, event.client_id))
        return (due, Statement(_INSERT_TENANT, (tenant,)))

    def assessed_row(self, tenant: str, administration_id: UUID) -> Statement:
        return Statement(_DELETE_DUE, (tenant, administration_id))

    async def _events(self, tenant: str, streams: Sequence[str], model: type[E]) -> list[E]:
        if not streams:
            return []
        found = []
        for row in await self._store.fetch(tenant, _EVENTS, tenant, list(streams), model.TYPE):
            event = _loaded(tenant, model.TYPE, row)
            assert isinstance(event, model)
            found.append(event)
        return found


def _loaded(tenant: str, event_type: str, row: Mapping[str, Any]) -> Any:
    return EVENT_TYPES.load(
        tenant=tenant,
        event_type=event_type,
        schema_version=row["schema_version"],
        event_id=row["event_id"],
        data=bytes(row["data"]),
    )


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
