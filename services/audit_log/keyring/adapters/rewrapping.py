"""Keeps every data key, and the gate's own, under the newest epoch of the KMS, so that an operator can destroy the older ones."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import asyncpg

from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.adapters.kms.port import CannotUnwrap, Kms, epoch_of
from services.audit_log.keyring.adapters.kms_book import KmsBook
from services.audit_log.keyring.domain.gate_keys import gate_key_context
from services.audit_log.keyring.domain.keys import wrap_context
from services.audit_log.ledger.application.ports import KeyringUnavailable
from shared.contracts.records import KeyClass

_PAGE: Final = 500
REWRAP_EVERY: Final = 60.0
"""seconds between two looks whether the KMS has begun a new epoch"""
_log = logging.getLogger(__name__)


def data_key_context(tenant: str, row: asyncpg.Record) -> bytes:
    return wrap_context(tenant=tenant, client_id=row["client_id"], key_class=KeyClass(row["key_class"]), kid=row["kid"])


_CONTEXTS: Final[dict[str, Callable[[str, asyncpg.Record], bytes]]] = {
    "data_key": data_key_context,
    "gate_key": lambda _, row: gate_key_context(row["kid"]),
}
"""tables of wrapped keys, and what the KMS bound each row to"""


class Rewrapping:
    def __init__(self, database: KeyringDatabase, kms: Kms, book: KmsBook) -> None:
        self._database, self._kms, self._book = database, kms, book
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._follow(), name="rewrapping")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def tenants(self) -> list[str]:
        """Tenants that ever had a key or a fence."""
        return [str(r["tenant_id"]) for r in await self._database.rows("SELECT tenant_id FROM keyring_tenant ORDER BY tenant_id")]

    async def behind(self, tenant: str) -> int:
        """How many of the tenant's keys an older epoch than the newest wraps. KeyringUnavailable."""
        newest, behind = (await self._kms.epochs())[-1], 0
        for table in _CONTEXTS:
            counted = f"SELECT count(*) FROM {table} WHERE tenant_id = $1 AND wrapped IS NOT NULL AND kms_epoch < $2"  # noqa: S608
            behind += int((await self._database.of_tenant(tenant, counted, tenant, newest))[0]["count"])
        return behind

    async def rewrap(self, tenant: str, *, on_key: Callable[[], None] = lambda: None) -> int:
        """Moves the tenant's keys to the newest epoch of the KMS; how many could not be moved. KeyringUnavailable.

        Each row is its own step, so whoever is stopped in the middle goes on with what is left. `on_key` is told of each.
        """
        newest = (await self._kms.epochs())[-1]
        return sum([await self._rewrap(tenant, table, newest, on_key) for table in _CONTEXTS])

    async def _rewrap(self, tenant: str, table: str, newest: int, on_key: Callable[[], None]) -> int:
        after, stuck = "", 0
        while True:
            rows = await self._database.of_tenant(
                tenant,
                f"SELECT * FROM {table} "  # noqa: S608
                "WHERE tenant_id = $1 AND wrapped IS NOT NULL AND kms_epoch < $2 AND kid > $3 ORDER BY kid LIMIT $4",
                tenant,
                newest,
                after,
                _PAGE,
            )
            for row in rows:
                after = row["kid"]
                try:
                    await self._rewrap_one(tenant, table, row)
                except CannotUnwrap:
                    stuck += 1
                    _log.error("key %s does not unwrap: its epoch is destroyed, or its row was changed", after)
                on_key()
            if len(rows) < _PAGE:
                return stuck

    async def _rewrap_one(self, tenant: str, table: str, row: asyncpg.Record) -> None:
        blob = await self._kms.rewrap(row["wrapped"], _CONTEXTS[table](tenant, row))
        # only in place of what was read: a key that was shredded meanwhile stays so
        await self._database.of_tenant(
            tenant,
            f"UPDATE {table} SET wrapped = $3, kms_epoch = $4 WHERE tenant_id = $1 AND kid = $2 AND wrapped = $5",  # noqa: S608
            tenant,
            row["kid"],
            blob,
            epoch_of(blob),
            row["wrapped"],
        )

    async def _follow(self) -> None:
        """An operator rotates the KMS key; the keyring follows by itself (docs/operations/key-rotation.md)."""
        reached = 0
        while True:
            try:
                newest = (await self._kms.epochs())[-1]
                if newest > reached and not sum([await self.rewrap(tenant) for tenant in await self.tenants()]):
                    reached = newest
                    _log.info("every key is wrapped under epoch %d or a newer one", newest)
                await self._book.prune()
            except KeyringUnavailable as error:
                _log.warning("rewrapping waits: %s", type(error).__name__)
            await asyncio.sleep(REWRAP_EVERY)
