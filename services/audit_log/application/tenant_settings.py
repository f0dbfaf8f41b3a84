"""A tenant chooses the pack of law that binds it and what its organisation adds: in force when it answers, every version kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.audit_log.application.steps import LedgerStep
from services.audit_log.domain.entry import Entry, EntryKind
from services.audit_log.domain.tenant_rules import TenantRules
from shared.contracts.consent_policy import Provision
from shared.eventstore.model import Statement, UniqueViolation
from shared.http.call import Call
from shared.http.problems import conflict


class RulesTable(Protocol):
    async def in_force(self, tenant: str) -> TenantRules: ...

    def chosen(
        self, tenant: str, version: int, law: str, provisions: Sequence[Provision], by: str, at: datetime
    ) -> Statement: ...

    def forget(self, tenant: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    law: str
    provisions: tuple[Provision, ...]


class TenantSettings:
    def __init__(self, table: RulesTable, ledger: LedgerStep, *, now: Callable[[], datetime]) -> None:
        self._table, self._ledger, self._now = table, ledger, now

    async def in_force(self, tenant: str) -> TenantRules:
        return await self._table.in_force(tenant)

    async def choose(self, call: Call, wanted: Wanted) -> tuple[TenantRules, int]:
        """The rules now in force and the entry of the choice. Problem 409 where somebody else chose in the same moment."""
        tenant, now = call.tenant, self._now()
        self._table.forget(tenant)
        version = (await self._table.in_force(tenant)).version + 1
        entry = Entry(
            kind=EntryKind.POLICY,
            at=now,
            action="update",
            outcome="done",
            reason="settings-chosen",
            agent=call.principal.sub,
            agent_role=str(call.principal.role),
            agent_name=call.principal.name,
            service="audit_log",
            request_id=call.request_id,
            basis=("rule:organisation.policy",),
            detail={"settings": version, "law": wanted.law, "provisions": len(wanted.provisions)},
        )
        statement = self._table.chosen(tenant, version, wanted.law, wanted.provisions, call.principal.sub, now)
        try:
            (index,) = await self._ledger.write(tenant, [entry], [statement])
        except UniqueViolation:
            raise conflict("Somebody else chose in the same moment: look at what holds now, then choose again.") from None
        self._table.forget(tenant)
        return await self._table.in_force(tenant), index
