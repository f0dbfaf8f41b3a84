"""What a tenant must keep although somebody asks for its erasure: rows of data, each with the rule it rests on.

Every pack that a tenant ever chose binds it here, the default pack one that chose none: destruction cannot be taken back, so a
change of law lifts no duty that was there before. A jurisdiction without a source has no row.
GDPR 17(3)(b) and (e) leave room for such duties.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.audit_log.decision.domain.policy import ClientPolicy
from shared.contracts.consent_policy import ConsentSet, ConsentStatus
from shared.contracts.records import KeyClass


class Kept(StrEnum):
    CONSENT_EVIDENCE = "consent-evidence"
    """the key class; its clock runs from the day on which the last of the client's consents ceased to be in effect"""
    ACCOUNTING = "accounting"
    """reason and recipient of a disclosure that has to be accounted for; its clock runs from the disclosure"""


@dataclass(frozen=True, slots=True)
class RetentionRow:
    rule: str
    kept: Kept
    years: int


RETENTION: Final[Mapping[str, tuple[RetentionRow, ...]]] = {
    "us-federal": (
        RetentionRow("rule:law.164.530-j", Kept.CONSENT_EVIDENCE, 6),
        RetentionRow("rule:law.164.528", Kept.ACCOUNTING, 6),
    ),
}
ACCOUNTED: Final = frozenset({"THREAT"})
"""purposes of grants whose disclosures 45 CFR 164.528 counts: not treatment, not what the client authorised"""
_NOT_IN_EFFECT: Final = frozenset({ConsentStatus.PROPOSED})


def in_force(laws: Iterable[str], kept: Kept) -> RetentionRow | None:
    """The row that keeps longest among these packs, by their ids."""
    rows = [row for law in laws for row in RETENTION.get(law, ()) if row.kept is kept]
    return max(rows, key=lambda row: row.years, default=None)


def refuses(laws: Iterable[str], policy: ClientPolicy, classes: Sequence[KeyClass], now: datetime) -> RetentionRow | None:
    """The row that keeps some of these classes of that client still; None where nothing does."""
    row = in_force(laws, Kept.CONSENT_EVIDENCE)
    if row is None or KeyClass.CONSENT_EVIDENCE not in classes:
        return None
    # in effect to this day where it is active without an end
    ended = [_ended(consent, now) for consent in policy.consents if consent.status not in _NOT_IN_EFFECT]
    return row if ended and now < years_after(max(ended), row.years) else None


def years_after(moment: datetime, years: int) -> datetime:
    """The same day so many years on; of the 29th of February the 1st of March."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


def _ended(consent: ConsentSet, now: datetime) -> datetime:
    if consent.status is ConsentStatus.ACTIVE:
        end = consent.period.end
        return now if end is None or end > now else end
    # what is over ended with the change that said so
    return consent.at
