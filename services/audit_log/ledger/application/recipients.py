"""To whom a disclosure went. The reader of a record is not always its recipient: under a THREAT grant somebody reads the record
in order to tell a person or body outside the practice, whom the grant names (45 CFR 164.512(j)(1)(i), 164.528(b)(2)(ii))."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from services.audit_log.ledger.domain.entry import Entry, EntryKind

UNKNOWN: Final = "not known any more"
"""in place of a recipient whose grant's words are gone"""
_THREAT: Final = "THREAT"
_GRANT: Final = "grant:"
_PAGE: Final = 200


class Searches(Protocol):
    async def search(self, tenant: str, filters: Filters, *, before: int | None, limit: int) -> list[StoredEntry]: ...


async def recipients_of(log: Searches, tenant: str, disclosures: Sequence[StoredEntry]) -> Mapping[int, str]:
    """Index → recipient, of each of these disclosures. Raises as `search` does."""
    clients = {s.entry.client_id for s in disclosures if s.entry.purpose == _THREAT and s.entry.client_id}
    named: dict[str, str] = {}
    for client in sorted(clients):
        named |= await _named(log, tenant, client)
    return {s.index: _recipient(s.entry, named) for s in disclosures}


def _recipient(entry: Entry, named: Mapping[str, str]) -> str:
    written: str | None = entry.detail.get("recipient")
    if written or entry.purpose != _THREAT:
        return written or entry.agent_name or entry.agent
    return next((named[basis] for basis in entry.basis if basis in named), UNKNOWN)


async def _named(log: Searches, tenant: str, client: str) -> dict[str, str]:
    """`grant:<id>` → whom the grant names, of the client's THREAT grants."""
    filters = Filters(client_id=client, kinds=(EntryKind.GRANT.value,), purpose=_THREAT)
    found: dict[str, str] = {}
    before: int | None = None
    while page := await log.search(tenant, filters, before=before, limit=_PAGE):
        before = page[-1].index
        for stored in page:
            if recipient := stored.entry.detail.get("recipient"):
                found |= {basis: recipient for basis in stored.entry.basis if basis.startswith(_GRANT)}
    return found
