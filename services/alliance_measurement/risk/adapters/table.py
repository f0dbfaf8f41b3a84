"""Risk alerts in PostgreSQL: who was told, when, and what is still to be done. No answer, no score."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from services.alliance_measurement.desk.adapters.events import events_of
from services.alliance_measurement.risk.application.ports import AlertRow, CaseDue, risk_stream
from services.alliance_measurement.risk.domain.risk import (
    EVENT_TYPES,
    CareTeam,
    RiskAlertAcknowledged,
    RiskAlertDelivered,
    RiskAlertRaised,
    RiskSettings,
)
from shared.contracts.consent_policy import RelationshipRole
from shared.contracts.records import KeyClass
from shared.contracts.relationships import RELATIONSHIP_ENDED, RELATIONSHIP_STARTED, EndHeard, PeriodHeard, RelationshipHeard
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.messaging.port import Effect, Handler, Message
from shared.sealing.event import Event
from shared.service.erasure import ERASURES_STREAM, HOLD_ERASURES, DerivedTable, erased_clients
from shared.service.record import client_key
from shared.values.time import begin_of, end_of

TABLES: Final = {
    "risk_alert": """
CREATE TABLE IF NOT EXISTS risk_alert (
  ord bigint GENERATED ALWAYS AS IDENTITY,
  tenant_id text NOT NULL,
  alert_id uuid NOT NULL,
  administration_id uuid NOT NULL,
  client_id uuid NOT NULL,
  addressee text,
  because text NOT NULL,
  raised_at timestamptz NOT NULL,
  at timestamptz NOT NULL,
  delivered_at timestamptz,
  acknowledged_at timestamptz,
  CONSTRAINT risk_alert_pkey PRIMARY KEY (tenant_id, alert_id)
)
""",
    # written with the alert, deleted with its acknowledgement: whatever is left after a crash is done at the next start
    "risk_due": """
CREATE TABLE IF NOT EXISTS risk_due (
  tenant_id text NOT NULL,
  administration_id uuid NOT NULL,
  client_id uuid NOT NULL,
  next_at timestamptz NOT NULL,
  CONSTRAINT risk_due_pkey PRIMARY KEY (tenant_id, administration_id)
)
""",
    # a change is a new row: the older ones say what was promised before
    "risk_settings": """
CREATE TABLE IF NOT EXISTS risk_settings (
  ord bigint GENERATED ALWAYS AS IDENTITY,
  tenant_id text NOT NULL,
  document text NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT risk_settings_pkey PRIMARY KEY (tenant_id, ord)
)
""",
    "care_team": """
CREATE TABLE IF NOT EXISTS care_team (
  tenant_id text NOT NULL,
  relationship_id uuid NOT NULL,
  client_id uuid NOT NULL,
  practitioner text NOT NULL,
  role text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz,
  CONSTRAINT care_team_pkey PRIMARY KEY (tenant_id, relationship_id)
)
""",
}
INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS risk_alert_of_addressee ON risk_alert (tenant_id, addressee, ord)",
    "CREATE INDEX IF NOT EXISTS risk_alert_of_case ON risk_alert (tenant_id, administration_id, ord)",
    "CREATE INDEX IF NOT EXISTS risk_alert_of_client ON risk_alert (tenant_id, client_id, ord)",
    "CREATE INDEX IF NOT EXISTS care_team_of_client ON care_team (tenant_id, client_id)",
)
DERIVED: Final = (DerivedTable("risk_due", KeyClass.MEASURES), DerivedTable("care_team", KeyClass.CONSENT_EVIDENCE))

_COLUMNS: Final = "alert_id, ord, administration_id, client_id, addressee, because, raised_at, at, delivered_at, acknowledged_at"
_SELECT: Final = f"SELECT {_COLUMNS} FROM risk_alert WHERE tenant_id = $1 "  # noqa: S608
_ONE: Final = _SELECT + "AND alert_id = $2"
_TO: Final = _SELECT + "AND addressee = $2 AND ($3::bigint IS NULL OR ord < $3) ORDER BY ord DESC LIMIT $4"
_OF_CASE: Final = _SELECT + "AND administration_id = $2 ORDER BY ord"
_OF_CLIENT: Final = _SELECT + "AND client_id = $2 ORDER BY ord"
_SETTINGS: Final = "SELECT document FROM risk_settings WHERE tenant_id = $1 ORDER BY ord DESC LIMIT 1"
_TEAM: Final = (
    "SELECT practitioner, role FROM care_team WHERE tenant_id = $1 AND client_id = $2 AND starts_at <= $3 "
    "AND (ends_at IS NULL OR ends_at > $3) ORDER BY starts_at, relationship_id"
)
_DUE: Final = "SELECT administration_id, client_id FROM risk_due WHERE tenant_id = $1 AND next_at <= $2 ORDER BY next_at LIMIT $3"

_INSERT: Final = (
    "INSERT INTO risk_alert (ord, tenant_id, alert_id, administration_id, client_id, addressee, because, raised_at, at) "
    "OVERRIDING SYSTEM VALUE VALUES ((SELECT max(position) FROM events WHERE tenant_id = $1 AND stream = $2 AND type = $3), "
    "$1, $4, $5, $6, $7, $8, $9, $10)"
)
_DELIVERED: Final = "UPDATE risk_alert SET delivered_at = $3 WHERE tenant_id = $1 AND alert_id = $2 AND delivered_at IS NULL"
_ACKNOWLEDGED: Final = (
    "UPDATE risk_alert SET acknowledged_at = $3 WHERE tenant_id = $1 AND administration_id = $2 AND acknowledged_at IS NULL"
)
_CHOOSE: Final = "INSERT INTO risk_settings (tenant_id, document, made_by, made_at) VALUES ($1, $2, $3, $4)"
_INSERT_DUE: Final = (
    "INSERT INTO risk_due (tenant_id, administration_id, client_id, next_at) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT ON CONSTRAINT risk_due_pkey DO UPDATE SET next_at = $4"
)
_DELETE_DUE: Final = "DELETE FROM risk_due WHERE tenant_id = $1 AND administration_id = $2"
_JOINED: Final = (
    "INSERT INTO care_team (tenant_id, relationship_id, client_id, practitioner, role, starts_at, ends_at) "
    "SELECT $1::text, $2::uuid, $3::uuid, $4::text, $5::text, $6::timestamptz, $7::timestamptz "
    f"WHERE $3 NOT IN ({erased_clients('$1', '$8', '$9')}) ON CONFLICT ON CONSTRAINT care_team_pkey DO NOTHING"
)
_LEFT: Final = "UPDATE care_team SET ends_at = $3 WHERE tenant_id = $1 AND relationship_id = $2 AND client_id = $4"


class PostgresRiskIndex:
    """`RiskIndex` over the service's own database."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def alert(self, tenant: str, alert_id: UUID) -> AlertRow | None:
        rows = await self._store.fetch(tenant, _ONE, tenant, alert_id)
        return _row(rows[0]) if rows else None

    async def alerts_to(self, tenant: str, addressee: str, before: int | None, limit: int) -> list[AlertRow]:
        return [_row(r) for r in await self._store.fetch(tenant, _TO, tenant, addressee, before, limit)]

    async def of_case(self, tenant: str, administration_id: UUID) -> list[AlertRow]:
        return [_row(r) for r in await self._store.fetch(tenant, _OF_CASE, tenant, administration_id)]

    async def of_client(self, tenant: str, client_id: UUID) -> list[AlertRow]:
        return [_row(r) for r in await self._store.fetch(tenant, _OF_CLIENT, tenant, client_id)]

    async def bodies(self, tenant: str, rows: Sequence[AlertRow]) -> dict[UUID, RiskAlertRaised]:
        wanted, streams = {row.id for row in rows}, sorted({risk_stream(row.administration_id) for row in rows})
        events = await events_of(self._store, EVENT_TYPES, tenant, streams, RiskAlertRaised)
        return {event.alert_id: event for event in events if event.alert_id in wanted}

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        return project_risk(tenant, event)

    async def settings(self, tenant: str) -> RiskSettings:
        rows = await self._store.fetch(tenant, _SETTINGS, tenant)
        return RiskSettings.model_validate_json(rows[0]["document"]) if rows else RiskSettings()

    async def care_team(self, tenant: str, client_id: UUID, now: datetime) -> CareTeam:
        rows = await self._store.fetch(tenant, _TEAM, tenant, client_id, now)
        return CareTeam(_with(rows, RelationshipRole.THERAPIST), _with(rows, RelationshipRole.SUPERVISOR))

    async def due(self, tenant: str, now: datetime, limit: int) -> list[CaseDue]:
        rows = await self._store.fetch(tenant, _DUE, tenant, now, limit)
        return [CaseDue(row["administration_id"], row["client_id"]) for row in rows]

    def settings_row(self, tenant: str, settings: RiskSettings, by: str, at: datetime) -> Statement:
        return Statement(_CHOOSE, (tenant, settings.model_dump_json(), by, at))

    def due_row(self, tenant: str, administration_id: UUID, client_id: UUID, next_at: datetime) -> Statement:
        return Statement(_INSERT_DUE, (tenant, administration_id, client_id, next_at))

    def settled_row(self, tenant: str, administration_id: UUID) -> Statement:
        return Statement(_DELETE_DUE, (tenant, administration_id))


def project_risk(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in `risk_alert`."""
    match event:
        case RiskAlertRaised():
            place = (tenant, risk_stream(event.administration_id), event.TYPE)
            who = (event.alert_id, event.administration_id, event.client_id, event.addressee, str(event.because))
            return (Statement(_INSERT, (*place, *who, event.raised_at, event.at)),)
        case RiskAlertDelivered():
            return (Statement(_DELIVERED, (tenant, event.alert_id, event.at)),)
        case RiskAlertAcknowledged():
            return (Statement(_ACKNOWLEDGED, (tenant, event.administration_id, event.at)),)
        case _:
            return ()


class MisplacedRelationship(Exception):
    """A relationship that came under another client's key: it is parked."""


async def keep_relationship(message: Message) -> Effect:
    """Handles `consent.relationship-started`: who is told when nobody is on call."""
    heard = RelationshipHeard.model_validate_json(message.payload)
    if message.key != client_key(message.tenant, heard.client_id):
        raise MisplacedRelationship("a relationship is published under its own client's key")
    start, end = _bounds(heard.period)
    about = (message.tenant, heard.relationship_id, heard.client_id, heard.practitioner_id, heard.role, start, end)
    return Effect((HOLD_ERASURES,), (Statement(_JOINED, (*about, ERASURES_STREAM, str(KeyClass.CONSENT_EVIDENCE))),))


async def end_relationship(message: Message) -> Effect:
    """Handles `consent.relationship-ended`."""
    heard = EndHeard.model_validate_json(message.payload)
    if message.key != client_key(message.tenant, heard.client_id):
        raise MisplacedRelationship("a relationship is published under its own client's key")
    return Effect((), (Statement(_LEFT, (message.tenant, heard.relationship_id, heard.end, heard.client_id)),))


HANDLERS: Final[dict[str, Handler]] = {RELATIONSHIP_STARTED: keep_relationship, RELATIONSHIP_ENDED: end_relationship}


def _bounds(period: PeriodHeard) -> tuple[datetime, datetime | None]:
    """A bound outside the range of years that is read today counts as open: consent stored it before there was a range."""
    try:
        start = begin_of(period.start)
    except ValueError:
        start = datetime.min.replace(tzinfo=UTC)
    try:
        return start, None if period.end is None else end_of(period.end)
    except ValueError:
        return start, None


def _row(row: Mapping[str, Any]) -> AlertRow:
    return AlertRow(
        row["alert_id"],
        row["ord"],
        row["administration_id"],
        row["client_id"],
        row["addressee"],
        row["because"],
        row["raised_at"],
        row["at"],
        row["delivered_at"],
        row["acknowledged_at"],
    )


def _with(rows: Sequence[Mapping[str, Any]], role: RelationshipRole) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row["practitioner"] for row in rows if row["role"] == role))
