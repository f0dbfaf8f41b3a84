"""A record that was written while the gate was away, decided afterwards (ADR 0015).

What counts is the policy that is known now, as it stood when the record was written: a relationship that ended since then still
permits what was written under it, and the entry says what changed. What was not permitted then may be permitted now: then its
author could write it anew, so nothing is gained by refusing it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from services.audit_log.decision.domain.policy import ClientPolicy
from services.audit_log.decision.domain.question import Verdict
from shared.contracts.consent_policy import ConsentStatus

MISSED_AFTER: Final = timedelta(minutes=15)
"""after which a note that waits, and that the gate knows of, is an alarm"""
WITHDRAWN: Final = frozenset({ConsentStatus.REVOKED, ConsentStatus.EXPIRED})


class LateReason(StrEnum):
    """Why a late write is refused, dropped or alarming, besides the reasons of policy."""

    TAMPERED = "late-write-tampered"
    """the envelope does not open: changed, or of another place"""
    REPLAYED = "late-write-replayed"
    """what was reconciled is asked for again"""
    DIFFERS = "late-write-differs"
    """another envelope for a record that was reconciled"""
    UNKNOWN_KEY = "late-write-unknown-key"
    KEY_ENDED = "late-write-key-ended"
    """it waited until the gate's key was destroyed: it cannot be read any more"""
    OF_ANOTHER = "late-write-of-another"
    """the token in the envelope is not the author's, or did not hold when it was written"""
    WRONG_TIME = "late-write-wrong-time"
    DROPPED = "late-write-dropped"
    """the service dropped it although no erasure says so"""
    ERASED = "key-fenced"
    BOUND = "record-bound-already"
    MISSING = "late-write-missing"
    """known to wait, and not reconciled"""


@dataclass(frozen=True, slots=True)
class LateVerdict:
    verdict: Verdict
    at: datetime
    """as of when it was decided"""
    since: str | None
    """reason for which it would be refused now, where it was permitted then"""


def late_verdict(then: Verdict, now: Verdict, *, written_at: datetime, decided_at: datetime) -> LateVerdict:
    """The verdict of the time of writing where it permits, else that of now."""
    if then.permitted:
        return LateVerdict(then, written_at, None if now.permitted else now.reason)
    return LateVerdict(now, decided_at, None)


def changed_since(policy: ClientPolicy, sub: str, written_at: datetime, now: datetime) -> list[str]:
    """Consents withdrawn and relationships of the author ended between writing and reconciliation, by their ids."""
    return sorted(
        [
            *(
                f"consent:{c.consent_id}"
                for c in policy.consents
                if c.status in WITHDRAWN and written_at < c.at <= now and c.period.start <= written_at
            ),
            *(
                f"relationship:{r.relationship_id}"
                for r in policy.relationships
                if r.practitioner_id == sub and r.end is not None and r.start <= written_at < r.end <= now
            ),
        ]
    )


def late_detail(
    written_at: datetime, key_id: str, *, verdict: LateVerdict | None = None, changed: Iterable[str] = ()
) -> dict[str, Any]:
    """For the entry's detail under `late`: codes, ids and times alone."""
    found: dict[str, Any] = {"written_at": written_at.isoformat(), "key": key_id}
    if verdict is not None:
        found["decided_as_of"] = verdict.at.isoformat()
        if verdict.since is not None:
            found["refused_now"] = verdict.since
    listed = list(changed)
    if listed:
        found["changed_since"] = listed
    return found


def decided_at(detail: dict[str, Any], at: datetime) -> datetime:
    """As of when an entry's decision was made: of a late one, not when it was entered."""
    late = detail.get("late")
    return datetime.fromisoformat(late["decided_as_of"]) if late and "decided_as_of" in late else at
