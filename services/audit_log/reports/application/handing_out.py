"""A report as a document to hand over: sentences for the client, the oldest first, with days in the practice's zone."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.audit_log.ledger.application.ledger_view import StoredEntry
from services.audit_log.ledger.application.recipients import Recipient, recipients_of
from services.audit_log.ledger.application.reports import Handout
from services.audit_log.ledger.domain.accounting import YEARS
from services.audit_log.ledger.domain.sentences import Audience, day_in_words, sentence
from services.audit_log.reports.application.exporting import PAGE, Log, Report

MOST: Final = 1_000
"""sentences of one document, the newest; laying out a thousand takes some seconds"""
NO_ADDRESS: Final = "address not known"
TITLES: Final = {
    "access-report": "Who used your record",
    "accounting-of-disclosures": "Accounting of disclosures",
}
_SAYS: Final = {
    "access-report": "This is every use of your record that the practice's log holds, and every attempt that was refused.",
    "accounting-of-disclosures": f"""These are the disclosures of your record in the last {YEARS} years that the law lists \
(45 CFR 164.528): when, to whom, what and why. Not listed are disclosures for treatment, payment and the practice's own \
operations, and what was given to you or to who acts for you.""",
}


@dataclass(frozen=True, slots=True)
class Line:
    index: int
    day: str
    """as in `1 March 2026`"""
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    about: tuple[tuple[str, str], ...]
    says: str
    lines: tuple[Line, ...]
    nothing: str
    """what it says where there is no line"""
    more: bool
    """whether there are older ones"""


async def document_of(log: Log, tenant: str, report: Report, made_at: datetime, handout: Handout) -> Document:
    """Raises as the log's `search` does."""
    zone = ZoneInfo(handout.zone)
    found: list[StoredEntry] = []
    while len(found) <= MOST:
        page = await log.search(tenant, report.filters, before=found[-1].index if found else None, limit=PAGE)
        found += page
        if len(page) < PAGE:
            break
    shown = found[:MOST][::-1]
    named = await recipients_of(log, tenant, shown) if report.recipients else {}
    lines = tuple(_line(report.see(s), named.get(s.index), zone) for s in shown)
    about = (
        ("Client", handout.client),
        ("Made", f"{_day(made_at, zone)} by {handout.by}"),
        *((("From", report.query["from"]),) if report.query.get("from") else ()),
        *((("To", report.query["to"]),) if report.query.get("to") else ()),
        ("Days", f"as in {handout.zone}"),
    )
    return Document(TITLES[report.name], about, _SAYS[report.name], lines, report.nothing, len(found) > MOST)


def _line(stored: StoredEntry, recipient: Recipient | None, zone: ZoneInfo) -> Line:
    entry = stored.entry
    to = None
    if recipient is not None:
        to = str(recipient) if recipient.address else f"{recipient.name} ({NO_ADDRESS})"
    on = entry.detail.get("on")
    day = day_in_words(date.fromisoformat(on)) if isinstance(on, str) else _day(entry.at, zone)
    return Line(stored.index, day, str(sentence(entry, Audience.CLIENT, to)))


def _day(at: datetime, zone: ZoneInfo) -> str:
    return day_in_words(at.astimezone(zone).date())
