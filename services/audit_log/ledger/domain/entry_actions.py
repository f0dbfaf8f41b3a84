"""Every action that an entry of the ledger can have. A search for another one would find nobody, and seem to be an answer."""

from typing import Final

from services.audit_log.ledger.domain.accounting import BY_HAND
from shared.contracts.codes import GATE_ACTIONS

LOOKED: Final = frozenset(
    [
        "accounting-of-disclosures",
        "access-report",
        "answer-accounting",
        "approve-erasure",
        "choose-settings",
        "compare-likeness",
        "decide-accesses",
        "enter-disclosure",
        "explain-entry",
        "export-access-report",
        "export-accounting-of-disclosures",
        "export-activity",
        "export-ledger",
        "extend-accounting",
        "exported-ledger",
        "feed-entries",
        "hand-out-access-report",
        "hand-out-accounting-of-disclosures",
        "place-hold",
        "prove-entry",
        "read-audit-event",
        "release-hold",
        "request-accounting",
        "request-erasure",
        "rotate-index-key",
        "search-audit-events",
        "search-ledger",
        "sign-in",
        "sign-out",
        "suspend-accounting",
        "verify-ledger",
        "view-accounting",
        "view-alarms",
        "view-completeness",
        "view-entry",
        "view-erasure",
        "view-holds",
        "view-law",
        "view-person",
        "view-pictures",
        "view-reports",
        "view-retention",
        "view-review",
        "view-reviews",
        "view-routes",
        "view-settings",
        "view-snooping",
        "view-strict-readings",
        "view-timeline",
        "view-today",
        "view-witnesses",
        "what-if",
    ]
)
"""what somebody did at the ledger itself: entries of kind query"""
DONE: Final = frozenset(
    [
        "end-system",
        "make-solo",
        "end-note-hold",
        "hold-note",
        "set-letterhead",
        "register-system",
        "consume",
        "cosign-checkpoint",
        "hold-placed",
        "hold-released",
        "kms-audit",
        "payloads-erased",
        "reasons-erased",
        "retention-ran",
        "receipt",
        "reconcile",
        "restore",
        "skip",
        "tell-of-harm",
        "tell-of-risk",
    ]
)
"""what an administrator registered, and what the gate noticed of messages, receipts, the KMS and notes that came late"""
ENTERED: Final = frozenset([BY_HAND])
"""what happened elsewhere and was entered by hand"""
ERASING: Final = frozenset(
    ["acknowledged", "approved", "completed", "fenced", "keys-destroyed", "made-final", "refused", "requested", "retained"]
)
"""steps of an erasure"""
ENTRY_ACTIONS: Final = GATE_ACTIONS | LOOKED | DONE | ENTERED | ERASING
