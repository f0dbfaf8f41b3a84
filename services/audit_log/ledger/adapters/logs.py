"""The logs of all tenants as the leading process knows them: admitted against their anchor, grown and signed in batches.

Order of a batch: leaves (durable already) → stored tree, checked against the last signed root → extended → checkpoint signed →
anchor swapped → tiles stored → published. So nothing inconsistent with the anchor is ever signed, the anchor is never behind
what anybody was shown, and a crash anywhere leaves a state that is taken up again (ADR 0020).
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from services.audit_log.ledger.adapters.keys import LogKeys
from services.audit_log.ledger.adapters.rows import DATABASE_ERRORS, Connection, Pool, begin, reading
from services.audit_log.ledger.adapters.tree import UPSERT, MissingLeaf, leaf_hashes, stored_root, stored_size, stored_tree
from services.audit_log.ledger.application.ledger_view import AnchorMoved, CheckpointAnchor
from services.audit_log.ledger.application.ports import LedgerUnavailable, LogRefused
from services.audit_log.ledger.domain.checkpoint import Checkpoint, open_checkpoint
from services.audit_log.ledger.domain.signed_note import NoteInvalid
from services.audit_log.ledger.domain.tiles import NoSuchTile

BATCH_SECONDS: Final = 0.15
KEEP_KEY: Final = "INSERT INTO ledger_vkey (tenant_id, vkey, since_size) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
MAX_LEAVES: Final = 8_192
"""leaves taken into a tree at once"""
_log = logging.getLogger("ledger")


@dataclass(slots=True)
class Log:
    """One tenant's log in the leading process."""

    next_index: int
    note: bytes | None = None
    """the last signed checkpoint, as anchored"""
    signed: Checkpoint | None = None
    served: bytes | None = None
    """the newest signed checkpoint whose tiles are stored"""
    keys: tuple[str, ...] = ()
    """vkeys by which the last checkpoint of this term is signed"""


class Logs:
    """State of one term of leadership: made when the lock is taken, dropped when it is lost."""

    def __init__(self, pool: Pool, keys: LogKeys, anchor: CheckpointAnchor) -> None:
        self._pool, self._keys, self._anchor = pool, keys, anchor
        self._logs: dict[str, Log] = {}
        self._behind: set[str] = set()
        self.refused: dict[str, str] = {}
        """tenant → why its log is not written"""

    async def admit_all(self) -> None:
        """Compare every anchored log with the database."""
        for tenant in await self._anchor.tenants():
            try:
                await self._admit(tenant)
            except LedgerUnavailable as error:
                _log.error("a tenant's log is not admitted: %s", type(error).__name__)

    async def next_index(self, tenant: str) -> int:
        """Raises LogRefused."""
        if tenant in self.refused:
            raise LogRefused(self.refused[tenant])
        log = self._logs.get(tenant) or await self._admit(tenant)
        return log.next_index

    def committed(self, tenant: str, next_index: int) -> None:
        self._logs[tenant].next_index = next_index
        self._behind.add(tenant)

    def tenants(self) -> list[str]:
        """Tenants whose log has a published checkpoint."""
        return [tenant for tenant, log in self._logs.items() if log.served is not None]

    def published(self, tenant: str) -> bytes | None:
        """The newest checkpoint whose tiles are stored."""
        log = self._logs.get(tenant)
        return log.served if log is not None else None

    async def follow(self) -> None:
        """Until cancelled: take new leaves into the trees, and sign."""
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            for tenant in list(self._behind):
                try:
                    await self._grow(tenant)
                except LogRefused:
                    self._behind.discard(tenant)
                except DATABASE_ERRORS as error:
                    _log.warning("a tree could not be stored, it is tried again: %s", type(error).__name__)

    async def _admit(self, tenant: str) -> Log:
        try:
            note = await self._anchor.load(tenant)
        except OSError:  # of this tenant alone: it is tried again with its next entry
            raise LedgerUnavailable("this log's anchor cannot be read") from None
        signed = self._open(tenant, note)
        async with reading(self._pool, tenant) as connection:
            count = int(await connection.fetchval("SELECT coalesce(max(idx) + 1, 0) FROM ledger_entry"))
            await self._check(tenant, connection, signed, count)
        log = self._logs[tenant] = Log(count, note, signed)
        if count:
            self._behind.add(tenant)
        return log

    def _open(self, tenant: str, note: bytes | None) -> Checkpoint | None:
        if note is None:
            return None
        try:
            return open_checkpoint(note, *self._keys.verifiers(tenant))
        except NoteInvalid:
            why = "the anchored checkpoint is not signed by this log's key: give the seed and origin that it was signed with"
            raise self._refuse(tenant, why) from None

    async def _check(self, tenant: str, connection: Connection, signed: Checkpoint | None, count: int) -> None:
        """Raises LogRefused unless entries and tree of the database extend what was signed."""
        size = await stored_size(connection)
        if signed is None:
            if size:
                why = "the log was signed before, but its anchor is missing: restore the anchor directory from its backup"
                raise self._refuse(tenant, why)
            return
        if count < max(signed.size, size):
            why = (
                f"the database holds {count} entries, but {max(signed.size, size)} were signed: it was restored from an older"
                " backup or cut; bring back the newest backup"
            )
            raise self._refuse(tenant, why)
        try:
            if size <= signed.size:
                tree = await stored_tree(connection)
                tree.extend(await leaf_hashes(connection, size, signed.size))
                root = tree.root()
            else:
                root = await stored_root(connection, signed.size)
        except MissingLeaf as error:
            raise self._refuse(tenant, str(error)) from None
        except (NoSuchTile, ValueError):
            root = b""
        if root != signed.root:
            why = f"the database's tree of {signed.size} entries is not the one that was signed: it was forked or changed"
            raise self._refuse(tenant, why)

    async def _grow(self, tenant: str) -> None:
        log = self._logs[tenant]
        signer = self._keys.signer(tenant)
        count = log.next_index  # before the snapshot: entries that come later may not be in it
        async with reading(self._pool, tenant) as connection:
            await self._check(tenant, connection, log.signed, count)
            tree = await stored_tree(connection)
            end = max(log.signed.size if log.signed else 0, min(count, tree.size + MAX_LEAVES))
            try:
                fresh = await leaf_hashes(connection, tree.size, end)
            except MissingLeaf as error:
                raise self._refuse(tenant, str(error)) from None
        changed = tree.extend(fresh)
        checkpoint = Checkpoint(signer.verifier.name, tree.size, tree.root())
        if checkpoint != log.signed or log.keys != self._keys.vkeys(tenant):
            note = self._keys.sign(tenant, checkpoint)
            try:
                await self._anchor.swap(tenant, log.note, note)
            except AnchorMoved:
                why = "another process moved this log's anchor: only one may sign; stop the other and restart this one"
                raise self._refuse(tenant, why) from None
            log.note, log.signed = note, checkpoint
        if changed or log.keys != self._keys.vkeys(tenant):
            await self._store(tenant, changed, checkpoint.size)
        log.keys = self._keys.vkeys(tenant)
        log.served = log.note
        if tree.size == log.next_index:
            self._behind.discard(tenant)

    async def _store(self, tenant: str, changed: dict[tuple[int, int], bytes], size: int) -> None:
        levels, indexes = zip(*changed, strict=True) if changed else ((), ())
        async with self._pool.acquire() as connection:
            await connection.execute(begin(tenant))
            try:
                await connection.execute(UPSERT, tenant, list(levels), list(indexes), list(changed.values()))
                await connection.executemany(KEEP_KEY, [(tenant, vkey, size) for vkey in self._keys.vkeys(tenant)])
                await connection.execute("COMMIT")
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise

    def _refuse(self, tenant: str, why: str) -> LogRefused:
        self.refused[tenant] = why
        _log.error("a tenant's log is not signed any more: its database and its anchor do not agree; see the ledger's state")
        return LogRefused(why)
