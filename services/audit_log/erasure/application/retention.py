"""The retention packs of a tenant, asked with what the gate knows of the client's consents."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from services.audit_log.decision.domain.policy import TenantPolicy
from services.audit_log.erasure.domain.retention import Kept, in_force, refuses, years_after
from shared.contracts.records import KeyClass


class PackRetention:
    """See erasures.Retention."""

    def __init__(
        self,
        laws: Callable[[str], Awaitable[frozenset[str]]],
        policy: Callable[[str], Awaitable[TenantPolicy]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        """`laws`: ids of every pack that ever bound the tenant."""
        self._laws, self._policy, self._now = laws, policy, now

    async def keeps(self, tenant: str, client_id: UUID, classes: Sequence[KeyClass]) -> str | None:
        laws = await self._laws(tenant)
        if in_force(laws, Kept.CONSENT_EVIDENCE) is None:
            return None
        row = refuses(laws, (await self._policy(tenant)).client(str(client_id)), classes, self._now())
        return row.rule if row is not None else None

    async def accounted_since(self, tenant: str) -> datetime | None:
        row = in_force(await self._laws(tenant), Kept.ACCOUNTING)
        return years_after(self._now(), -row.years) if row is not None else None
