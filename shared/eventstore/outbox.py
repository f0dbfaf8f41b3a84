"""The outbox as the relay sees it: rows of every tenant in the order of the fence, for the one process that leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.eventstore.leader import LeaderConnection

LEADER = (4_011, 2)
"""two-part advisory lock: streams lock in the one-part key space"""
_COLUMNS = "id, tenant_id, event_id, aggregatetype, aggregateid, type, schema_version, stream, sequence, payload, created_at"
# Rows of transactions this cluster has not reached come from a dump of another: they are older than all it wrote itself.
_PENDING = f"""
WITH page AS (
  (SELECT 0 AS era, xid, {_COLUMNS} FROM outbox
   WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint ORDER BY xid, id LIMIT $1)
  UNION ALL
  (SELECT 1 AS era, xid, {_COLUMNS} FROM outbox
   WHERE xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid, id LIMIT $1)
  LIMIT $1
)
SELECT {_COLUMNS}, coalesce(n.last, 0) + row_number() OVER (PARTITION BY aggregatetype, aggregateid ORDER BY era, xid, id)
FROM page LEFT JOIN message_number n ON n.topic = aggregatetype AND n.key = aggregateid ORDER BY era, xid, id
"""  # noqa: S608
_RELAYED = """
WITH gone AS (DELETE FROM outbox WHERE id = ANY($1::bigint[]) RETURNING aggregatetype, aggregateid)
INSERT INTO message_number (topic, key, last) SELECT aggregatetype, aggregateid, count(*) FROM gone GROUP BY 1, 2
ON CONFLICT ON CONSTRAINT message_number_pkey DO UPDATE SET last = message_number.last + excluded.last
"""
_OLDEST = "SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM outbox ORDER BY id LIMIT 1"
_PRUNE = "DELETE FROM inbox WHERE handled_at < now() - $1::interval RETURNING 1"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    id: int
    tenant_id: str
    event_id: UUID
    """message id"""
    aggregatetype: str
    """topic"""
    aggregateid: str
    """key: `tenant/client_id`"""
    type: str
    schema_version: int
    stream: str
    sequence: int
    """version of the event in its stream"""
    payload: bytes
    created_at: datetime
    number: int
    """place in its topic and key, dense from 1: the same at each attempt, kept once the row is deleted"""


class Outbox(LeaderConnection):
    """One connection of the relay role, for the one process that leads. A row is kept until it is relayed, and no longer."""

    def __init__(self, relay_url: str) -> None:
        super().__init__(relay_url, LEADER)

    async def pending(self, limit: int) -> list[OutboxRow]:
        """The oldest rows that no running transaction can still precede. Raises StoreUnavailable, also without the lead."""
        return [OutboxRow(*row) for row in await self.fetch(_PENDING, limit)]

    async def delete(self, ids: Sequence[int]) -> None:
        """Rows that the transport has confirmed, of each key the oldest first. Raises StoreUnavailable, also without the lead."""
        await self.fetch(_RELAYED, list(ids))

    async def prune_inbox(self, days: float) -> int:
        """Forgets messages handled more than `days` ago, never younger than `schema.INBOX_KEPT_DAYS`: how many rows.

        What comes again after that is still known by its number (`inbox_number`). Raises StoreUnavailable.
        """
        return len(await self.fetch(_PRUNE, timedelta(days=days)))

    async def oldest_age(self) -> float:
        """Age in seconds of the oldest row; 0 where there is none. Raises StoreUnavailable."""
        return max(0.0, await self.value(_OLDEST) or 0.0)

    async def parked(self) -> int:
        """Messages of this service that could not be handled, and wait for an operator. Raises StoreUnavailable."""
        return int(await self.value("SELECT count(*) FROM parked") or 0)
