"""What the keyring asked of the KMS, by the KMS's own request ids: compared with the KMS's audit log by an operator's command.

A row says when and what, and the digest of the context, which holds ids alone: which key it was is found by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.adapters.kms.port import Operation
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT

KEPT_DAYS: Final = 400
"""of calls and findings"""
_NOTE: Final = """
INSERT INTO kms_call (tenant_id, at, operation, context, request_id) VALUES ($1, now(), $2, $3, $4)"""
_BETWEEN: Final = """
SELECT at, operation, context, request_id FROM kms_call WHERE tenant_id = $1 AND at >= $2 AND at < $3 ORDER BY at"""
_PRUNE: Final = "DELETE FROM {} WHERE tenant_id = $1 AND at < now() - make_interval(days => $2)"


@dataclass(frozen=True, slots=True)
class NotedCall:
    at: datetime
    """by the keyring's database, when the answer had come"""
    operation: Operation
    context_digest: bytes
    """SHA-256 of the context"""
    request_id: str | None
    """None: its answer was lost"""


class KmsBook:
    """`CallBook` in the keyring's database."""

    def __init__(self, database: KeyringDatabase) -> None:
        self._database = database

    async def note(self, operation: Operation, context: bytes, request_id: str | None) -> None:
        digest = sha256(context).digest()
        await self._database.of_tenant(SYSTEM_TENANT, _NOTE, SYSTEM_TENANT, str(operation), digest, request_id)

    async def between(self, since: datetime, until: datetime) -> Sequence[NotedCall]:
        """In order. KeyringUnavailable."""
        rows = await self._database.of_tenant(SYSTEM_TENANT, _BETWEEN, SYSTEM_TENANT, since, until)
        return [NotedCall(r["at"], Operation(r["operation"]), bytes(r["context"]), r["request_id"]) for r in rows]

    async def prune(self) -> None:
        for table in ("kms_call", "kms_finding"):
            await self._database.of_tenant(SYSTEM_TENANT, _PRUNE.format(table), SYSTEM_TENANT, KEPT_DAYS)
