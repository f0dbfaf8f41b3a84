"""The ledger on PostgreSQL: durable entries first, then a signed transparency log over them (ADR 0020)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg

from services.audit_log.ledger.adapters.keys import LogKeys, check_tenant
from services.audit_log.ledger.adapters.logs import Logs
from services.audit_log.ledger.adapters.reads import LedgerReads
from services.audit_log.ledger.adapters.rows import DATABASE_ERRORS, Connection, Pool, row_of
from services.audit_log.ledger.adapters.writer import LedgerWriter, SequenceLost
from services.audit_log.ledger.application.ledger_view import (
    CheckpointAnchor,
    CosignedCheckpoint,
    EntryProof,
    Filters,
    SigningKey,
    StoredEntry,
)
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.verification import ERASED, Report
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import Statement

CONNECT_SECONDS: Final = 5.0
COMMAND_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.25
_LEAD = "SELECT pg_try_advisory_lock(hashtextextended('ledger', 0))"
_log = logging.getLogger("ledger")


class PostgresLedger:
    """Implements `Ledger` and `LedgerView`.

    One process leads: it holds the session advisory lock `ledger`, assigns indexes and signs. Any other stands by: it reads,
    and takes over when the leader's session ends. `append` on one that does not lead raises LedgerUnavailable.
    """

    def __init__(
        self,
        urls: DatabaseUrls,
        *,
        seed: bytes,
        origin_prefix: str,
        anchor: CheckpointAnchor,
        random: Callable[[int], bytes],
        retiring_seeds: Sequence[bytes] = (),
    ) -> None:
        """`seed`: 32 bytes from which each tenant's Ed25519 key is derived; `origin_prefix`: `<host>/<deployment>`;
        `retiring_seeds`: those before, while checkpoints are to be signed by both."""
        self._urls, self._anchor, self._random = urls, anchor, random
        self._keys = LogKeys((seed, *retiring_seeds), origin_prefix)
        self._pool: Pool | None = None
        self._logs: Logs | None = None
        self._leading = asyncio.Event()
        self._term: asyncio.Task[None] | None = None
        self._writer = LedgerWriter(self._next_index, self._committed)

    async def open(self) -> None:
        """Connect, and begin to lead or to stand by. Raises LedgerUnavailable where the database is away."""
        try:
            self._pool = await asyncpg.create_pool(
                self._urls.app,
                min_size=1,
                max_size=8,
                command_timeout=COMMAND_SECONDS,
                timeout=CONNECT_SECONDS,
                reset=_keep,
            )
        except DATABASE_ERRORS as error:
            raise LedgerUnavailable(f"the ledger's database cannot be opened: {type(error).__name__}") from error
        first = asyncio.Event()
        self._term = asyncio.create_task(self._serve(first), name="ledger")
        await first.wait()

    async def close(self) -> None:
        if self._term is not None:
            self._term.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._term
            self._term = None
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def lead(self) -> None:
        """Returns once this process leads: at once where no other does, else when the other has gone."""
        await self._leading.wait()

    @property
    def leading(self) -> bool:
        return self._leading.is_set()

    async def ready(self) -> bool:
        """Whether entries can be written: this process leads. A tenant whose log is refused is refused alone: see `refused`."""
        return self._leading.is_set()

    def refused(self) -> dict[str, str]:
        """Tenants whose log is not written or signed, and why: its database and its anchor do not agree."""
        return dict(self._logs.refused) if self._logs is not None else {}

    async def append(self, tenant: str, entries: Sequence[Entry], *, statements: Sequence[Statement] = ()) -> list[int]:
        """See the port. Statements run after the entries, under the tenant's row-level security."""
        check_tenant(tenant)
        rows = [row_of(entry, self._random) for entry in entries]
        if not self._leading.is_set():
            raise LedgerUnavailable("this process does not lead the ledger just now")
        return await self._writer.append(tenant, rows, statements)

    async def erase_payloads(
        self, tenant: str, indexes: Sequence[int], entry: Entry, *, statements: Sequence[Statement] = ()
    ) -> int:
        """Delete payloads and salts, and say so in `entry` (kind erasure), in one transaction with `statements`. Its index.

        Leaves, tree and old proofs stay; payloads of erasures themselves are kept. Legal holds and retention are decided before.
        """
        if entry.kind is not EntryKind.ERASURE:
            raise ValueError("only an erasure's entry says what was erased")
        told = replace(entry, detail=entry.detail | {ERASED: sorted(set(indexes))})
        statement = Statement("SELECT ledger_erase($1::bigint[])", (sorted(set(indexes)),))
        return (await self.append(tenant, [told], statements=[statement, *statements]))[0]

    async def entry(self, tenant: str, index: int) -> StoredEntry:
        return await self._reads.entry(tenant, index)

    async def search(self, tenant: str, filters: Filters, *, before: int | None = None, limit: int = 50) -> list[StoredEntry]:
        return await self._reads.search(tenant, filters, before, limit)

    async def agents(self, tenant: str, who: str) -> list[str]:
        return await self._reads.agents(tenant, who)

    async def following(self, tenant: str, filters: Filters, first: int, limit: int) -> list[StoredEntry]:
        """From index `first` on, the oldest first."""
        return await self._reads.following(tenant, filters, first, limit)

    async def proof(self, tenant: str, index: int) -> EntryProof:
        return await self._reads.proof(tenant, index)

    async def proofs(self, tenant: str, indexes: Sequence[int]) -> dict[int, EntryProof]:
        return await self._reads.proofs(tenant, indexes)

    async def tile(self, tenant: str, level: int, index: int, width: int) -> bytes:
        return await self._reads.tile(tenant, level, index, width)

    async def entry_bundle(self, tenant: str, index: int, width: int) -> bytes:
        return await self._reads.entry_bundle(tenant, index, width)

    async def verify_tree(self, tenant: str) -> Report:
        """Leaves and tree alone: three times as fast."""
        return await self._reads.verify_tree(tenant)

    async def verify(self, tenant: str) -> Report:
        return await self._reads.verify(tenant)

    async def checkpoint(self, tenant: str) -> bytes | None:
        return await self._reads.checkpoint(check_tenant(tenant))

    def published_logs(self) -> dict[str, bytes]:
        """Tenants of this leading process and their newest published checkpoint."""
        logs = self._logs if self._leading.is_set() else None
        return {t: note for t in logs.tenants() if (note := logs.published(t)) is not None} if logs is not None else {}

    async def consistency(self, tenant: str, old: int, new: int) -> list[bytes]:
        """RFC 6962 proof that the tree of `old` leaves is a prefix of that of `new`. Raises NoSuchTile."""
        return await self._reads.consistency(tenant, old, new)

    async def cosigned(self, tenant: str) -> list[CosignedCheckpoint]:
        """What each witness cosigned last."""
        return await self._reads.cosigned(tenant)

    async def keep_cosigned(self, tenant: str, cosigned: CosignedCheckpoint) -> None:
        await self._reads.keep_cosigned(tenant, cosigned)

    async def vkeys(self, tenant: str) -> list[SigningKey]:
        """Every key that signed this log, the oldest first."""
        return await self._reads.vkeys(tenant)

    def log_vkeys(self, tenant: str) -> tuple[str, ...]:
        """Whose signatures of this log count now, newest first."""
        return self._keys.vkeys(tenant)

    def vkey(self, tenant: str) -> str:
        return self._keys.signer(tenant).verifier.vkey

    @property
    def _reads(self) -> LedgerReads:
        if self._pool is None:
            raise LedgerUnavailable("the ledger is not open")
        return LedgerReads(self._pool, self._keys, self._published)

    async def _published(self, tenant: str) -> bytes | None:
        note = self._logs.published(tenant) if self._logs is not None else None
        return note or await self._anchor.load(tenant)

    async def _next_index(self, tenant: str) -> int:
        if self._logs is None:
            raise LedgerUnavailable("this process does not lead the ledger just now")
        return await self._logs.next_index(tenant)

    def _committed(self, tenant: str, next_index: int) -> None:
        if self._logs is not None:
            self._logs.committed(tenant, next_index)

    async def _serve(self, first: asyncio.Event) -> None:
        """Lead whenever the lock can be had; after any loss begin anew."""
        while True:
            try:
                await self._one_term(first)
            except (*DATABASE_ERRORS, SequenceLost, LedgerUnavailable) as error:
                _log.warning("the ledger lost its session: %s", type(error).__name__)
            finally:
                self._leading.clear()
                self._writer.refuse_waiting()
                first.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _one_term(self, first: asyncio.Event) -> None:
        assert self._pool is not None
        connection = await self._session()
        try:
            while not await connection.fetchval(_LEAD):
                first.set()
                await asyncio.sleep(RETRY_SECONDS)
            logs = self._logs = Logs(self._pool, self._keys, self._anchor)
            await logs.admit_all()
            self._leading.set()
            first.set()
            await _until_one_ends(self._writer.run(connection), logs.follow(), _ended(connection))
        finally:
            self._leading.clear()
            connection.terminate()

    async def _session(self) -> Connection:
        return await asyncpg.connect(
            self._urls.app,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings={"synchronous_commit": "on", "application_name": "ledger"},
        )


async def _ended(connection: Connection) -> None:
    """Raises when the session is gone, also while nobody writes: the lock went with it."""
    ended = asyncio.get_running_loop().create_future()

    def tell(_: object) -> None:
        if not ended.done():
            ended.set_result(None)

    connection.add_termination_listener(tell)
    if not connection.is_closed():
        await ended
    raise ConnectionResetError


async def _keep(_: object) -> None:
    """No reset between uses: nothing here outlives its transaction, and the default costs 18 % of a read."""


async def _until_one_ends(*work: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(w) for w in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
