"""An entry as a line of a report, for the person whose record it is.

A client's own report leaves psychotherapy notes out: that one exists, only its author may know, and lines about notes could be
counted against the notes that the client is shown. To an officer both kinds are "a session note".
"""

from dataclasses import replace
from typing import Any

from services.audit_log.ledger.application.ledger_view import StoredEntry
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.ledger.domain.sentences import Audience, by_job, sentence, who


def report_line(stored: StoredEntry) -> dict[str, Any]:
    """One line of the access report of a client, as an officer reads it."""
    return _line(stored, Audience.REPORT)


def client_line(stored: StoredEntry) -> dict[str, Any]:
    """The same in the client's own report."""
    return _line(as_the_client_sees(stored), Audience.CLIENT)


def as_the_client_sees(stored: StoredEntry) -> StoredEntry:
    """Without what was asked in a look at the log: it may name an entry that is not shown, or an agency and its words
    (164.528(a)(2)). Which entries a client sees at all, `clients_own` says."""
    entry = stored.entry
    return replace(stored, entry=replace(entry, detail={})) if entry.kind is EntryKind.QUERY else stored


def _line(stored: StoredEntry, audience: Audience) -> dict[str, Any]:
    entry = stored.entry
    return {
        "index": stored.index,
        "at": instant(entry.at),
        "who": who(entry),
        "role": entry.agent_role,
        "service": entry.service,
        "action": entry.action,
        "outcome": entry.outcome,
        "purpose": {"code": entry.purpose, "defaulted": entry.purpose_defaulted},
        "seen_by": "nobody" if by_job(entry) or entry.outcome == "deny" else "them",
        "what": str(sentence(entry, audience)),
        "erased": stored.erased,
    }
