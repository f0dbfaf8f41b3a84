"""Break-glass grants and their second approvals. The reason and the recipient stand in the ledger's payload alone."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.audit_log.decision.domain.grants import Grant, GrantStatus
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_SELECT: Final = """SELECT g.id, g.sub, g.client_id, g.purpose, g.scope, g.status, g.minutes, a.approved_by,
  coalesce(a.expires_at, g.expires_at) AS expires_at
FROM break_glass g LEFT JOIN break_glass_approval a ON a.tenant_id = g.tenant_id AND a.grant_id = g.id
WHERE g.tenant_id = $1"""
_OF: Final = f"""{_SELECT} AND g.sub = $2 AND g.purpose = $3 AND coalesce(a.expires_at, g.expires_at) > $4
AND NOT EXISTS (SELECT FROM grant_decision d WHERE d.tenant_id = g.tenant_id AND d.grant_id = g.id
  AND d.decision = 'not_justified')"""
_ONE: Final = f"{_SELECT} AND g.id = $2"
_INSERT: Final = """INSERT INTO break_glass
(tenant_id, id, sub, client_id, purpose, scope, minutes, status, made_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
_APPROVE: Final = """INSERT INTO break_glass_approval (tenant_id, grant_id, approved_by, approved_at, expires_at)
VALUES ($1, $2, $3, $4, $5)"""


class GrantTable:
    def __init__(self, store: EventStore, *, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    async def of(self, tenant: str, sub: str, purpose: str) -> tuple[Grant, ...]:
        rows = await self._store.fetch(tenant, _OF, tenant, sub, purpose, self._now())
        return tuple(_grant(row)[0] for row in rows)

    async def one(self, tenant: str, grant_id: UUID) -> tuple[Grant, int] | None:
        """The grant and its minutes."""
        rows = await self._store.fetch(tenant, _ONE, tenant, grant_id)
        return _grant(rows[0]) if rows else None

    def made(self, tenant: str, grant: Grant, minutes: int, at: datetime) -> Statement:
        return Statement(
            _INSERT,
            (
                tenant,
                UUID(grant.id),
                grant.sub,
                UUID(grant.client_id),
                grant.purpose,
                sorted(grant.scope),
                minutes,
                str(grant.status),
                at,
                grant.expires_at,
            ),
        )

    def approved(self, tenant: str, grant: Grant, at: datetime) -> Statement:
        return Statement(_APPROVE, (tenant, UUID(grant.id), grant.approved_by, at, grant.expires_at))


def _grant(row: Mapping[str, Any]) -> tuple[Grant, int]:
    status = GrantStatus.ACTIVE if row["approved_by"] is not None else GrantStatus(row["status"])
    grant = Grant(
        id=str(row["id"]),
        sub=row["sub"],
        client_id=str(row["client_id"]),
        purpose=row["purpose"],
        scope=frozenset(row["scope"]),
        status=status,
        expires_at=row["expires_at"],
        approved_by=row["approved_by"],
    )
    return grant, int(row["minutes"])
