"""What the KMS's audit log holds without counterpart: found by an operator's command, told to the ledger by the service."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import asyncpg

from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.domain.kms_audit import Finding, KeyName, Reason
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT
from shared.contracts.records import KeyClass

_FIND: Final = """
INSERT INTO kms_finding (tenant_id, request_id, at, reason, operation, remote_address, of_tenant, of_client, key_class, kid)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING 1"""
_UNTOLD: Final = """
SELECT request_id, at, reason, operation, remote_address, of_tenant, of_client, key_class, kid FROM kms_finding
WHERE tenant_id = $1 AND told_at IS NULL ORDER BY at LIMIT 100"""
_TOLD: Final = "UPDATE kms_finding SET told_at = now() WHERE tenant_id = $1 AND request_id = $2"


class KmsFindingsTable:
    """Raises KeyringUnavailable."""

    def __init__(self, database: KeyringDatabase) -> None:
        self._database = database

    async def add(self, findings: Iterable[Finding]) -> int:
        """How many were not known yet."""
        new = 0
        for f in findings:
            key = f.key
            of = (key.tenant, key.client_id, str(key.key_class) if key.key_class else None, key.kid) if key else (None,) * 4
            args = (SYSTEM_TENANT, f.request_id, f.at, str(f.reason), f.operation, f.remote_address, *of)
            new += len(await self._database.of_tenant(SYSTEM_TENANT, _FIND, *args))
        return new

    async def untold(self) -> list[Finding]:
        return [_finding(row) for row in await self._database.of_tenant(SYSTEM_TENANT, _UNTOLD, SYSTEM_TENANT)]

    async def told(self, request_id: str) -> None:
        await self._database.of_tenant(SYSTEM_TENANT, _TOLD, SYSTEM_TENANT, request_id)


def _finding(row: asyncpg.Record) -> Finding:
    at: datetime = row["at"]
    key_class = KeyClass(row["key_class"]) if row["key_class"] else None
    key = KeyName(row["of_tenant"], row["kid"], row["of_client"], key_class) if row["kid"] else None
    return Finding(Reason(row["reason"]), at, row["operation"], row["request_id"], row["remote_address"], key)
