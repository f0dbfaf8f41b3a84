"""Keys of the gate for writing while it is away: private halves wrapped by the KMS, in the keyring's own database.

Ended keys are destroyed and stay so, as shredded data keys do. Which of them ever opened something of a client is noted, because
an erasure is final only where no backup of a waiting note can be opened any more either (ADR 0015).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.adapters.kms.port import Kms, epoch_of
from services.audit_log.keyring.domain.gate_keys import (
    OPENS_FOR,
    WRITTEN_FOR,
    OpeningKey,
    PublishedKey,
    gate_key_context,
    gate_key_id,
)
from services.audit_log.ledger.application.ports import UnknownKey
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT
from shared.contracts.records import KeyClass

_NEWEST: Final = """
SELECT kid, public_key, created_at FROM gate_key
WHERE tenant_id = $1 AND state = 'active' AND created_at <= $2 AND created_at > $3 ORDER BY created_at DESC LIMIT 1"""
_TENANT: Final = "INSERT INTO keyring_tenant VALUES ($1) ON CONFLICT DO NOTHING"
_ADD: Final = """
INSERT INTO gate_key (tenant_id, kid, public_key, state, wrapped, kms_epoch, created_at)
VALUES ($1, $2, $3, 'active', $4, $5, $6)"""
_OPENING: Final = "SELECT wrapped, created_at FROM gate_key WHERE tenant_id = $1 AND kid = $2"
_DESTROY: Final = """
UPDATE gate_key SET state = 'shredded', wrapped = NULL, shredded_at = $3
WHERE tenant_id = $1 AND state = 'active' AND created_at <= $2 RETURNING kid"""
_USED: Final = "INSERT INTO gate_key_use (tenant_id, client_id, key_class, kid) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
_USES: Final = "SELECT DISTINCT kid FROM gate_key_use WHERE tenant_id = $1 AND client_id = $2 AND key_class = ANY($3)"
_EPOCH: Final = "SELECT max(kms_epoch) AS epoch FROM gate_key WHERE tenant_id = $1 AND kid = ANY($2)"


class GateKeyTable:
    """Raises KeyringUnavailable (KmsUnavailable among them)."""

    def __init__(
        self, database: KeyringDatabase, kms: Kms, *, random: Callable[[int], bytes], new_id: Callable[[], UUID]
    ) -> None:
        self._database, self._kms, self._random, self._new_id = database, kms, random, new_id

    async def newest(self, now: datetime) -> PublishedKey | None:
        """The newest key that may be written to."""
        rows = await self._of_gate(_NEWEST, now, now - WRITTEN_FOR)
        return PublishedKey(rows[0]["kid"], bytes(rows[0]["public_key"]), rows[0]["created_at"]) if rows else None

    async def make(self, now: datetime) -> PublishedKey:
        """Two processes may make one each: both open what was sealed to theirs."""
        private = X25519PrivateKey.from_private_bytes(self._random(32))
        kid, public = gate_key_id(self._new_id().bytes), private.public_key().public_bytes_raw()
        wrapped = await self._kms.wrap(private.private_bytes_raw(), gate_key_context(kid))
        await self._of_gate(_TENANT)
        await self._of_gate(_ADD, kid, public, wrapped, epoch_of(wrapped), now)
        return PublishedKey(kid, public, now)

    async def opening(self, kid: str) -> OpeningKey | None:
        """See GateKeyStore.opening."""
        rows = await self._of_gate(_OPENING, kid)
        if not rows:
            raise UnknownKey(f"no gate key {kid}")
        if rows[0]["wrapped"] is None:
            return None
        return OpeningKey(await self._kms.unwrap(rows[0]["wrapped"], gate_key_context(kid)), rows[0]["created_at"])

    async def destroy_ended(self, now: datetime) -> list[str]:
        """Key ids of those destroyed now. Idempotent."""
        return [str(row["kid"]) for row in await self._of_gate(_DESTROY, now - OPENS_FOR, now)]

    async def note_use(self, tenant: str, client_id: str, key_class: KeyClass, kid: str) -> None:
        """Before a secret leaves that this key opened."""
        await self._database.of_tenant(tenant, _USED, tenant, client_id, str(key_class), kid)

    async def last_epoch(self, tenant: str, client_id: str, classes: Sequence[KeyClass]) -> int | None:
        """The newest epoch that wrapped a key which something of the client was sealed to. None where nothing ever was."""
        used = await self._database.of_tenant(tenant, _USES, tenant, client_id, [str(c) for c in classes])
        if not used:
            return None
        (row,) = await self._of_gate(_EPOCH, [r["kid"] for r in used])
        epoch: int | None = row["epoch"]
        return epoch

    async def _of_gate(self, sql: str, *args: Any) -> list[Any]:
        return await self._database.of_tenant(SYSTEM_TENANT, sql, SYSTEM_TENANT, *args)
