"""Break-glass reasons are words about the client, kept in the ledger: they go with the client's identity.

Entries, leaves, tree and old proofs stay; the erased entries still say who, when, for whom and under which purpose.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from services.audit_log.application.ledger_view import Filters, StoredEntry
from services.audit_log.application.ports import Ledger
from services.audit_log.domain.entry import Entry, EntryKind
from services.audit_log.domain.erasure import Erasure
from services.audit_log.domain.retention import ACCOUNTED
from shared.contracts.records import KeyClass, ServiceName

_PAGE: Final = 200


class ErasableLedger(Ledger, Protocol):
    """What of the ledger an erasure needs. All raise LedgerUnavailable."""

    async def search(self, tenant: str, filters: Filters, *, before: int | None = None, limit: int = 50) -> list[StoredEntry]:
        """Newest first, below index `before`."""

    async def erase_payloads(self, tenant: str, indexes: Sequence[int], entry: Entry) -> int:
        """Deletes those payloads and says so in `entry`, in one transaction; the entry's index."""


class ErasingReasons:
    """`accounted_since(tenant)`: from when on the reasons of disclosures that count must stay; None where none must."""

    def __init__(
        self,
        ledger: ErasableLedger,
        accounted_since: Callable[[str], Awaitable[datetime | None]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._ledger, self._accounted_since, self._now = ledger, accounted_since, now

    async def erase(self, tenant: str, state: Erasure) -> None:
        """Nothing where the erasure leaves identity alone, or where it was done before: so it may be taken twice."""
        if KeyClass.IDENTITY not in state.key_classes or state.client_id is None:
            return
        indexes = await self._standing(tenant, state.client_id)
        if indexes:
            await self._ledger.erase_payloads(tenant, indexes, self._entry(state))

    async def _standing(self, tenant: str, client_id: UUID) -> list[int]:
        filters = Filters(client_id=str(client_id), kinds=(EntryKind.GRANT.value,))
        since = await self._accounted_since(tenant)
        indexes: list[int] = []
        before: int | None = None
        while found := await self._ledger.search(tenant, filters, before=before, limit=_PAGE):
            indexes += [s.index for s in found if not s.erased and not _stays(s.entry, since)]
            before = found[-1].index
        return indexes

    def _entry(self, state: Erasure) -> Entry:
        return Entry(
            kind=EntryKind.ERASURE,
            at=self._now(),
            action="reasons-erased",
            outcome="done",
            reason="two-officers",
            agent=f"service:{ServiceName.AUDIT_LOG}",
            agent_role="service",
            service=str(ServiceName.AUDIT_LOG),
            request_id="",
            client_id=str(state.client_id),
            basis=(f"law:{state.basis}",),
            detail={"erasure_id": str(state.id)},
        )


def _stays(entry: Entry, since: datetime | None) -> bool:
    return since is not None and entry.purpose in ACCOUNTED and entry.at >= since
