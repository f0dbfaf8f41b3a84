"""Notes that wait for the gate, sealed to its key; and the gate's keys as they were signed. What is erased is emptied here."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.session_notes.desk.application.downtime import Room, Waiting, WaitingState
from services.session_notes.desk.domain.kinds import NoteKind
from shared.contracts.downtime import SignedGateKey
from shared.contracts.records import RECORD_TYPES
from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

DEPLOYMENT: Final = "alliance-record.system"
"""tenant under which stands what belongs to none"""
_TABLES: Final = {
    # `data` is the draft's event sealed under a secret that lies in `envelope`, which the gate alone opens
    "waiting_note": """
CREATE TABLE IF NOT EXISTS waiting_note (
  tenant_id text NOT NULL,
  note_id uuid NOT NULL,
  client_id uuid NOT NULL,
  kind text NOT NULL,
  author text NOT NULL,
  event_id uuid NOT NULL,
  type text NOT NULL,
  schema_version int NOT NULL,
  kid text NOT NULL,
  request_id text NOT NULL,
  written_at timestamptz NOT NULL,
  state text NOT NULL,
  tried_at timestamptz,
  data bytea,
  envelope bytea,
  CONSTRAINT waiting_note_pkey PRIMARY KEY (tenant_id, note_id),
  CONSTRAINT waiting_note_whole CHECK ((data IS NULL) = (envelope IS NULL))
)""",
    "waiting_tenant": """
CREATE TABLE IF NOT EXISTS waiting_tenant (
  tenant_id text NOT NULL,
  CONSTRAINT waiting_tenant_pkey PRIMARY KEY (tenant_id)
)""",
    "gate_key_kept": """
CREATE TABLE IF NOT EXISTS gate_key_kept (
  tenant_id text NOT NULL,
  kid text NOT NULL,
  statement bytea NOT NULL,
  headers jsonb NOT NULL,
  fetched_at timestamptz NOT NULL,
  CONSTRAINT gate_key_kept_pkey PRIMARY KEY (tenant_id, kid)
)""",
}
SCHEMA: Final = (
    *_TABLES.values(),
    *(statement for name in _TABLES for statement in tenant_table(name)),
    # names of tenants alone, so that the timer reaches each of them
    "DROP POLICY IF EXISTS waiting_tenant_names ON waiting_tenant",
    "CREATE POLICY waiting_tenant_names ON waiting_tenant FOR SELECT USING (true)",
)
_COLUMNS: Final = (
    "note_id, client_id, kind, author, event_id, type, schema_version, kid, request_id, written_at, state, data, envelope"
)
_INSERT: Final = (
    f"INSERT INTO waiting_note (tenant_id, {_COLUMNS}) "  # noqa: S608
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
)
_TENANT: Final = "INSERT INTO waiting_tenant (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING"
_TENANTS: Final = "SELECT tenant_id FROM waiting_tenant ORDER BY tenant_id"
_ONE: Final = f"SELECT {_COLUMNS} FROM waiting_note WHERE tenant_id = $1 AND note_id = $2"  # noqa: S608
_DUE: Final = (
    f"SELECT {_COLUMNS} FROM waiting_note WHERE tenant_id = $1 "  # noqa: S608
    "AND (state = 'waiting' OR (state = 'refused' AND tried_at < $2)) ORDER BY written_at, note_id LIMIT $3"
)
_ROOM: Final = (
    "SELECT count(*) AS notes, count(*) FILTER (WHERE author = $2) AS by_author, "
    "count(*) FILTER (WHERE state <> 'waiting') AS refused, "
    "min(written_at) FILTER (WHERE state = 'waiting') AS oldest FROM waiting_note WHERE tenant_id = $1"
)
_STATE: Final = "UPDATE waiting_note SET state = $3, tried_at = $4 WHERE tenant_id = $1 AND note_id = $2"
_DELETE: Final = "DELETE FROM waiting_note WHERE tenant_id = $1 AND note_id = $2"
_EMPTY: Final = (
    "UPDATE waiting_note SET data = NULL, envelope = NULL, state = 'waiting' "
    "WHERE tenant_id = $1 AND client_id = $2 AND kind = ANY($3)"
)
_KEEP: Final = (
    "INSERT INTO gate_key_kept (tenant_id, kid, statement, headers, fetched_at) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT (tenant_id, kid) DO UPDATE SET statement = excluded.statement, headers = excluded.headers, "
    "fetched_at = excluded.fetched_at"
)
_FORGET: Final = "DELETE FROM gate_key_kept WHERE tenant_id = $1 AND fetched_at < $2::timestamptz - interval '90 days'"
_KEPT: Final = "SELECT statement, headers FROM gate_key_kept WHERE tenant_id = $1 ORDER BY fetched_at DESC LIMIT 5"


class WaitingTable:
    """`WaitingNotes` and `KeptKeys` over the service's own database."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def begin(self, tenant: str, waiting: Waiting) -> tuple[Statement, ...]:
        w = waiting
        ids = (w.note_id, w.client_id, str(w.kind), w.author, w.event_id, w.type, w.schema_version, w.key_id)
        args = (tenant, *ids, w.request_id, w.written_at, str(w.state), w.data, w.envelope)
        return Statement(_INSERT, args), Statement(_TENANT, (tenant,))

    async def one(self, tenant: str, note_id: UUID) -> Waiting | None:
        rows = await self._store.fetch(tenant, _ONE, tenant, note_id)
        return _waiting(rows[0]) if rows else None

    async def due(self, tenant: str, refused_before: datetime, limit: int) -> list[Waiting]:
        return [_waiting(row) for row in await self._store.fetch(tenant, _DUE, tenant, refused_before, limit)]

    async def room(self, tenant: str, author: str) -> Room:
        (row,) = await self._store.fetch(tenant, _ROOM, tenant, author)
        return Room(row["notes"], row["by_author"], row["refused"], row["oldest"])

    async def tenants(self) -> list[str]:
        return [row["tenant_id"] for row in await self._store.fetch(DEPLOYMENT, _TENANTS)]

    def tried(self, tenant: str, note_id: UUID, state: WaitingState, at: datetime) -> Statement:
        return Statement(_STATE, (tenant, note_id, str(state), at))

    def end(self, tenant: str, note_id: UUID) -> Statement:
        return Statement(_DELETE, (tenant, note_id))

    async def keep(self, key_id: str, signed: SignedGateKey, at: datetime) -> None:
        headers = orjson.dumps(signed.headers).decode()
        statements = [Statement(_KEEP, (DEPLOYMENT, key_id, signed.statement, headers, at)), Statement(_FORGET, (DEPLOYMENT, at))]
        await self._store.append(DEPLOYMENT, [], statements=statements)

    async def kept(self) -> list[SignedGateKey]:
        rows = await self._store.fetch(DEPLOYMENT, _KEPT, DEPLOYMENT)
        return [SignedGateKey(statement=bytes(r["statement"]), headers=orjson.loads(r["headers"])) for r in rows]


def emptied(tenant: str, client_id: UUID, key_classes: Collection[str]) -> tuple[Statement, ...]:
    """What waits of an erased client goes with the rest: that it waited stays, until the gate has entered that it was dropped."""
    kinds = [str(kind) for kind in NoteKind if str(RECORD_TYPES[kind.record_type].key_class) in key_classes]
    return (Statement(_EMPTY, (tenant, client_id, kinds)),) if kinds else ()


def _waiting(row: Mapping[str, Any]) -> Waiting:
    return Waiting(
        note_id=row["note_id"],
        client_id=row["client_id"],
        kind=NoteKind(row["kind"]),
        author=row["author"],
        event_id=row["event_id"],
        type=row["type"],
        schema_version=row["schema_version"],
        key_id=row["kid"],
        request_id=row["request_id"],
        written_at=row["written_at"],
        state=WaitingState(row["state"]),
        data=None if row["data"] is None else bytes(row["data"]),
        envelope=None if row["envelope"] is None else bytes(row["envelope"]),
    )
