"""Kafka topics, the one service that may write each, and who may read it.

Topics are keyed by `tenant/client_id`. The gate reads policy and receipts only: never a clinical topic.
"""

from dataclasses import dataclass
from typing import Final

from shared.contracts.records import ServiceName

CONSENT_POLICY: Final = "consent-policy.v1"
CONSENT: Final = "consent.v1"
SESSION_NOTES: Final = "session-notes.v1"
ALLIANCE: Final = "alliance.v1"
AUDIT: Final = "audit.v1"
RECEIPTS: Final = "receipts.v1"


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    writers: frozenset[ServiceName]
    readers: frozenset[ServiceName]
    partitions: int = 12


_CLINICAL = frozenset({ServiceName.CONSENT, ServiceName.SESSION_NOTES, ServiceName.ALLIANCE})

TOPICS: Final[dict[str, Topic]] = {
    t.name: t
    for t in (
        Topic(CONSENT_POLICY, frozenset({ServiceName.CONSENT}), frozenset({ServiceName.AUDIT_LOG})),
        Topic(CONSENT, frozenset({ServiceName.CONSENT}), frozenset({ServiceName.SESSION_NOTES, ServiceName.ALLIANCE})),
        Topic(
            SESSION_NOTES,
            frozenset({ServiceName.SESSION_NOTES}),
            frozenset({ServiceName.ALLIANCE, ServiceName.CONSENT}),
        ),
        Topic(ALLIANCE, frozenset({ServiceName.ALLIANCE}), frozenset({ServiceName.SESSION_NOTES})),
        Topic(AUDIT, frozenset({ServiceName.AUDIT_LOG}), _CLINICAL),
        Topic(RECEIPTS, _CLINICAL, frozenset({ServiceName.AUDIT_LOG})),
    )
}
