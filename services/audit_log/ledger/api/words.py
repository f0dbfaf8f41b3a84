"""Entries in plain words, for the person whose record it is.

A client's own report leaves psychotherapy notes out: that one exists, only its author may know, and lines about notes could be
counted against the notes that the client is shown. To an officer both kinds are "a session note".
"""

from dataclasses import replace
from typing import Any, Final

from services.audit_log.ledger.application.ledger_view import StoredEntry
from services.audit_log.ledger.domain.agent_kind import AgentKind
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.ledger.domain.words import THINGS, VERBS, Things, listed
from shared.contracts.disclosure import Decision
from shared.contracts.records import RecordType
from shared.identity.roles import Role

SERVICE: Final = "service"
"""role of an entry that a service made for itself"""
_THINGS: Final[Things] = {
    **THINGS,
    "client": ("your personal details", "your personal details"),
    "session": ("a session's record", "sessions' records"),
    "relationship": ("who cares for you", "who cares for you"),
    "representative": ("who may act for you", "who may act for you"),
    "restriction": ("a restriction that you asked for", "restrictions that you asked for"),
    "amendment": ("your request to amend your record", "your requests to amend your record"),
    "release_choice": ("your choice of who sees your ratings", "your choices of who sees your ratings"),
}
_PURPOSES: Final = {
    "TREAT": "for your treatment",
    "ETREAT": "for emergency treatment",
    "BTG": "under break-glass access",
    "THREAT": "because of a threat to safety",
    "COC": "to coordinate your care",
    "TRAIN": "for supervision and training",
    "SUPNWK": "for your support network",
    "HOPERAT": "to run the practice",
    "HPAYMT": "for payment",
    "HCOMPL": "for oversight",
    "HLEGAL": "for a legal matter",
    "PATRQT": "at your own request",
    "PWATRNY": "acting for you",
    "FAMRQT": "at your family's request",
    "PUBHLTH": "for public health",
    "HRESCH": "for research",
}
_ERASURE: Final = "looked at or handled the erasure of data of your record"
_LOOKS: Final = {
    **dict.fromkeys(("request-erasure", "approve-erasure", "view-erasure", "place-hold", "release-hold", "view-holds"), _ERASURE),
    "suspend-accounting": "left some disclosures out of the accounting for a time, as an agency had asked",
}
"""queries that are no look at the log"""
_ROLES: Final = {"ehr_system": "another record system", "compliance_officer": "compliance officer"}


def report_line(stored: StoredEntry) -> dict[str, Any]:
    """One line of a client's access report."""
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
        "what": sentence(entry),
        "erased": stored.erased,
    }


def client_line(stored: StoredEntry) -> dict[str, Any]:
    """The same for the client's own report."""
    return report_line(as_the_client_sees(stored))


def as_the_client_sees(stored: StoredEntry) -> StoredEntry:
    """Without psychotherapy notes: what is told of the entry is what befell the rest; why, would tell of the others. Without what
    was asked in a look at the log: it may name an entry that is not shown, or an agency and its words (164.528(a)(2))."""
    entry = stored.entry
    if entry.kind is EntryKind.QUERY:
        return replace(stored, entry=replace(entry, detail={}))
    rest = tuple(r for r in entry.records if r.record_type != RecordType.PSYCHOTHERAPY_NOTE)
    if len(rest) < len(entry.records):
        permitted = any(r.decision == Decision.PERMIT for r in rest)
        outcome = Decision.PERMIT if permitted else Decision.DENY
        return replace(stored, entry=replace(entry, records=rest, outcome=str(outcome), reason="", basis=()))
    return stored


def by_job(entry: Entry) -> bool:
    return entry.agent_role == AgentKind.JOB


def who(entry: Entry) -> str:
    _, _, name = entry.agent.partition(":")
    if by_job(entry):
        return f"the automatic task {name}"
    if entry.agent_role == AgentKind.LINK:
        return "somebody with a questionnaire's link"
    if entry.agent_role == SERVICE:
        return f"the {name or entry.agent} service"
    if entry.agent_role == Role.CLIENT:
        return "the client"  # whose name this service does not learn
    return entry.agent_name or entry.agent


def sentence(entry: Entry) -> str:
    """As in `Dr. Ada Rivera (therapist) read a session note, for your treatment.`"""
    person = who(entry)
    if entry.agent_role not in (AgentKind.JOB, AgentKind.LINK, SERVICE, Role.CLIENT):
        person = f"{person} ({_ROLES.get(entry.agent_role, entry.agent_role)})"
    person = person[0].upper() + person[1:]
    purpose = f", {_PURPOSES[entry.purpose]}" if entry.purpose in _PURPOSES else ""
    if entry.kind is EntryKind.DISCLOSURE:
        done, tried = VERBS.get(entry.action, (entry.action, entry.action))
        late = " It was written while this log could not be reached, and is entered late." if "late" in entry.detail else ""
        if entry.outcome == "deny":
            return f"{person} tried to {tried} {things(entry)}{purpose}, and was refused.{late}"
        if by_job(entry):
            return f"{person} computed from {things(entry)}{purpose}: computed, seen by nobody."
        return f"{person} {done} {things(entry)}{purpose}.{late}"
    about = _LOOKS.get(entry.action) or {
        EntryKind.GRANT: "was given, used or ended exceptional access to your record",
        EntryKind.RELEASE: "chose who sees your alliance ratings",
        EntryKind.ERASURE: "took a step of erasing data of your record",
        EntryKind.QUERY: "looked at the log of who used your record",
    }.get(entry.kind, f"did this: {entry.action}")
    refused = ", and was refused" if entry.outcome == "deny" else ""
    return f"{person}: {about}{purpose}{refused}."


def things(entry: Entry) -> str:
    nothing_named = "your record" if entry.client_id is not None else "by identifier or name"
    return listed((r.record_type for r in entry.records), _THINGS) or nothing_named
