"""What was written while the gate was away: announced by its service, reconciled, refused or dropped. Ids, codes and times."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.audit_log.downtime.application.reconciling import KnownLate
from services.audit_log.downtime.application.watch import Overdue, Standing
from shared.contracts.downtime import LateOutcome, LateWrite, NoteWaits
from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS late_write (
  tenant_id text NOT NULL,
  record_id uuid NOT NULL,
  client_id uuid NOT NULL,
  service text NOT NULL,
  record_type text NOT NULL,
  author text NOT NULL,
  kid text NOT NULL,
  written_at timestamptz NOT NULL,
  announced_at timestamptz,
  outcome text,
  fault text,
  event_id uuid,
  digest text,
  entry bigint,
  settled_at timestamptz,
  alarmed_at timestamptz,
  CONSTRAINT late_write_pkey PRIMARY KEY (tenant_id, record_id)
)"""
SCHEMA: Final = [
    _TABLE,
    "CREATE INDEX IF NOT EXISTS late_write_waiting ON late_write (tenant_id, announced_at) WHERE settled_at IS NULL",
    *tenant_table("late_write"),
]
_ANNOUNCED: Final = """
INSERT INTO late_write (tenant_id, record_id, client_id, service, record_type, author, kid, written_at, announced_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, record_id) DO UPDATE SET announced_at = coalesce(late_write.announced_at, excluded.announced_at)"""
# the entry's index is given in this very transaction, before its statements run
_DECIDED: Final = """
INSERT INTO late_write (tenant_id, record_id, client_id, service, record_type, author, kid, written_at, outcome, fault, event_id,
                        digest, entry, settled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
        (SELECT max(idx) FROM ledger_record WHERE tenant_id = $1 AND record_id = $2::uuid::text), $13)
ON CONFLICT (tenant_id, record_id) DO UPDATE SET outcome = excluded.outcome, fault = excluded.fault, event_id = excluded.event_id,
  digest = excluded.digest, entry = excluded.entry, settled_at = excluded.settled_at"""
_KNOWN: Final = "SELECT outcome, fault, event_id, digest, entry FROM late_write WHERE tenant_id = $1 AND record_id = $2"
_RECEIVED: Final = "SELECT 1 FROM receipt WHERE tenant_id = $1 AND record_id = $2 LIMIT 1"
_OVERDUE: Final = """
SELECT record_id, client_id, service, record_type, author, written_at, outcome, fault FROM late_write
WHERE tenant_id = $1 AND settled_at IS NULL AND alarmed_at IS NULL AND announced_at < $2 ORDER BY announced_at LIMIT $3"""
_ALARMED: Final = "UPDATE late_write SET alarmed_at = $3 WHERE tenant_id = $1 AND record_id = ANY($2)"
_STANDING: Final = """
SELECT count(*) FILTER (WHERE settled_at IS NULL) AS waiting, count(*) FILTER (WHERE outcome = 'reconciled') AS reconciled,
       count(*) FILTER (WHERE outcome = 'dropped') AS dropped, min(written_at) FILTER (WHERE settled_at IS NULL) AS oldest
FROM late_write WHERE tenant_id = $1"""


class LateWriteTable:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def known(self, tenant: str, record_id: str) -> KnownLate | None:
        rows = await self._store.fetch(tenant, _KNOWN, tenant, UUID(record_id))
        return _known(rows[0]) if rows and rows[0]["outcome"] is not None else None

    async def received(self, tenant: str, record_id: str) -> bool:
        """Whether a receipt says that the record was written down."""
        return bool(await self._store.fetch(tenant, _RECEIVED, tenant, UUID(record_id)))

    def announced(self, tenant: str, waits: NoteWaits, at: datetime) -> Statement:
        args = (waits.record_id, waits.client_id, waits.service, str(waits.record_type), waits.author, waits.key_id)
        return Statement(_ANNOUNCED, (tenant, *args, waits.written_at, at))

    def decided(
        self, service: str, write: LateWrite, outcome: LateOutcome, reason: str, digest: str | None, at: datetime
    ) -> Statement:
        """To be written with its entry. A refused one waits still."""
        settled = None if outcome is LateOutcome.REFUSED else at
        args = (UUID(write.record_id), UUID(write.client_id), service, str(write.record_type), write.author, write.key_id)
        written = datetime.fromisoformat(write.written_at)
        made = (str(outcome), reason, UUID(write.event_id), digest, settled)
        return Statement(_DECIDED, (write.tenant, *args, written, *made))

    async def overdue(self, tenant: str, before: datetime, limit: int) -> list[Overdue]:
        return [_overdue(row) for row in await self._store.fetch(tenant, _OVERDUE, tenant, before, limit)]

    def alarmed(self, tenant: str, record_ids: Sequence[str], at: datetime) -> Statement:
        return Statement(_ALARMED, (tenant, [UUID(i) for i in record_ids], at))

    async def standing(self, tenant: str) -> Standing:
        (row,) = await self._store.fetch(tenant, _STANDING, tenant)
        return Standing(row["waiting"], row["reconciled"], row["dropped"], row["oldest"])


def _known(row: Mapping[str, Any]) -> KnownLate:
    return KnownLate(LateOutcome(row["outcome"]), row["fault"], str(row["event_id"]), row["digest"], row["entry"])


def _overdue(row: Mapping[str, Any]) -> Overdue:
    return Overdue(
        record_id=str(row["record_id"]),
        client_id=str(row["client_id"]),
        service=row["service"],
        record_type=row["record_type"],
        author=row["author"],
        written_at=row["written_at"],
        reason=row["fault"],
    )
