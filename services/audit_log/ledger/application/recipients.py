"""To whom a disclosure went. The reader of a record is not always its recipient: under a grant somebody reads the record in order
to hand it to a person or body outside the practice, whom the grant names (45 CFR 164.512, 164.528(b)(2)(ii)). Of a disclosure
that was entered by hand, the entry itself says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.ledger.domain.accounting import accountable
from services.audit_log.ledger.domain.entry import Entry, EntryKind

UNKNOWN: Final = "not known any more"
"""in place of a recipient whose grant's words are gone"""
_GRANT: Final = "grant:"
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Recipient:
    name: str
    address: str | None = None

    def __str__(self) -> str:
        """As in `Crisis line North (12 Hill Road, Riverside)`."""
        return f"{self.name} ({self.address})" if self.address else self.name


class Searches(Protocol):
    async def search(self, tenant: str, filters: Filters, *, before: int | None, limit: int) -> list[StoredEntry]: ...


async def recipients_of(log: Searches, tenant: str, disclosures: Sequence[StoredEntry]) -> Mapping[int, Recipient]:
    """Index → recipient, of each of these disclosures. Raises as `search` does."""
    clients = {s.entry.client_id for s in disclosures if s.entry.client_id and _under_grant(s.entry)}
    named: dict[str, Recipient] = {}
    for client in sorted(clients):
        named |= await _named(log, tenant, client)
    return {s.index: _recipient(s.entry, named) for s in disclosures}


def _under_grant(entry: Entry) -> bool:
    return accountable(entry) and (entry.purpose == "THREAT" or any(b.startswith(_GRANT) for b in entry.basis))


def _recipient(entry: Entry, named: Mapping[str, Recipient]) -> Recipient:
    if written := _written(entry.detail):
        return written
    if not _under_grant(entry):
        return Recipient(entry.agent_name or entry.agent)
    return next((named[basis] for basis in entry.basis if basis in named), Recipient(UNKNOWN))


def _written(detail: Mapping[str, Any]) -> Recipient | None:
    return Recipient(detail["recipient"], detail.get("address")) if detail.get("recipient") else None


async def _named(log: Searches, tenant: str, client: str) -> dict[str, Recipient]:
    """`grant:<id>` → whom the grant names, of the client's grants."""
    filters = Filters(client_id=client, kinds=(EntryKind.GRANT.value,))
    found: dict[str, Recipient] = {}
    before: int | None = None
    while page := await log.search(tenant, filters, before=before, limit=_PAGE):
        before = page[-1].index
        for stored in page:
            if recipient := _written(stored.entry.detail):
                found |= {basis: recipient for basis in stored.entry.basis if basis.startswith(_GRANT)}
    return found
