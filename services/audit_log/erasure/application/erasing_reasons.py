"""Words about the client that the ledger keeps go with the client's identity: break-glass reasons, who was compared with them,
what an agency said to have their accounting suspended. With them go the flags of likeness themselves (ADR 0027).

A suspension in force stays, or it would end too early; and any, while disclosures must be accounted for: 45 CFR
164.528(a)(2)(ii)(A) has the agency's statement documented. Entries, leaves, tree and old proofs stay; the erased entries still
say who, when, for whom and under which purpose.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from services.audit_log.erasure.domain.erasure import Erasure
from services.audit_log.erasure.domain.retention import ACCOUNTED
from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.suspension import ACTION as SUSPEND
from services.audit_log.ledger.domain.suspension import in_force
from shared.contracts.records import KeyClass, ServiceName
from shared.eventstore.model import Statement

COMPARE: Final = "compare-likeness"
HOLD_NOTE: Final = "hold-note"
EXTEND: Final = "extend-accounting"
_PAGE: Final = 200


class ErasableLedger(Ledger, Protocol):
    """What of the ledger an erasure needs. All raise LedgerUnavailable."""

    async def search(self, tenant: str, filters: Filters, *, before: int | None = None, limit: int = 50) -> list[StoredEntry]:
        """Newest first, below index `before`."""

    async def erase_payloads(
        self, tenant: str, indexes: Sequence[int], entry: Entry, *, statements: Sequence[Statement] = ()
    ) -> int:
        """Deletes those payloads and says so in `entry`, in one transaction with `statements`; the entry's index."""


class Likenesses(Protocol):
    """Flags of likeness between the client and members of staff."""

    async def known(self, tenant: str, client_id: str) -> bool: ...

    def forgotten(self, tenant: str, client_id: str) -> Sequence[Statement]: ...


class ErasingReasons:
    """`accounted_since(tenant)`: from when on the reasons of disclosures that count must stay; None where none must."""

    def __init__(
        self,
        ledger: ErasableLedger,
        likenesses: Likenesses,
        accounted_since: Callable[[str], Awaitable[datetime | None]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._ledger, self._likenesses = ledger, likenesses
        self._accounted_since, self._now = accounted_since, now

    async def erase(self, tenant: str, state: Erasure) -> None:
        """Nothing where the erasure leaves identity alone, or where it was done before: so it may be taken twice."""
        if KeyClass.IDENTITY not in state.key_classes or state.client_id is None:
            return
        client = str(state.client_id)
        indexes = await self._standing(tenant, client)
        if indexes or await self._likenesses.known(tenant, client):
            forgotten = self._likenesses.forgotten(tenant, client)
            await self._ledger.erase_payloads(tenant, indexes, self._entry(state), statements=forgotten)

    async def _standing(self, tenant: str, client: str) -> list[int]:
        grants = Filters(client_id=client, kinds=(EntryKind.GRANT.value,))
        queries = Filters(client_id=client, kinds=(EntryKind.QUERY.value,), actions=(COMPARE, SUSPEND, EXTEND))
        holds = Filters(client_id=client, kinds=(EntryKind.POLICY.value,), actions=(HOLD_NOTE,))
        since, now = await self._accounted_since(tenant), self._now()
        indexes: list[int] = []
        for filters in (grants, queries, holds):
            before: int | None = None
            while found := await self._ledger.search(tenant, filters, before=before, limit=_PAGE):
                indexes += [s.index for s in found if not s.erased and not _stays(s.entry, since, now)]
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


def _stays(entry: Entry, since: datetime | None, now: datetime) -> bool:
    if in_force(entry, now):
        return True
    return since is not None and entry.at >= since and (entry.purpose in ACCOUNTED or entry.action in (SUSPEND, EXTEND))
