"""The tables of `schema` behind the ports: written by statements in the events' own transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from services.consent.adapters.projection import project
from services.consent.application.ports import Deadline, Place
from shared.contracts.consent_policy import POLICY_STREAM
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.http.idempotency import Answer, settled
from shared.sealing.event import Event

_CLIENT_OF: Final = "SELECT client_id FROM records WHERE tenant_id = $1 AND record_type = $2 AND record_id = $3"
_PAGE: Final = """
SELECT record_id, created_at FROM records
WHERE tenant_id = $1 AND record_type = $2 AND client_id = $3
  AND ($4::timestamptz IS NULL OR (created_at, record_id) < ($4::timestamptz, $5::uuid))
ORDER BY created_at DESC, record_id DESC LIMIT $6
"""
_HEAD_MOVED: Final = """
INSERT INTO policy_heads (tenant_id, head)
SELECT $1, max(version) FROM events WHERE tenant_id = $1 AND stream = $2
ON CONFLICT (tenant_id) DO UPDATE SET head = excluded.head, changed_at = now()
"""
_NEWEST: Final = "SELECT tenant_id, head FROM policy_heads ORDER BY changed_at DESC LIMIT $1"
_FORGET_DEADLINE: Final = "DELETE FROM deadlines WHERE tenant_id = $1 AND record_id = $2"
_SET_DEADLINE: Final = """
INSERT INTO deadlines (tenant_id, record_type, record_id, client_id, due_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, record_id) DO UPDATE SET due_at = excluded.due_at
"""
_DUE: Final = """
SELECT record_type, record_id, client_id FROM deadlines WHERE tenant_id = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3
"""
_NO_TENANT: Final = "-"
"""no tenant is called so: whatever is read under it, row-level security hides every tenant's own rows"""


class PostgresRecordIndex:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def rows_of(self, tenant: str, event: Event) -> tuple[Statement, ...]:
        return project(tenant, event)

    async def client_of(self, tenant: str, record_type: RecordType, record_id: UUID) -> UUID | None:
        rows = await self._store.fetch(tenant, _CLIENT_OF, tenant, str(record_type), record_id)
        return UUID(str(rows[0]["client_id"])) if rows else None

    async def page(
        self, tenant: str, record_type: RecordType, client_id: UUID, *, before: Place | None, limit: int
    ) -> Sequence[Place]:
        at, last = (before.created_at, before.record_id) if before else (None, None)
        rows = await self._store.fetch(tenant, _PAGE, tenant, str(record_type), client_id, at, last, limit)
        return [Place(UUID(str(r["record_id"])), r["created_at"]) for r in rows]


class PostgresPolicyHeads:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def moved(self, tenant: str) -> Statement:
        return Statement(_HEAD_MOVED, (tenant, POLICY_STREAM))

    async def newest(self, limit: int) -> Sequence[tuple[str, int]]:
        rows = await self._store.fetch(_NO_TENANT, _NEWEST, limit)
        return [(str(r["tenant_id"]), int(r["head"])) for r in rows]


class PostgresDeadlines:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def set(
        self, tenant: str, record_type: RecordType, record_id: UUID, client_id: UUID, at: datetime | None
    ) -> tuple[Statement, ...]:
        if at is None:
            return (Statement(_FORGET_DEADLINE, (tenant, record_id)),)
        return (Statement(_SET_DEADLINE, (tenant, str(record_type), record_id, client_id, at)),)

    async def due(self, tenant: str, now: datetime, limit: int) -> Sequence[Deadline]:
        rows = await self._store.fetch(tenant, _DUE, tenant, now, limit)
        return [Deadline(RecordType(r["record_type"]), UUID(str(r["record_id"])), UUID(str(r["client_id"]))) for r in rows]


class PostgresAnswers:
    """Rewrites what `shared.http.idempotency` keeps, once a revocation is confirmed."""

    def settled(self, call: Call, answer: Answer) -> Statement:
        return settled(call, answer)
