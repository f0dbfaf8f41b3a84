"""Every action that an entry of the ledger can have. A search for another one would find nobody, and seem to be an answer."""

from typing import Final

from shared.contracts.codes import GATE_ACTIONS

LOOKED: Final = frozenset(
    [
        "accounting-of-disclosures",
        "access-report",
        "approve-erasure",
        "choose-settings",
        "compare-likeness",
        "decide-accesses",
        "explain-entry",
        "export-access-report",
        "export-accounting-of-disclosures",
        "export-activity",
        "export-ledger",
        "exported-ledger",
        "feed-entries",
        "place-hold",
        "prove-entry",
        "read-audit-event",
        "release-hold",
        "request-erasure",
        "rotate-index-key",
        "search-audit-events",
        "search-ledger",
        "sign-in",
        "sign-out",
        "suspend-accounting",
        "verify-ledger",
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
ERASING: Final = frozenset(
    ["acknowledged", "approved", "completed", "fenced", "keys-destroyed", "made-final", "refused", "requested", "retained"]
)
"""steps of an erasure"""
ENTRY_ACTIONS: Final = GATE_ACTIONS | LOOKED | DONE | ERASING
