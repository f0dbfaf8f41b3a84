"""Whether the KMS still opens what the keyring holds. Another OpenBao volume, or a keyring of another deployment, answers every
health check and opens nothing: each read would fail, and new keys would hide it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.adapters.kms.port import CannotUnwrap, Kms, KmsUnavailable
from services.audit_log.keyring.adapters.rewrapping import data_key_context

HOLDS_FOR: Final = timedelta(minutes=1)
"""a good answer is trusted that long, so that health checks cost the KMS one call a minute"""
_TENANTS: Final = "SELECT tenant_id FROM keyring_tenant ORDER BY tenant_id LIMIT 3"
_OLDEST: Final = """
SELECT kid, client_id, key_class, wrapped FROM data_key
WHERE tenant_id = $1 AND wrapped IS NOT NULL ORDER BY created_at, kid LIMIT 1"""
_log = logging.getLogger(__name__)


class KeyFit:
    def __init__(self, database: KeyringDatabase, kms: Kms, *, now: Callable[[], datetime]) -> None:
        self._database, self._kms, self._now = database, kms, now
        self._held_at: datetime | None = None

    async def holds(self) -> bool:
        """False where the oldest key of a tenant does not unwrap; True while the KMS is away, which is told elsewhere.
        KeyringUnavailable."""
        if self._held_at is not None and self._now() - self._held_at < HOLDS_FOR:
            return True
        for tenant in [str(row["tenant_id"]) for row in await self._database.rows(_TENANTS)]:
            for row in await self._database.of_tenant(tenant, _OLDEST, tenant):
                try:
                    await self._kms.unwrap(row["wrapped"], data_key_context(tenant, row))
                except KmsUnavailable:
                    return True
                except CannotUnwrap:
                    _log.error("the KMS does not open key %s: KMS and keyring do not belong together", row["kid"])
                    return False
        self._held_at = self._now()
        return True
