"""Which notes are signed, by the receipts of their signatures, and which are held back. Rows are added and never changed; the
reason of a hold stands in the ledger alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.audit_log.decision.domain.open_notes import HoldException, NoteHold, NoteStanding
from shared.contracts.session_notes import PROGRESS_NOTE_SIGNED
from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

_TABLES: Final = {
    "note_hold": """
CREATE TABLE IF NOT EXISTS note_hold (
  tenant_id text NOT NULL,
  id uuid NOT NULL,
  note_id uuid NOT NULL,
  client_id uuid NOT NULL,
  exception text NOT NULL,
  until timestamptz NOT NULL,
  placed_by text NOT NULL,
  placed_at timestamptz NOT NULL,
  CONSTRAINT note_hold_pkey PRIMARY KEY (tenant_id, id)
)""",
    "note_hold_end": """
CREATE TABLE IF NOT EXISTS note_hold_end (
  tenant_id text NOT NULL,
  hold_id uuid NOT NULL,
  ended_by text NOT NULL,
  ended_at timestamptz NOT NULL,
  CONSTRAINT note_hold_end_pkey PRIMARY KEY (tenant_id, hold_id)
)""",
}
SCHEMA: Final = (
    *_TABLES.values(),
    "CREATE INDEX IF NOT EXISTS note_hold_note ON note_hold (tenant_id, note_id)",
    *(statement for name in _TABLES for statement in tenant_table(name)),
)
_SIGNED: Final = """SELECT DISTINCT record_id FROM receipt
WHERE tenant_id = $1 AND record_id = ANY($2::uuid[]) AND event_type = $3 AND fault IS NULL"""
_HOLDS: Final = """SELECT h.*, e.ended_by, e.ended_at FROM note_hold h
LEFT JOIN note_hold_end e ON e.tenant_id = h.tenant_id AND e.hold_id = h.id
WHERE h.tenant_id = $1 AND h.note_id = ANY($2::uuid[]) ORDER BY h.placed_at DESC, h.id"""
_PLACE: Final = """INSERT INTO note_hold (tenant_id, id, note_id, client_id, exception, until, placed_by, placed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_END: Final = "INSERT INTO note_hold_end (tenant_id, hold_id, ended_by, ended_at) VALUES ($1, $2, $3, $4)"


class NoteTable:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def standings(self, tenant: str, note_ids: Sequence[str], now: datetime) -> Mapping[str, NoteStanding]:
        """Of each note; one whose signature's receipt has not come counts as a draft."""
        ids = [UUID(i) for i in note_ids]
        rows = await self._store.fetch(tenant, _SIGNED, tenant, ids, PROGRESS_NOTE_SIGNED)
        signed = {str(r["record_id"]) for r in rows}
        held: dict[str, datetime] = {}
        for hold in await self._of(tenant, ids):
            if hold.holds(now):
                held[hold.note_id] = max(hold.until, held.get(hold.note_id, hold.until))
        return {i: NoteStanding(i in signed, held.get(i)) for i in note_ids}

    async def holds(self, tenant: str, note_id: UUID) -> list[NoteHold]:
        """Newest first, those that are over too."""
        return await self._of(tenant, [note_id])

    async def _of(self, tenant: str, ids: Sequence[UUID]) -> list[NoteHold]:
        return [_hold(r) for r in await self._store.fetch(tenant, _HOLDS, tenant, list(ids))]

    def placed(self, tenant: str, hold: NoteHold) -> Statement:
        ids = (UUID(hold.id), UUID(hold.note_id), UUID(hold.client_id))
        return Statement(_PLACE, (tenant, *ids, str(hold.exception), hold.until, hold.placed_by, hold.placed_at))

    def ended(self, tenant: str, hold: NoteHold, by: str, at: datetime) -> Statement:
        """UniqueViolation where it was ended already."""
        return Statement(_END, (tenant, UUID(hold.id), by, at))


def _hold(r: Mapping[str, Any]) -> NoteHold:
    return NoteHold(
        id=str(r["id"]),
        note_id=str(r["note_id"]),
        client_id=str(r["client_id"]),
        exception=HoldException(r["exception"]),
        until=r["until"],
        placed_by=r["placed_by"],
        placed_at=r["placed_at"],
        ended_by=r["ended_by"],
        ended_at=r["ended_at"],
    )
