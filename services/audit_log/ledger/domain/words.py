"""What an entry of the ledger says, in plain words: the tables that `sentences.py` makes every sentence from. No name and no id.

A clause stands twice: as something done, and as something tried. In it, `{record}` is the record, `{whose}` the client as an
owner, `{client}` the client, and `{log}` the log, each as the reader has to be told (`Audience`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from shared.contracts.disclosure import UNKNOWN_CLIENT

Clauses = Mapping[str, tuple[str, str]]
"""action or reason → done, tried to"""
VERBS: Final[Clauses] = {
    "create": ("wrote", "write"),
    "read": ("read", "read"),
    "search": ("looked through", "look through"),
    "update": ("changed", "change"),
    "sign": ("signed", "sign"),
    "cosign": ("co-signed", "co-sign"),
    "return": ("returned to its author", "return to its author"),
    "answer": ("answered", "answer"),
    "revoke": ("withdrew", "withdraw"),
    "export": ("exported", "export"),
    "compute": ("computed from", "compute from"),
    "disclosed": ("entered by hand a disclosure", "enter by hand a disclosure"),
    "lookup": ("looked for a client by identifier or name", "look for a client by identifier or name"),
}
"""uses of a record, by action; what was used follows, but for a look-up"""
WAYS: Final = {
    "telephone": "by telephone",
    "letter": "by letter",
    "fax": "by fax",
    "in_person": "in person",
    "electronic": "by electronic message",
}
"""how something was disclosed outside this system"""
Things = Mapping[str, tuple[str, str]]
"""record type → one, many"""
THINGS: Final[Things] = {
    "client": ("personal details", "personal details"),
    "session": ("a session record", "session records"),
    "progress_note": ("a session note", "session notes"),
    "psychotherapy_note": ("a session note", "session notes"),
    "consent": ("a consent", "consents"),
    "relationship": ("a care relationship", "care relationships"),
    "representative": ("a representative's authority", "representatives' authorities"),
    "capacity": ("a note on capacity", "notes on capacity"),
    "restriction": ("a restriction", "restrictions"),
    "amendment": ("an amendment request", "amendment requests"),
    "administration": ("a questionnaire", "questionnaires"),
    "outcome": ("an outcome score", "outcome scores"),
    "release_choice": ("a choice of who sees ratings", "choices of who sees ratings"),
    "repair_prompt": ("a prompt to talk about the alliance", "prompts to talk about the alliance"),
    "risk_alert": ("an alert about an answer on danger", "alerts about answers on danger"),
    "treatment_plan": ("a treatment plan", "treatment plans"),
    "moment": ("a moment of a session", "moments of sessions"),
    "engagement": ("a rating of motivation and safety", "ratings of motivation and safety"),
    "boundary_event": ("a note on a boundary", "notes on boundaries"),
    "adverse_effect": ("a note on an adverse effect", "notes on adverse effects"),
    "risk_assessment": ("a risk assessment", "risk assessments"),
    "safety_plan": ("a safety plan", "safety plans"),
    "closed_topic": ("a topic that was closed", "topics that were closed"),
    "consultation": ("a consultation", "consultations"),
    "concern": ("a concern", "concerns"),
}
"""both kinds of session notes read alike (ADR 0050)"""
CLIENTS_THINGS: Final[Things] = {
    **THINGS,
    "client": ("your personal details", "your personal details"),
    "session": ("a session's record", "sessions' records"),
    "relationship": ("who cares for you", "who cares for you"),
    "representative": ("who may act for you", "who may act for you"),
    "restriction": ("a restriction that you asked for", "restrictions that you asked for"),
    "amendment": ("your request to amend your record", "your requests to amend your record"),
    "release_choice": ("your choice of who sees your ratings", "your choices of who sees your ratings"),
    "treatment_plan": ("your treatment plan", "your treatment plans"),
    "safety_plan": ("your safety plan", "your safety plans"),
    "closed_topic": ("a topic that you closed", "topics that you closed"),
    "concern": ("your concern", "your concerns"),
}
"""the same, said to the client"""
PURPOSES: Final = {
    "TREAT": ("treatment", "for {whose} treatment"),
    "ETREAT": ("emergency treatment", "for emergency treatment"),
    "BTG": ("break-glass", "under break-glass access"),
    "THREAT": ("a threat to safety", "because of a threat to safety"),
    "COC": ("coordination of care", "to coordinate {whose} care"),
    "TRAIN": ("supervision and training", "for supervision and training"),
    "SUPNWK": ("the support network", "for {whose} support network"),
    "HOPERAT": ("running the practice", "to run the practice"),
    "HPAYMT": ("payment", "for payment"),
    "HCOMPL": ("oversight", "for oversight"),
    "HLEGAL": ("a legal matter", "for a legal matter"),
    "PATRQT": ("the client's own request", "at {whose} own request"),
    "PWATRNY": ("acting for the client", "acting for {client}"),
    "FAMRQT": ("the family's request", "at {whose} family's request"),
    "PUBHLTH": ("public health", "for public health"),
    "HRESCH": ("research", "for research"),
}
"""purpose of use → its name in a list, and how a sentence ends with it"""
PURPOSE_NAMES: Final = {code: name for code, (name, _) in PURPOSES.items()}
LOOKS: Final[Clauses] = {
    "search-ledger": ("searched {log}", "search {log}"),
    "view-entry": ("looked at one entry of {log}", "look at one entry of {log}"),
    "view-today": ("looked at the review page Today", "look at the review page Today"),
    "view-pictures": ("looked at the pictures of access", "look at the pictures of access"),
    "view-timeline": ("looked at the timeline of {record}", "look at the timeline of {record}"),
    "view-alarms": ("looked at the alarms", "look at the alarms"),
    "view-witnesses": ("looked at how witnesses follow the log", "look at how witnesses follow the log"),
    "view-completeness": ("looked at what was written without a receipt", "look at what was written without a receipt"),
    "view-retention": ("looked at the retention clock", "look at the retention clock"),
    "view-routes": ("looked at where entries are sent to", "look at where entries are sent to"),
    "view-settings": ("looked at the law and rules of the practice", "look at the law and rules of the practice"),
    "view-law": ("looked at the packs of law", "look at the packs of law"),
    "view-strict-readings": (
        "looked at the consents that are read more strictly than they are written",
        "look at the consents that are read more strictly than they are written",
    ),
    "view-erasure": ("looked at an erasure of data of {record}", "look at an erasure of data of {record}"),
    "view-holds": ("looked at the legal holds on {record}", "look at the legal holds on {record}"),
    "request-erasure": ("asked for an erasure of data of {record}", "ask for an erasure of data of {record}"),
    "approve-erasure": ("approved an erasure of data of {record}", "approve an erasure of data of {record}"),
    "place-hold": ("placed a legal hold on {record}", "place a legal hold on {record}"),
    "release-hold": ("ended a legal hold on {record}", "end a legal hold on {record}"),
    "choose-settings": ("chose the law and rules of the practice", "choose the law and rules of the practice"),
    "rotate-index-key": ("had the index of clients made anew", "have the index of clients made anew"),
    "what-if": ("asked what would be decided", "ask what would be decided"),
    "view-reports": ("looked at the page of reports", "look at the page of reports"),
    "view-snooping": ("looked at the snooping review", "look at the snooping review"),
    "view-person": ("looked at one person's unexplained accesses", "look at one person's unexplained accesses"),
    "decide-accesses": ("decided on a person's unexplained accesses", "decide on a person's unexplained accesses"),
    "compare-likeness": (
        "had the surname and address of a person and of {client} compared",
        "have the surname and address of a person and of {client} compared",
    ),
    "view-reviews": ("looked at the break-glass reviews", "look at the break-glass reviews"),
    "view-review": ("looked at a break-glass review", "look at a break-glass review"),
    "prove-entry": ("asked for the proof of an entry of {log}", "ask for the proof of an entry of {log}"),
    "explain-entry": ("asked why an entry of {log} was decided as it was", "ask why an entry of {log} was decided as it was"),
    "verify-ledger": ("had the whole log recomputed", "have the whole log recomputed"),
    "export-ledger": ("began an export of entries of {log}", "export entries of {log}"),
    "exported-ledger": ("finished an export of entries of {log}", "finish an export of entries of {log}"),
    "access-report": ("read the report of who used {record}", "read the report of who used {record}"),
    "export-access-report": ("exported the report of who used {record}", "export the report of who used {record}"),
    "accounting-of-disclosures": (
        "read the accounting of disclosures of {record}",
        "read the accounting of disclosures of {record}",
    ),
    "export-accounting-of-disclosures": (
        "exported the accounting of disclosures of {record}",
        "export the accounting of disclosures of {record}",
    ),
    "export-activity": ("exported an activity review", "export an activity review"),
    "enter-disclosure": ("entered by hand a disclosure of {record}", "enter by hand a disclosure of {record}"),
    "view-accounting": (
        "looked at what was asked about disclosures of {record}",
        "look at what was asked about disclosures of {record}",
    ),
    "request-accounting": (
        "wrote down that an accounting of disclosures of {record} was asked for",
        "ask for an accounting of disclosures of {record}",
    ),
    "extend-accounting": (
        "took more time for an accounting of disclosures of {record}",
        "take more time for an accounting of disclosures of {record}",
    ),
    "answer-accounting": (
        "wrote down that an accounting of disclosures of {record} was given",
        "write down that an accounting of disclosures of {record} was given",
    ),
    "hand-out-access-report": (
        "made the report of who used {record}, to hand over",
        "make the report of who used {record}, to hand over",
    ),
    "hand-out-accounting-of-disclosures": (
        "made the accounting of disclosures of {record}, to hand over",
        "make the accounting of disclosures of {record}, to hand over",
    ),
    "suspend-accounting": (
        "left some disclosures out of the accounting for a time, as an agency had asked",
        "leave some disclosures out of the accounting for a time, as an agency had asked",
    ),
    "search-audit-events": ("searched {log} as AuditEvents", "search {log} as AuditEvents"),
    "read-audit-event": ("read one entry of {log} as an AuditEvent", "read one entry of {log} as an AuditEvent"),
    "feed-entries": ("sent entries of the log on", "send entries of the log on"),
    "sign-in": ("signed in to the web pages", "sign in to the web pages"),
    "sign-out": ("signed out of the web pages", "sign out of the web pages"),
}
"""what somebody did at the log itself, by action"""
GRANTS: Final = {
    "active": ("was given exceptional access to {record}", ""),
    "awaiting_second_approval": ("asked for exceptional access to {record}", "; a second person has to approve it"),
    "approved": ("approved exceptional access to {record} that somebody else had asked for", ""),
    "documented": ("wrote down what was missing about an exceptional access to {record}", ""),
    "reviewed-justified": ("reviewed an exceptional access to {record}", ", and found it justified"),
    "reviewed-not_justified": ("reviewed an exceptional access to {record}", ", and found it not justified"),
    "not-of-the-group": ("tried to get exceptional access to {record}", ": their role may not have it"),
    UNKNOWN_CLIENT: ("tried to get exceptional access to {record}", ": the practice has no such client"),
    "not-an-approver": ("tried to approve exceptional access to {record}", ": their role may not approve it"),
    "own-request": ("tried to approve exceptional access to {record}", ": it was their own request"),
    "not-the-second-person": (
        "tried to approve exceptional access to {record}",
        ": the practice named another second person",
    ),
}
"""by reason: break-glass and THREAT, from the request to the review. The second part is for officers alone: a finding, and why
somebody was refused"""
ERASED_GRANTS: Final[Clauses] = {
    "create": ("asked for exceptional access to {record}", "get exceptional access to {record}"),
    "update": (
        "approved, documented or reviewed an exceptional access to {record}",
        "approve, document or review an exceptional access to {record}",
    ),
}
"""by action: what is left to say once the reason was erased"""
RELEASES: Final[Clauses] = {"update": ("chose who sees {whose} alliance ratings", "choose who sees {whose} alliance ratings")}
POLICIES: Final = {
    "consent-proposed": "made known that one of {whose} consents is proposed",
    "consent-active": "made known that one of {whose} consents is active",
    "consent-superseded": "made known that one of {whose} consents is replaced by a newer one",
    "consent-revoked": "made known that one of {whose} consents was withdrawn",
    "consent-expired": "made known that one of {whose} consents has expired",
    "consent-refused": "made known that {client} refused a consent",
    "relationship-set": "made known who cares for {client}",
    "relationship-ended": "made known that one of {whose} care relationships has ended",
    "representative-set": "made known who may act for {client}",
    "representative-ended": "made known that a representative may no longer act for {client}",
    "restriction-set": "made known a restriction that {client} asked for",
    "restriction-ended": "made known that a restriction that {client} asked for has ended",
    "settings-wished": "proposed law and rules of the practice; a second officer has to choose the same",
    "settings-chosen": "chose, as the second officer, the law and rules of the practice",
    "system-registered": "registered a record system: it may write down consents",
    "system-ended": "ended the trust in a record system: it writes down no more consents",
    "letterhead-set": "set the practice's name, address and time zone for documents that are handed out",
    "note-held": "held one session note back from {client} for a time",
    "note-hold-ended": "ended the holding back of a session note from {client}",
    "solo-practice": "said that this is a solo practice, and named its second person",
}
"""by reason: what changed of what is allowed"""
REFUSED_POLICIES: Final = {
    "register-system": "register a record system",
    "end-system": "end the trust in a record system",
    "make-solo": "say that this is a solo practice",
    "hold-note": "hold a session note back from {client}",
    "end-note-hold": "end the holding back of a session note from {client}",
    "set-letterhead": "set the practice's name and address",
}
"""by action: what somebody tried who may not"""
ERASURES: Final = {
    "requested": "asked for the erasure of data of {record}",
    "approved": "approved the erasure of data of {record}, as the second person",
    "fenced": "stopped new writing in the part of {record} that is being erased",
    "keys-destroyed": "destroyed keys of {record}: what they opened cannot be read any more",
    "acknowledged": "noted that a service has deleted its copies of erased data of {record}",
    "completed": "finished the erasure of data of {record}",
    "made-final": "noted that no backup can open the erased data of {record} any more",
    "refused": "closed a request to erase data of {record}, because of a legal hold",
    "retained": "closed a request to erase data of {record}, because the law requires that it is kept",
    "hold-placed": "placed a legal hold on {record}: nothing of it is erased",
    "hold-released": "ended a legal hold on {record}",
    "payloads-erased": "erased the details of old entries of the log",
    "reasons-erased": "erased the reasons of exceptional access to {record} from the log",
    "retention-ran": "looked for entries of the log that are old enough to be erased",
}
"""by action: steps of an erasure, legal holds and the retention clock"""
ALARMS: Final = {
    "break-glass-granted": "Break-glass access was given.",
    "forged-message": "A message was not signed by the service it claims to come from. Nothing in it was believed.",
    "message-parked": "A message could not be handled. It waits, with what follows it, for an operator.",
    "restored-from-backup": "This log was restored from a backup. What was written after it is lost, and its entries too.",
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
    "harm-fatal": "A fatal adverse effect was noted. Look at it now.",
    "harm-urgent": "An urgent adverse effect was noted. Look at it now.",
    "harm-concern-raised": "A client raised a concern. It waits for an answer.",
    "witness-saw-more": "A witness has seen more of this log than there is: database and anchor were set back together.",
    "witness-saw-another-log": "A witness has seen another log under this name: the log forked.",
}
"""by reason: what an alarm says, each with its full stop"""


def listed(record_types: Iterable[str], things: Things = THINGS) -> str:
    """The records counted by kind, as in `a session note and 2 questionnaires`; empty where there are none."""
    counted = Counter(things.get(one, ("a record", "records")) for one in record_types)
    parts = [one if number == 1 or one == many else f"{number} {many}" for (one, many), number in counted.items()]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""
