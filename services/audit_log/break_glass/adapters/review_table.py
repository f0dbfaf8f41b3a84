"""The queue of reviews: what was granted, what is still to be written down, and what was found. No reason and no name of a
recipient stands here: those are payload of the ledger, erasable."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.audit_log.break_glass.domain.reviews import Finding, Review
from services.audit_log.decision.domain.grants import Grant
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_SELECT: Final = """SELECT r.grant_id, r.holder, r.client_id, r.purpose, r.scope, r.made_at, r.due_at,
  coalesce(a.expires_at, r.expires_at) AS expires_at, d.decision, d.decided_by, d.decided_at,
  ARRAY(SELECT m FROM unnest(r.missing) m WHERE NOT EXISTS (SELECT FROM grant_documentation w
    WHERE w.tenant_id = r.tenant_id AND w.grant_id = r.grant_id AND w.item = m)) AS missing
FROM grant_review r
LEFT JOIN break_glass_approval a ON a.tenant_id = r.tenant_id AND a.grant_id = r.grant_id
LEFT JOIN grant_decision d ON d.tenant_id = r.tenant_id AND d.grant_id = r.grant_id
WHERE r.tenant_id = $1"""
_ONE: Final = f"{_SELECT} AND r.grant_id = $2"
_QUEUE: Final = f"""SELECT * FROM ({_SELECT}) q
WHERE ($2 = 'all' OR ($2 = 'open' AND decision IS NULL) OR ($2 = 'decided' AND decision IS NOT NULL)
  OR ($2 = 'documentation' AND cardinality(missing) > 0))
AND ($3::timestamptz IS NULL OR (due_at, grant_id) > ($3, $4::uuid)) ORDER BY due_at, grant_id LIMIT $5"""  # noqa: S608
_INSERT: Final = """INSERT INTO grant_review
(tenant_id, grant_id, holder, client_id, purpose, scope, made_at, expires_at, due_at, missing)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
_WRITTEN: Final = """INSERT INTO grant_documentation (tenant_id, grant_id, item, written_by, written_at)
VALUES ($1, $2, $3, $4, $5)"""
_DECIDED: Final = """INSERT INTO grant_decision (tenant_id, grant_id, decision, decided_by, decided_at)
VALUES ($1, $2, $3, $4, $5)"""


class ReviewTable:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def one(self, tenant: str, grant_id: UUID) -> Review | None:
        rows = await self._store.fetch(tenant, _ONE, tenant, grant_id)
        return _review(rows[0]) if rows else None

    async def queue(self, tenant: str, status: str, after: tuple[datetime, str] | None, limit: int) -> list[Review]:
        """Soonest due first. `status`: open, documentation, decided or all."""
        at, grant_id = (after[0], UUID(after[1])) if after else (None, None)
        return [_review(r) for r in await self._store.fetch(tenant, _QUEUE, tenant, status, at, grant_id, limit)]

    def wanted(self, tenant: str, grant: Grant, at: datetime, due_at: datetime, missing: Sequence[str]) -> Statement:
        row = (grant.sub, UUID(grant.client_id), grant.purpose, sorted(grant.scope), at, grant.expires_at, due_at, list(missing))
        return Statement(_INSERT, (tenant, UUID(grant.id), *row))

    def written(self, tenant: str, grant_id: str, item: str, by: str, at: datetime) -> Statement:
        return Statement(_WRITTEN, (tenant, UUID(grant_id), item, by, at))

    def decided(self, tenant: str, grant_id: str, finding: Finding, by: str, at: datetime) -> Statement:
        return Statement(_DECIDED, (tenant, UUID(grant_id), finding.value, by, at))


def _review(row: Mapping[str, Any]) -> Review:
    return Review(
        grant_id=str(row["grant_id"]),
        holder=row["holder"],
        client_id=str(row["client_id"]),
        purpose=row["purpose"],
        scope=tuple(row["scope"]),
        made_at=row["made_at"],
        expires_at=row["expires_at"],
        due_at=row["due_at"],
        missing=tuple(row["missing"]),
        finding=Finding(row["decision"]) if row["decision"] is not None else None,
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )
