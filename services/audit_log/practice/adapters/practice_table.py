"""Trusted record systems and the solo practice of each tenant. Written with the ledger's entry, in its transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from services.audit_log.practice.domain.practice import Letterhead, SoloPractice, TrustedSystem
from shared.eventstore.model import Statement
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore

_TABLES: Final = {
    "trusted_system": """
CREATE TABLE IF NOT EXISTS trusted_system (
  tenant_id text NOT NULL,
  id uuid NOT NULL,
  system text NOT NULL,
  name text NOT NULL,
  registered_by text NOT NULL,
  registered_at timestamptz NOT NULL,
  ended_by text,
  ended_at timestamptz,
  CONSTRAINT trusted_system_pkey PRIMARY KEY (tenant_id, id)
)""",
    "solo_practice": """
CREATE TABLE IF NOT EXISTS solo_practice (
  tenant_id text NOT NULL,
  practitioner text NOT NULL,
  second text NOT NULL,
  second_name text NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT solo_practice_pkey PRIMARY KEY (tenant_id)
)""",
    "practice_letterhead": """
CREATE TABLE IF NOT EXISTS practice_letterhead (
  tenant_id text NOT NULL,
  name text NOT NULL,
  address text NOT NULL,
  zone text NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL,
  CONSTRAINT practice_letterhead_pkey PRIMARY KEY (tenant_id)
)""",
}
DDL: Final = (
    *_TABLES.values(),
    # one registration of a system holds at a time
    "CREATE UNIQUE INDEX IF NOT EXISTS trusted_system_holds ON trusted_system (tenant_id, system) WHERE ended_at IS NULL",
    *(statement for name in _TABLES for statement in tenant_table(name)),
)
_SYSTEM: Final = (
    "SELECT id, system, name, registered_by, registered_at, ended_by, ended_at FROM trusted_system WHERE tenant_id = $1"
)
_REGISTER: Final = """INSERT INTO trusted_system (tenant_id, id, system, name, registered_by, registered_at)
VALUES ($1, $2, $3, $4, $5, $6)"""
_END: Final = "UPDATE trusted_system SET ended_by = $3, ended_at = $4 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL"
_SOLO: Final = "SELECT practitioner, second, second_name, made_by, made_at FROM solo_practice WHERE tenant_id = $1"
_LETTERHEAD: Final = "SELECT name, address, zone, set_by, set_at FROM practice_letterhead WHERE tenant_id = $1"
_SET: Final = """INSERT INTO practice_letterhead (tenant_id, name, address, zone, set_by, set_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id) DO UPDATE SET name = EXCLUDED.name, address = EXCLUDED.address, zone = EXCLUDED.zone,
  set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at"""
_MAKE: Final = """INSERT INTO solo_practice (tenant_id, practitioner, second, second_name, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6)"""


class PracticeTable:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def systems(self, tenant: str) -> list[TrustedSystem]:
        """Newest first, those that are not trusted any more too."""
        return [_system(r) for r in await self._store.fetch(tenant, f"{_SYSTEM} ORDER BY registered_at DESC", tenant)]

    async def trusted(self, tenant: str, system: str) -> TrustedSystem | None:
        rows = await self._store.fetch(tenant, f"{_SYSTEM} AND system = $2 AND ended_at IS NULL", tenant, system)
        return _system(rows[0]) if rows else None

    async def solo(self, tenant: str) -> SoloPractice | None:
        rows = await self._store.fetch(tenant, _SOLO, tenant)
        if not rows:
            return None
        r = rows[0]
        return SoloPractice(r["practitioner"], r["second"], r["second_name"], r["made_by"], r["made_at"])

    async def letterhead(self, tenant: str) -> Letterhead | None:
        rows = await self._store.fetch(tenant, _LETTERHEAD, tenant)
        if not rows:
            return None
        r = rows[0]
        return Letterhead(r["name"], r["address"], r["zone"], r["set_by"], r["set_at"])

    async def has_records(self, tenant: str) -> bool:
        return bool(await self._store.fetch(tenant, "SELECT 1 FROM record WHERE tenant_id = $1 LIMIT 1", tenant))

    def registered(self, tenant: str, system: TrustedSystem) -> Statement:
        """UniqueViolation of `trusted_system_holds` where it is registered already."""
        row = (tenant, system.id, system.system, system.name, system.registered_by, system.registered_at)
        return Statement(_REGISTER, row)

    def ended(self, tenant: str, system_id: str, by: str, at: datetime) -> Statement:
        return Statement(_END, (tenant, system_id, by, at))

    def lettered(self, tenant: str, head: Letterhead) -> Statement:
        return Statement(_SET, (tenant, head.name, head.address, head.zone, head.set_by, head.set_at))

    def made(self, tenant: str, solo: SoloPractice) -> Statement:
        """UniqueViolation of `solo_practice_pkey` where it was said already."""
        return Statement(_MAKE, (tenant, solo.practitioner, solo.second, solo.second_name, solo.made_by, solo.made_at))


def _system(r: Mapping[str, Any]) -> TrustedSystem:
    return TrustedSystem(
        str(r["id"]), r["system"], r["name"], r["registered_by"], r["registered_at"], r["ended_by"], r["ended_at"]
    )
