"""Suspension of a client's right to an accounting (45 CFR 164.528(a)(2)): a law-enforcement official or a health oversight agency
says that the accounting would impede its work. In writing, for the time it names; by word of mouth, for 30 days at most."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.audit_log.domain.entry import Entry

ORAL_AT_MOST: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Suspension:
    id: str
    client_id: str
    agency: str
    """the recipient as the ledger names it: a name, or a `sub`"""
    oral: bool
    placed_at: datetime
    until: datetime

    def covers(self, entry: Entry) -> bool:
        """Whether the entry is a disclosure to that agency."""
        named = (entry.detail.get("recipient"), entry.agent_name, entry.agent)
        return entry.client_id == self.client_id and self.agency.casefold() in [str(n).casefold() for n in named if n]


def told(entry: Entry, standing: Sequence[Suspension]) -> bool:
    """Whether the client is told of the entry now."""
    return not any(suspension.covers(entry) for suspension in standing)
