"""What a tenant's retention pack keeps, and until when: by row, with its citation."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.audit_log.decision.domain.policy import ClientPolicy
from services.audit_log.decision.domain.rules.packs import EU, PACKS, US_FEDERAL
from services.audit_log.decision.domain.rules.rule import RULES
from services.audit_log.erasure.domain.retention import RETENTION, Kept, in_force, refuses, years_after
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, Period, Policy
from shared.contracts.records import KeyClass

NOW = datetime(2026, 3, 1, tzinfo=UTC)
US, EUROPE = frozenset({US_FEDERAL.id}), frozenset({EU.id})
EVIDENCE = [KeyClass.IDENTITY, KeyClass.CONSENT_EVIDENCE]


def consent(status: ConsentStatus, at: datetime, end: datetime | None = None) -> ConsentSet:
    return ConsentSet(
        consent_id=uuid4(),
        client_id=uuid4(),
        kind=ConsentKind.TREATMENT,
        status=status,
        policy=Policy(base="permit"),
        period=Period(start=datetime(2015, 1, 1, tzinfo=UTC), end=end),
        at=at,
    )


def test_every_row_has_its_citation_and_its_pack() -> None:
    assert set(RETENTION) <= set(PACKS)
    rows = [row for pack in RETENTION.values() for row in pack]
    assert rows and all(RULES[row.rule].citation and row.years > 0 for row in rows)


def test_the_pack_that_keeps_longest_counts_of_all_that_ever_bound() -> None:
    """So a change of law lifts no duty."""
    policy = ClientPolicy((consent(ConsentStatus.ACTIVE, NOW),))
    assert refuses(EUROPE, policy, EVIDENCE, NOW) is None
    assert refuses(US | EUROPE, policy, EVIDENCE, NOW) == in_force(US, Kept.CONSENT_EVIDENCE) is not None
    assert in_force(EUROPE, Kept.ACCOUNTING) is None and in_force(US | EUROPE, Kept.ACCOUNTING) is not None


OLD, LATE = datetime(2016, 1, 1, tzinfo=UTC), datetime(2020, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("consents", "kept"),
    [
        ((), False),
        ((consent(ConsentStatus.PROPOSED, NOW),), False),
        ((consent(ConsentStatus.ACTIVE, OLD),), True),  # in effect to this day
        ((consent(ConsentStatus.REVOKED, LATE),), True),
        ((consent(ConsentStatus.REVOKED, LATE - timedelta(days=1)),), False),  # six years to the day
        ((consent(ConsentStatus.ACTIVE, OLD, end=LATE),), True),
        ((consent(ConsentStatus.ACTIVE, OLD, end=datetime(2019, 1, 1, tzinfo=UTC)),), False),
        ((consent(ConsentStatus.REVOKED, OLD), consent(ConsentStatus.EXPIRED, LATE)), True),  # the last one counts
    ],
)
def test_evidence_of_consent_stays_six_years_after_it_was_last_in_effect(consents: tuple[ConsentSet, ...], kept: bool) -> None:
    row = refuses(US, ClientPolicy(consents), EVIDENCE, NOW)
    assert (row is not None) is kept
    assert row is None or row.rule == "rule:law.164.530-j"
    assert refuses(US, ClientPolicy(consents), [KeyClass.PROGRESS_NOTE, KeyClass.IDENTITY], NOW) is None


def test_years_end_on_the_same_day() -> None:
    leap = datetime(2024, 2, 29, 9, tzinfo=UTC)
    assert years_after(leap, 6) == datetime(2030, 3, 1, 9, tzinfo=UTC)
    assert years_after(leap, 4) == datetime(2028, 2, 29, 9, tzinfo=UTC)
