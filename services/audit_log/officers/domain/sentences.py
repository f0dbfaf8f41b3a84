"""Entries in plain words, for an officer: who did what, for what, and whether it was allowed. No client's name: ids only."""

from typing import Final

from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.words import VERBS, listed

PURPOSES: Final = {
    "TREAT": "treatment",
    "ETREAT": "emergency treatment",
    "BTG": "break-glass",
    "THREAT": "a threat to safety",
    "COC": "coordination of care",
    "TRAIN": "supervision and training",
    "SUPNWK": "the support network",
    "HOPERAT": "running the practice",
    "HPAYMT": "payment",
    "HCOMPL": "oversight",
    "HLEGAL": "a legal matter",
    "PATRQT": "the client's own request",
    "PWATRNY": "acting for the client",
    "FAMRQT": "the family's request",
    "PUBHLTH": "public health",
    "HRESCH": "research",
}
LOOKS: Final = {
    "search-ledger": "searched the log",
    "view-entry": "looked at one entry of the log",
    "view-today": "looked at the review page Today",
    "view-pictures": "looked at the pictures of access",
    "view-timeline": "looked at a client's timeline",
    "view-alarms": "looked at the alarms",
    "view-witnesses": "looked at how witnesses follow the log",
    "view-completeness": "looked at what was written without a receipt",
    "view-retention": "looked at the retention clock",
    "view-routes": "looked at where entries go out to",
    "view-settings": "looked at the law and rules that bind the practice",
    "view-law": "looked at the law and rules that bind the practice",
    "view-strict-readings": "looked at the consents that are read more strictly than they are written",
    "view-erasure": "looked at an erasure",
    "view-holds": "looked at legal holds",
    "request-erasure": "asked for an erasure",
    "approve-erasure": "approved an erasure",
    "place-hold": "placed a legal hold",
    "release-hold": "ended a legal hold",
    "choose-settings": "chose the law and rules that bind the practice",
    "rotate-index-key": "had the index of clients made anew",
    "what-if": "asked what would be decided",
    "view-reports": "looked at the page of reports",
    "view-snooping": "looked at the snooping review",
    "view-person": "looked at one person's unexplained accesses",
    "decide-accesses": "decided on a person's unexplained accesses",
    "compare-likeness": "had a person's and a client's surname and address compared",
    "view-reviews": "looked at the break-glass reviews",
    "view-review": "looked at a break-glass review",
    "prove-entry": "asked for the proof of an entry",
    "explain-entry": "asked why an entry was decided as it was",
    "verify-ledger": "had the whole log recomputed",
    "export-ledger": "exported entries of the log",
    "exported-ledger": "finished an export of the log",
    "access-report": "read an access report",
    "export-access-report": "exported an access report",
    "accounting-of-disclosures": "read an accounting of disclosures",
    "export-accounting-of-disclosures": "exported an accounting of disclosures",
    "export-activity": "exported an activity review",
    "suspend-accounting": "suspended the accounting of some disclosures",
    "search-audit-events": "searched the log as AuditEvents",
    "read-audit-event": "read one entry of the log as AuditEvent",
    "feed-entries": "sent entries of the log on",
    "sign-in": "signed in to the review pages",
    "sign-out": "signed out of the review pages",
}
POLICIES: Final = {
    "system-registered": "registered a record system: it may write down consents",
    "system-ended": "ended the trust in a record system: it writes down no more consents",
    "solo-practice": "said that this is a solo practice, and named its second person",
}
ALARMS: Final = {
    "break-glass-granted": "Break-glass access was given.",
    "forged-message": "A message was not signed by the service it claims to come from. Nothing in it was believed.",
    "message-parked": "A message could not be handled. It waits, with what follows it, for an operator.",
    "message-skipped": "An operator gave up a message that could not be handled.",
    "receipt-without-entry": "A service stored something that no entry of the log allowed.",
    "receipt-of-another-entry": "A service stored something else than its entry of the log allowed.",
    "record-bound-already": "A service asked to create a record that exists already.",
    "record-not-bound": "A service asked for a record that the gate has never heard of.",
    "claim-differs": "A service described a record differently than it was bound at its creation.",
    "service-not-of-class": "A service asked for a kind of record that is not its own.",
    "service-owns-nothing": "A service that keeps no records asked for one.",
    "job-row": "A service acted for an automatic task that is not registered for it.",
    "kms-call-unknown": "Somebody else than the keyring used the key that wraps all others. Find out who held its token.",
    "kms-call-unlogged": "The KMS's own log does not show a call of the keyring: it was cut, or not handed in whole.",
    "kms-call-without-entry": "A client's key was opened, and no entry of this log says for what.",
    "late-write-missing": "A note that was written while the gate was away is not reconciled yet. Its author cannot read it.",
    "late-write-tampered": "A note that was written while the gate was away does not fit its envelope: it was changed or moved.",
    "late-write-replayed": "A note that was reconciled and stored already was asked for again.",
    "late-write-differs": "Another note was handed in for one that was reconciled already.",
    "late-write-unknown-key": "A note was sealed to a key that this gate never published.",
    "late-write-key-ended": "A note waited until the gate's key had ended. It is lost: its author has to write it again.",
    "late-write-of-another": "A note that was written while the gate was away does not carry its author's valid token.",
    "late-write-wrong-time": "A note claims to have been written when it cannot have been.",
    "late-write-dropped": "A service gave up a note that waited, although no erasure asked for it.",
    "entry-without-receipt": "A service was allowed to write and said nothing of it: the write failed, or is kept back.",
    "risk-alert-raised": "A client answered a question about danger. A clinician was told.",
    "risk-alert-escalated": "Nobody acknowledged an answer about danger in time. The next person was told.",
    "risk-alert-handed-over": "An answer about danger was handed over to another person.",
    "risk-alert-unacknowledged": "Nobody acknowledged an answer about danger, and nobody is left to tell. Call the clinic now.",
    "witness-saw-more": "A witness has seen more of this log than there is: database and anchor were set back together.",
    "witness-saw-another-log": "A witness has seen another log under this name: the log forked.",
}


def who(entry: Entry) -> str:
    _, _, name = entry.agent.partition(":")
    if entry.agent_role == "job":
        return f"The automatic task {name}"
    if entry.agent_role == "link":
        return "Somebody with a questionnaire's link"
    if entry.agent_role in ("service", "operator") and name:
        return f"The service {name}"
    if entry.kind is EntryKind.DISCLOSURE and entry.agent_role == "client":
        return "The client"
    return entry.agent_name or entry.agent


def role(entry: Entry) -> str:
    """As in `compliance officer`; empty where the sentence says it already."""
    if entry.agent_role in ("job", "link", "service", "client"):
        return ""
    return entry.agent_role.replace("_", " ")


def what(entry: Entry) -> str:
    """The rest of the sentence behind the person, without its full stop."""
    purpose = f", for {PURPOSES[entry.purpose]}" if entry.purpose in PURPOSES else ""
    if entry.kind is EntryKind.DISCLOSURE:
        done, tried = VERBS.get(entry.action, (entry.action, entry.action))
        late = "; it was written while the gate was away, and is entered late" if "late" in entry.detail else ""
        if entry.outcome == "deny":
            return f"tried to {tried} {things(entry)}{purpose}, and was refused{late}"
        return f"{done} {things(entry)}{purpose}" + ("; nobody saw it" if entry.agent_role in ("job", "service") else "") + late
    if entry.kind is EntryKind.ALARM:
        return f"raised an alarm: {alarm(entry.reason)}".removesuffix(".")
    refused = ", and was refused" if entry.outcome == "deny" else ""
    about = LOOKS.get(entry.action) or {
        EntryKind.GRANT: f"asked for, used or reviewed exceptional access ({entry.reason})",
        EntryKind.RELEASE: "chose who sees the alliance ratings",
        EntryKind.POLICY: POLICIES.get(entry.reason) or f"changed what is allowed ({entry.reason or entry.action})",
        EntryKind.ERASURE: f"took a step of an erasure ({entry.action})",
    }.get(entry.kind, entry.action.replace("-", " "))
    return f"{about}{refused}"


def things(entry: Entry) -> str:
    nothing_named = "a client's record" if entry.client_id is not None else "by identifier or name"
    return listed(r.record_type for r in entry.records) or nothing_named


def alarm(reason: str) -> str:
    return ALARMS.get(reason, f"Something that should not be: {reason.replace('-', ' ')}.")
