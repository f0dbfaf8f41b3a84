"""How often a data key was taken for a new record, so that a newer version takes over in time."""

from collections import Counter
from datetime import datetime
from typing import Any, Final

from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.domain.keys import KeyRotation

NOTED_EVERY: Final = 50
"""uses of one key that are written down together; a process that is killed loses at most as many of each key"""


class KeyUses:
    """Counts of this process that are not in the database yet."""

    def __init__(self, database: KeyringDatabase, rotation: KeyRotation) -> None:
        self._database, self._rotation = database, rotation
        self._pending: Counter[tuple[str, str]] = Counter()
        self._writing: Counter[tuple[str, str]] = Counter()

    def due(self, tenant: str, row: Any, now: datetime) -> bool:
        """`row`: of a key in use: its kid, created_at and uses."""
        uses = int(row["uses"]) + self._pending[tenant, row["kid"]] + self._writing[tenant, row["kid"]]
        return self._rotation.due(created_at=row["created_at"], uses=uses, now=now)

    async def count(self, tenant: str, kid: str) -> None:
        """One more record under that key. KeyringUnavailable."""
        self._pending[tenant, kid] += 1
        if self._pending[tenant, kid] >= min(NOTED_EVERY, self._rotation.records):
            await self._note(tenant, kid)

    async def note_all(self) -> None:
        """Writes down what is pending. KeyringUnavailable."""
        for tenant, kid in list(self._pending):
            await self._note(tenant, kid)

    async def _note(self, tenant: str, kid: str) -> None:
        name = (tenant, kid)
        # taken before the wait: who counts meanwhile counts anew
        count = self._pending.pop(name, 0)
        if not count:
            return
        self._writing[name] += count
        try:
            await self._database.of_tenant(
                tenant,
                "UPDATE data_key SET uses = uses + $3 WHERE tenant_id = $1 AND kid = $2 AND state = 'active'",
                tenant,
                kid,
                count,
            )
        finally:
            self._writing[name] -= count
            if not self._writing[name]:
                del self._writing[name]
