"""Versions of each tenant's settings: its pack of law and what its organisation adds. None is ever changed or deleted.
Beside them what one officer wants and another has not yet wanted as well."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter

from services.audit_log.decision.domain.organisation import OrganisationPolicy
from services.audit_log.decision.domain.rules.packs import DEFAULT_PACK, PACKS
from services.audit_log.decision.domain.tenant_rules import UNCHOSEN_RULES, TenantRules, Wish
from shared.contracts.consent_policy import Provision
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_PROVISIONS: Final[TypeAdapter[tuple[Provision, ...]]] = TypeAdapter(tuple[Provision, ...])
_COLUMNS: Final = "SELECT version, law, provisions FROM tenant_rules WHERE tenant_id = $1"
_NEWEST: Final = f"{_COLUMNS} ORDER BY version DESC LIMIT 1"
_ONE: Final = f"{_COLUMNS} AND version = $2"
_INSERT: Final = """INSERT INTO tenant_rules (tenant_id, version, law, provisions, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6)"""
_LAWS: Final = "SELECT DISTINCT law FROM tenant_rules WHERE tenant_id = $1"
_WISH: Final = "SELECT law, provisions, made_by, made_at FROM tenant_rules_wish WHERE tenant_id = $1"
_WISHED: Final = """INSERT INTO tenant_rules_wish (tenant_id, law, provisions, made_by, made_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id) DO UPDATE SET law = EXCLUDED.law, provisions = EXCLUDED.provisions, made_by = EXCLUDED.made_by,
  made_at = EXCLUDED.made_at"""
_UNWISHED: Final = "DELETE FROM tenant_rules_wish WHERE tenant_id = $1"
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

    async def laws(self, tenant: str) -> frozenset[str]:
        """Ids of every pack that was ever in force; of the default one where none was chosen."""
        rows = await self._store.fetch(tenant, _LAWS, tenant)
        return frozenset(row["law"] for row in rows) or frozenset({DEFAULT_PACK.id})

    async def wish(self, tenant: str) -> Wish | None:
        rows = await self._store.fetch(tenant, _WISH, tenant)
        if not rows:
            return None
        row = rows[0]
        return Wish(row["law"], _PROVISIONS.validate_json(row["provisions"]), row["made_by"], row["made_at"])

    def wished(self, tenant: str, wish: Wish) -> Statement:
        return Statement(_WISHED, (tenant, wish.law, _PROVISIONS.dump_json(wish.provisions), wish.by, wish.at))

    def chosen(self, tenant: str, version: int, wish: Wish) -> list[Statement]:
        row = (tenant, version, wish.law, _PROVISIONS.dump_json(wish.provisions), wish.by, wish.at)
        return [Statement(_INSERT, row), Statement(_UNWISHED, (tenant,))]

    def forget(self, tenant: str) -> None:
        """A new version stands: look again."""
        self._kept.pop(tenant, None)


def _rules(row: Mapping[str, Any]) -> TenantRules:
    version = row["version"]
    organisation = OrganisationPolicy(version, _PROVISIONS.validate_json(row["provisions"]))
    return TenantRules(version, PACKS[row["law"]], organisation)
