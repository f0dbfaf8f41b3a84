"""A tenant chooses the pack of law that binds it and what its organisation adds: two officers, the second of whom sends what the
first sent. In force when the second is answered, every version kept."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from services.audit_log.decision.domain.tenant_rules import TenantRules, Wish
from services.audit_log.ledger.application.ports import LedgerStep
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.consent_policy import Provision
from shared.eventstore.model import Statement, UniqueViolation
from shared.http.call import Call
from shared.http.problems import conflict


class RulesTable(Protocol):
    async def in_force(self, tenant: str) -> TenantRules: ...

    async def wish(self, tenant: str) -> Wish | None: ...

    def wished(self, tenant: str, wish: Wish) -> Statement: ...

    def chosen(self, tenant: str, version: int, wish: Wish) -> list[Statement]: ...

    def forget(self, tenant: str) -> None: ...


class TenantSettings:
    def __init__(self, table: RulesTable, ledger: LedgerStep, *, now: Callable[[], datetime]) -> None:
        self._table, self._ledger, self._now = table, ledger, now

    async def in_force(self, tenant: str) -> TenantRules:
        return await self._table.in_force(tenant)

    async def awaiting(self, tenant: str) -> Wish | None:
        """What another officer has still to want as well."""
        return await self._table.wish(tenant)

    async def choose(self, call: Call, law: str, provisions: Sequence[Provision]) -> tuple[TenantRules, Wish | None, int]:
        """The rules now in force, what still awaits a second officer, and the entry of this call. Problem 409 where somebody else
        chose in the same moment."""
        tenant = call.tenant
        wish, before = Wish(law, tuple(provisions), call.principal.sub, self._now()), await self._table.wish(tenant)
        if before is None or not before.is_shared_by(wish):
            return await self._table.in_force(tenant), wish, await self._wished(call, wish)
        self._table.forget(tenant)
        version = (await self._table.in_force(tenant)).version + 1
        entry = self._entry(call, wish, "settings-chosen", {"settings": version, "first": before.by})
        try:
            (index,) = await self._ledger.write(tenant, [entry], self._table.chosen(tenant, version, wish))
        except UniqueViolation:
            raise conflict("Somebody else chose in the same moment: look at what holds now, then choose again.") from None
        self._table.forget(tenant)
        return await self._table.in_force(tenant), None, index

    async def _wished(self, call: Call, wish: Wish) -> int:
        entry = self._entry(call, wish, "settings-wished", {})
        (index,) = await self._ledger.write(call.tenant, [entry], [self._table.wished(call.tenant, wish)])
        return index

    def _entry(self, call: Call, wish: Wish, reason: str, detail: dict[str, Any]) -> Entry:
        return Entry(
            kind=EntryKind.POLICY,
            at=wish.at,
            action="update",
            outcome="done",
            reason=reason,
            agent=call.principal.sub,
            agent_role=str(call.principal.role),
            agent_name=call.principal.name,
            service="audit_log",
            request_id=call.request_id,
            basis=("rule:organisation.policy",),
            detail=detail | {"law": wish.law, "provisions": len(wish.provisions)},
        )
