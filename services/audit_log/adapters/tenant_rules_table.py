"""Versions of each tenant's settings: its pack of law and what its organisation adds. None is ever changed or deleted."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter

from services.audit_log.domain.organisation import OrganisationPolicy
from services.audit_log.domain.rules.packs import PACKS
from services.audit_log.domain.tenant_rules import UNCHOSEN_RULES, TenantRules
from shared.contracts.consent_policy import Provision
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_PROVISIONS: Final[TypeAdapter[tuple[Provision, ...]]] = TypeAdapter(tuple[Provision, ...])
_COLUMNS: Final = "SELECT version, law, provisions FROM tenant_rules WHERE tenant_id = $1"
_NEWEST: Final = f"{_COLUMNS} ORDER BY version DESC LIMIT 1"
_ONE: Final = f"{_COLUMNS} AND version = $2"
_INSERT: Final = """INSERT INTO tenant_rules (tenant_id, version, law, provisions, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6)"""
KEPT: Final = timedelta(seconds=2)
"""how long a tenant's newest version is believed to be that; another process that writes one leads the ledger first"""


class TenantRulesTable:
    def __init__(self, store: EventStore, *, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._kept: dict[str, tuple[datetime, TenantRules]] = {}

    async def in_force(self, tenant: str) -> TenantRules:
        now, kept = self._now(), self._kept.get(tenant)
        if kept is not None and timedelta() <= now - kept[0] < KEPT:
            return kept[1]
        rows = await self._store.fetch(tenant, _NEWEST, tenant)
        found = _rules(rows[0]) if rows else UNCHOSEN_RULES
        if kept is not None and kept[1].version == found.version:
            found = kept[1]
        self._kept[tenant] = (now, found)
        return found

    async def of(self, tenant: str, version: int) -> TenantRules:
        """That version; 0 is what holds before any choice. LookupError where there is none."""
        if version == 0:
            return UNCHOSEN_RULES
        rows = await self._store.fetch(tenant, _ONE, tenant, version)
        if not rows:
            raise LookupError("no such version of the settings")
        return _rules(rows[0])

    def chosen(self, tenant: str, version: int, law: str, provisions: Sequence[Provision], by: str, at: datetime) -> Statement:
        return Statement(_INSERT, (tenant, version, law, _PROVISIONS.dump_json(tuple(provisions)), by, at))

    def forget(self, tenant: str) -> None:
        """A new version stands: look again."""
        self._kept.pop(tenant, None)


def _rules(row: Mapping[str, Any]) -> TenantRules:
    version = row["version"]
    organisation = OrganisationPolicy(version, _PROVISIONS.validate_json(row["provisions"]))
    return TenantRules(version, PACKS[row["law"]], organisation)
