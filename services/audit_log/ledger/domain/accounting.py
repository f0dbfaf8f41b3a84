"""Which entries stand in an accounting of disclosures (45 CFR 164.528(a)(1))."""

from datetime import datetime
from typing import Final

from services.audit_log.ledger.domain.entry import Entry, EntryKind

NOT_ACCOUNTED: Final = (
    *("TREAT", "ETREAT", "BTG", "COC", "SUPNWK", "HPAYMT", "HOPERAT", "TRAIN", "HCOMPL"),
    *("PATRQT", "PWATRNY", "FAMRQT"),
)
"""purposes that it leaves out: treatment, payment and operations, and disclosures to the individual"""
BY_HAND: Final = "disclosed"
"""action of a disclosure by telephone, letter, fax or in person: somebody wrote it down afterwards"""
ACTIONS: Final = ("read", "search", "export", BY_HAND)
YEARS: Final = 6


def accountable(entry: Entry) -> bool:
    """Whether it stands in its client's accounting, however old it is."""
    return (
        entry.kind is EntryKind.DISCLOSURE
        and entry.outcome == "permit"
        and entry.action in ACTIONS
        and entry.purpose is not None
        and entry.purpose not in NOT_ACCOUNTED
    )


def accounted_since(today: datetime) -> datetime:
    """Six years before; on the 28th where that year's month may be shorter, since too much may be told and too little may not."""
    return today.replace(year=today.year - YEARS, day=min(today.day, 28))
