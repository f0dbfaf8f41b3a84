"""The keyring on PostgreSQL: data keys wrapped by the KMS, record keys derived for who was permitted.

Each read asks the database for the key's state, so an erasure holds at once in every process; the cache saves the KMS call alone.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.adapters.gate_key_table import GateKeyTable
from services.audit_log.keyring.adapters.key_cache import KeyCache
from services.audit_log.keyring.adapters.key_fit import KeyFit
from services.audit_log.keyring.adapters.key_uses import KeyUses
from services.audit_log.keyring.adapters.kms.port import Kms, KmsUnavailable, epoch_of
from services.audit_log.keyring.adapters.kms_book import KmsBook
from services.audit_log.keyring.adapters.kms_findings_table import KmsFindingsTable
from services.audit_log.keyring.adapters.rewrapping import Rewrapping
from services.audit_log.keyring.adapters.shared_reads import SharedReads
from services.audit_log.keyring.domain.keys import (
    DATA_KEY_SIZE,
    INDEX_OWNER,
    KeyRotation,
    KeyState,
    extract,
    index_key,
    key_id,
    record_key,
    wrap_context,
)
from services.audit_log.ledger.application.ports import Erased, KeyFenced, KeyringUnavailable, KeyWanted, UnknownKey
from shared.contracts.disclosure import IndexField, IndexKey, RecordKey
from shared.contracts.records import KeyClass
from shared.eventstore.databases import DatabaseUrls

_Slot = tuple[str, str, KeyClass]
"""tenant, client, class"""
_IN_USE = "SELECT * FROM key_in_use($1, $2, $3)"
_NEWEST = (
    "SELECT kid, wrapped FROM data_key WHERE tenant_id = $1 AND client_id = $2 AND key_class = $3 AND wrapped IS NOT NULL "
    "ORDER BY version DESC LIMIT $4"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShreddedKey:
    """A key that must stay destroyed, whatever backup is restored."""

    kid: str
    client_id: str
    key_class: KeyClass
    erasure_id: UUID
    at: datetime


class PostgresKeyring:
    """`open` before use. `new_id()` gives random UUIDs (key ids are made of them), `random(n)` n random bytes for keys."""

    def __init__(
        self,
        urls: DatabaseUrls,
        kms: Kms,
        *,
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
        new_id: Callable[[], UUID],
        rotation: KeyRotation | None = None,
        connections: int = 8,
    ) -> None:
        self._database, self._kms = KeyringDatabase(urls, connections), kms
        self._now, self._random, self._new_id = now, random, new_id
        self._cache = KeyCache(now)
        self._uses = KeyUses(self._database, rotation or KeyRotation())
        self._making: dict[_Slot, asyncio.Lock] = {}
        book = KmsBook(self._database)
        kms.follow(book)
        self._rewrapping = Rewrapping(self._database, kms, book)
        self._reads = SharedReads(self._keys_of)
        self.gate_keys = GateKeyTable(self._database, kms, random=random, new_id=new_id)
        """what notes are sealed to while the gate is away"""
        self.fit = KeyFit(self._database, kms, now=now)
        self.findings = KmsFindingsTable(self._database)
        """calls of the KMS that nobody here made"""

    async def _keys_of(self, tenant: str, kids: list[str]) -> list[asyncpg.Record]:
        return await self._database.rows("SELECT * FROM keys_of($1, $2)", tenant, kids)

    async def open(self) -> None:
        """Makes the schema, connects, and follows rotations of the KMS. Raises asyncpg's errors and OSError."""
        await self._database.open()
        await self._kms.open()
        self._rewrapping.start()

    async def close(self) -> None:
        await self._rewrapping.stop()
        with contextlib.suppress(KeyringUnavailable):
            await self._uses.note_all()
        self._cache.clear()
        await self._kms.close()
        await self._database.close()

    async def ready(self) -> bool:
        try:
            await self._database.rows("SELECT 1")
        except KeyringUnavailable:
            return False
        return await self._kms.healthy()

    async def new_record_key(self, tenant: str, client_id: str, key_class: KeyClass, record_id: str) -> RecordKey:
        """See Keyring.new_record_key."""
        slot = (tenant, client_id, key_class)
        row = _unfenced(await self._database.rows(_IN_USE, tenant, client_id, str(key_class)))
        if row["kid"] is None:
            row = await self._first_key(slot)
        elif self._uses.due(tenant, row, self._now()):
            row = await self._next_version(slot, row)
        extracted = await self._extracted(slot, row["kid"], row["wrapped"])
        await self._uses.count(tenant, row["kid"])
        return _derived(extracted, row["kid"], tenant, client_id, key_class, record_id)

    async def fenced(self, tenant: str, client_id: str, key_class: KeyClass) -> bool:
        """See Keyring.fenced."""
        return bool((await self._database.rows(_IN_USE, tenant, client_id, str(key_class)))[0]["fenced"])

    async def record_keys(self, tenant: str, wanted: Sequence[KeyWanted]) -> list[RecordKey | Erased]:
        """See Keyring.record_keys. One query, however many. A key id of another client or class is an unknown one."""
        if not wanted:
            return []
        kids = {w.kid for w in wanted}
        # rows may be of others' questions too: see SharedReads
        by_kid = {row["kid"]: row for row in await self._reads.rows(tenant, kids) if row["kid"] in kids}
        for want in wanted:
            row = by_kid.get(want.kid)
            if row is None or (row["client_id"], row["key_class"]) != (want.client_id, str(want.key_class)):
                raise UnknownKey(f"no key {want.kid} of this client and class")
        present = [row for row in by_kid.values() if row["state"] != KeyState.SHREDDED]
        keys = await asyncio.gather(
            *(
                self._extracted((tenant, row["client_id"], KeyClass(row["key_class"])), row["kid"], row["wrapped"])
                for row in present
            )
        )
        extracted = dict(zip((row["kid"] for row in present), keys, strict=True))
        return [
            _derived(extracted[w.kid], w.kid, tenant, w.client_id, w.key_class, w.record_id)
            if w.kid in extracted
            else Erased(w.record_id, w.kid)
            for w in wanted
        ]

    async def index_keys(self, tenant: str, fields: Sequence[IndexField], *, older: bool) -> list[IndexKey]:
        """See Keyring.index_keys."""
        slot = _index_slot(tenant)
        row = _unfenced(await self._database.rows(_IN_USE, *slot[:2], str(slot[2])))
        if row["kid"] is None:
            row = await self._first_key(slot)
        rows = await self._database.of_tenant(tenant, _NEWEST, *slot[:2], str(slot[2]), 2) if older else [row]
        return [
            IndexKey(field=field, kid=one["kid"], current=one["kid"] == row["kid"], key=key)
            for one in rows
            for key, field in [
                (index_key(await self._extracted(slot, one["kid"], one["wrapped"]), tenant=tenant, field=f), f) for f in fields
            ]
        ]

    async def new_index_version(self, tenant: str) -> str:
        """Another index key for the tenant: its key id. The one before finds what was not made anew yet. KeyringUnavailable."""
        return await self.new_version(*_index_slot(tenant))

    async def new_version(self, tenant: str, client_id: str, key_class: KeyClass) -> str:
        """A new data key for new records; the old one still opens what it sealed. Its key id. KeyFenced."""
        row = _unfenced(await self._database.rows(_IN_USE, tenant, client_id, str(key_class)))
        return str((await self._make((tenant, client_id, key_class), replaces=row["kid"]))["kid"])

    async def fence(self, tenant: str, client_id: str, classes: Sequence[KeyClass], erasure_id: UUID) -> None:
        """From here no new key of these classes is made for this client. Idempotent."""
        await self._database.rows("SELECT fence_keys($1, $2, $3, $4)", tenant, client_id, [str(c) for c in classes], erasure_id)

    async def shred(self, tenant: str, client_id: str, classes: Sequence[KeyClass], erasure_id: UUID) -> list[str]:
        """Destroys the client's keys of these classes (fenced first); key ids of all that are destroyed now. Idempotent."""
        rows = await self._database.rows(
            "SELECT shred_keys($1, $2, $3, $4, $5) AS kid", tenant, client_id, [str(c) for c in classes], erasure_id, self._now()
        )
        kids = [str(row["kid"]) for row in rows]
        for kid in kids:
            self._cache.evict((tenant, kid))
        return kids

    async def shredded(self, tenant: str) -> list[ShreddedKey]:
        """What is destroyed, for the restore drill: compared with the events of erasures before a restored keyring serves."""
        rows = await self._database.of_tenant(
            tenant,
            "SELECT kid, client_id, key_class, erasure_id, shredded_at FROM data_key "
            "WHERE tenant_id = $1 AND state = 'shredded' ORDER BY shredded_at, kid",
            tenant,
        )
        return [ShreddedKey(r["kid"], r["client_id"], KeyClass(r["key_class"]), r["erasure_id"], r["shredded_at"]) for r in rows]

    async def is_final(self, tenant: str, client_id: str, classes: Sequence[KeyClass]) -> bool:
        """Whether every epoch of the KMS is destroyed that ever wrapped a shredded key of these, or a key of the gate to which
        something of them was sealed while it was away: then no backup opens one."""
        epoch = await self.gate_keys.last_epoch(tenant, client_id, classes)
        rows = await self._database.of_tenant(
            tenant,
            "SELECT max(kms_epoch) AS epoch FROM data_key "
            "WHERE tenant_id = $1 AND client_id = $2 AND key_class = ANY($3) AND state = 'shredded'",
            tenant,
            client_id,
            [str(c) for c in classes],
        )
        epochs = [e for e in (rows[0]["epoch"], epoch) if e is not None]
        return not epochs or (await self._kms.recoverable())[0] > max(epochs)

    async def tenants(self) -> list[str]:
        """Tenants that ever had a key or a fence."""
        return await self._rewrapping.tenants()

    async def rewrap(self, tenant: str) -> int:
        """See Rewrapping.rewrap."""
        return await self._rewrapping.rewrap(tenant)

    async def _first_key(self, slot: _Slot) -> asyncpg.Record:
        """Whoever comes while one is being made waits for that one instead of asking the KMS as well."""
        async with self._turn(slot):
            row = _unfenced(await self._database.rows(_IN_USE, *slot[:2], str(slot[2])))
            return row if row["kid"] is not None else await self._make(slot, replaces=None)

    async def _next_version(self, slot: _Slot, old: asyncpg.Record) -> asyncpg.Record:
        """A rotation that cannot be done now is done later: no record waits for it, and the old key still holds."""
        async with self._turn(slot):
            row = _unfenced(await self._database.rows(_IN_USE, *slot[:2], str(slot[2])))
            if row["kid"] != old["kid"]:
                return row
            try:
                return await self._make(slot, replaces=old["kid"])
            except KmsUnavailable:
                _log.warning("a data key is due for a new version, and the KMS does not answer")
                return old

    @contextlib.asynccontextmanager
    async def _turn(self, slot: _Slot) -> AsyncIterator[None]:
        lock = self._making.setdefault(slot, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._making.pop(slot, None)

    async def _make(self, slot: _Slot, *, replaces: str | None) -> asyncpg.Record:
        tenant, client_id, key_class = slot
        kid, data_key = key_id(self._new_id().bytes), self._random(DATA_KEY_SIZE)
        context = wrap_context(tenant=tenant, client_id=client_id, key_class=key_class, kid=kid)
        wrapped = await self._kms.wrap(data_key, context)
        row = _unfenced(
            await self._database.rows(
                "SELECT * FROM add_version($1, $2, $3, $4, $5, $6, $7, $8)",
                tenant,
                client_id,
                str(key_class),
                kid,
                wrapped,
                epoch_of(wrapped),
                self._now(),
                replaces,
            )
        )
        if row["kid"] == kid:
            self._cache.put((tenant, kid), extract(data_key))
        return row

    async def _extracted(self, slot: _Slot, kid: str, wrapped: bytes) -> bytes:
        tenant, client_id, key_class = slot

        async def unwrap() -> bytes:
            context = wrap_context(tenant=tenant, client_id=client_id, key_class=key_class, kid=kid)
            return extract(await self._kms.unwrap(wrapped, context))

        return await self._cache.get((tenant, kid), unwrap)


def _index_slot(tenant: str) -> _Slot:
    return tenant, INDEX_OWNER, KeyClass.IDENTITY


def _unfenced(rows: Sequence[asyncpg.Record]) -> asyncpg.Record:
    if rows[0]["fenced"]:
        raise KeyFenced("an erasure of this client's data of this class has begun")
    return rows[0]


def _derived(extracted: bytes, kid: str, tenant: str, client_id: str, key_class: KeyClass, record_id: str) -> RecordKey:
    key = record_key(extracted, tenant=tenant, client_id=client_id, key_class=key_class, record_id=record_id)
    return RecordKey(record_id=record_id, key_class=key_class, kid=kid, key=key)
