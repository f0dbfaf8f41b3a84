"""A data period compares when care happened; what only touches it is denied with it, and not permitted by it."""

from datetime import UTC, date, datetime

import pytest

from services.audit_log.decision.domain.explaining import explain, in_words
from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.rules.dialects import concerns
from shared.contracts.consent_policy import Period, Provision
from shared.contracts.disclosure import Action
from tests.unit.audit_log.asking import NOW, OKAFOR, RIVERA, THERAPIST, TREATED, ask, consent, given, record, relation, shown

LATELY = datetime(2026, 11, 30, 9, tzinfo=UTC)
YEAR = Period(start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2025, 1, 1, tzinfo=UTC))
HOURS = Period(start=datetime(2024, 3, 1, 9, tzinfo=UTC), end=datetime(2024, 3, 1, 17, tzinfo=UTC))
OPEN = Period(start=datetime(2024, 3, 1, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("period", "cared_on", "denied", "permitted"),
    [
        (YEAR, date(2024, 1, 1), True, True),
        (YEAR, date(2024, 12, 31), True, True),
        (YEAR, date(2025, 1, 1), False, False),
        (YEAR, date(2023, 12, 31), False, False),
        (YEAR, None, False, False),
        (HOURS, date(2024, 3, 1), True, False),
        (HOURS, date(2024, 3, 2), False, False),
        (OPEN, date(2024, 3, 1), True, False),
        (OPEN, date(2024, 3, 2), True, True),
        (OPEN, None, True, True),
    ],
)
def test_days_of_care(period: Period, cared_on: date | None, denied: bool, permitted: bool) -> None:
    assert concerns(period, cared_on, LATELY, denies=True) is denied
    assert concerns(period, cared_on, LATELY, denies=False) is permitted


@pytest.mark.parametrize(("kind", "outcome"), [("deny", "403"), ("permit", "permit")])
def test_a_late_entry_falls_under_the_year_of_its_session(kind: str, outcome: str) -> None:
    """It was written down long after: by when it was recorded, a denial of 2024 would let it go."""
    treated = relation(RIVERA, "therapist")
    provision = Provision.model_validate({"type": kind, "data_period": YEAR})
    of_2024 = consent("treatment", "permit" if kind == "deny" else "deny", provision)
    late = record("progress_note", OKAFOR, created_at=NOW, cared_on=date(2024, 6, 3))
    recorded_then = record("progress_note", OKAFOR, created_at=datetime(2024, 6, 3, tzinfo=UTC), cared_on=date(2023, 6, 3))
    assert shown(ask(THERAPIST, "read", late, facts=(treated, of_2024))) == outcome
    assert shown(ask(THERAPIST, "read", recorded_then, facts=(treated, of_2024))) != outcome


def test_both_days_are_told() -> None:
    late = record("progress_note", OKAFOR, created_at=NOW, cared_on=date(2024, 6, 3))
    q = Question(THERAPIST, Action.READ, "TREAT", late, NOW, late.service, given(*TREATED))
    assert any("care of 2024-06-03" in line for line in in_words(explain(q)))
