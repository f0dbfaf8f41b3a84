"""Dates mean whole days; codes are checked; what the gate gets is instants and its own actions."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from services.consent.domain.elements import AUTHORIZATIONS, covers, faults
from services.consent.domain.errors import FormFault
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import MAX_DEPTH, MAX_PROVISIONS, GivenPolicy, GivenProvision
from shared.contracts.consent_policy import ConsentKind
from shared.contracts.records import KeyClass
from shared.values.time import ANYWHERE


def instants(start: str, end: str | None = None) -> tuple[datetime, datetime | None]:
    meant = GivenPeriod(start=start, end=end).instants()
    return meant.start, meant.end


def test_a_date_as_end_includes_its_whole_day() -> None:
    assert instants("2026-03-01", "2026-03-02") == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))


def test_one_day_is_a_period() -> None:
    assert GivenPeriod(start="2024-02-29", end="2024-02-29").faults("/period") == []


def test_an_instant_is_taken_as_it_is() -> None:
    start, end = instants("2026-03-01T09:00:00+02:00", "2026-03-01T09:00:00.5Z")
    assert start == datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
    assert end == datetime(2026, 3, 1, 9, 0, 0, 500_000, tzinfo=UTC)


def test_the_last_day_there_is_can_be_named() -> None:
    assert instants("2026-03-01", "9999-12-31")[1] == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "2025-02-29", "2026-13-01", "0000-01-01", "2026-1-1", "20260301", "2026-W09-1", "٢٠٢٦-03-01", "", "soon"],
)
def test_a_date_that_does_not_exist_is_refused(text: str) -> None:
    for period in ({"start": text}, {"start": "2026-01-01", "end": text}):
        with pytest.raises(ValidationError):
            GivenPeriod.model_validate(period)


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T09:00:00", "2026-03-01 09:00:00Z", "2026-03-01T25:00:00Z", "0001-01-01T00:00:00+05:00", "2026-03-01T09:00Z"],
)
def test_an_instant_without_offset_or_outside_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        GivenPeriod(start=text)


@pytest.mark.parametrize("end", ["2026-02-28", "2026-03-01T00:00:00Z", "2026-02-28T23:59:59Z"])
def test_an_end_that_is_not_after_its_start_is_refused_at_its_place(end: str) -> None:
    assert GivenPeriod(start="2026-03-01", end=end).faults("/period") == [FormFault("/period/end", "must be after start")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"purposes": ["TREATT"]},
        {"roles": ["compliance_officer"]},
        {"actions": ["peek"]},
        {"resource_types": ["progress_notes"]},
        {"labels": ["two words"]},
        {"actors": [" "]},
        {"actors": ["lena\u0000marsh"]},
        {"type": "allow"},
        {"period": {"start": "2026-02-30"}},
        {"sub": "x"},
        {"purposes": "TREAT"},
        {"purposes": [1]},
    ],
)
def test_a_misspelt_code_is_refused_rather_than_ignored(wrong: dict[str, Any]) -> None:
    """A denial that matches nothing would deny nothing."""
    with pytest.raises(ValidationError):
        GivenProvision.model_validate({"type": "deny", **wrong})


def test_the_gate_gets_instants_and_its_own_actions() -> None:
    policy = GivenPolicy.model_validate(
        {
            "base": "permit",
            "dialect": "pcf",
            "provisions": [
                {
                    "type": "deny",
                    "actors": ["sam.okoye"],
                    "actions": ["access", "disclose", "search"],
                    "period": {"start": "2026-03-01", "end": "2026-03-31"},
                    "provisions": [{"type": "permit", "purposes": ["ETREAT"], "data_period": {"start": "2026-01-01"}}],
                }
            ],
        }
    ).machine()
    (deny,) = policy.provisions
    assert deny.actions == ("read", "export", "search")
    assert deny.period is not None
    assert deny.period.end == datetime(2026, 4, 1, tzinfo=UTC)
    assert deny.provisions[0].data_period is not None
    assert policy.dialect == "pcf"


def test_a_psychotherapy_note_authorization_names_nothing_else() -> None:
    """45 CFR 164.508(b)(3)(ii): a combined form is refused, wherever the other thing is named."""
    policy = GivenPolicy.model_validate(
        {
            "base": "deny",
            "provisions": [
                {"type": "permit", "resource_types": ["psychotherapy_note", "DocumentReference"]},
                {"type": "permit", "provisions": [{"type": "permit", "resource_types": ["psychotherapy_note", "progress_note"]}]},
            ],
        }
    )
    assert [f.pointer for f in policy.faults(ConsentKind.PSYCHOTHERAPY_NOTES)] == [
        "/policy/provisions/1/provisions/0/resource_types/1"
    ]
    assert policy.faults(ConsentKind.DISCLOSURE) == []


def test_provisions_are_bounded_in_depth_and_number() -> None:
    deep = GivenProvision(type="deny")
    for _ in range(MAX_DEPTH):
        deep = GivenProvision(type="deny", provisions=(deep,))
    assert len(GivenPolicy(base="deny", provisions=(deep,)).faults(ConsentKind.TREATMENT)) == 1
    many = GivenProvision(type="deny", provisions=(GivenProvision(type="deny"),) * 100)
    assert GivenPolicy(base="deny", provisions=(many,) * 2).faults(ConsentKind.TREATMENT)
    assert MAX_PROVISIONS == 200


DESCRIBED = AUTHORIZATIONS - {ConsentKind.PSYCHOTHERAPY_NOTES}


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("progress notes of 2026", {KeyClass.PROGRESS_NOTE}),
        ("the Progress Note", {KeyClass.PROGRESS_NOTE}),
        ("progress_note, measures", {KeyClass.PROGRESS_NOTE, KeyClass.MEASURES}),
        ("IDENTITY and progress_notes", {KeyClass.IDENTITY, KeyClass.PROGRESS_NOTE}),
        ("psychotherapy notes and psychotherapy_note", set()),
        ("all notes on progress, countermeasures", set()),
        ("", set()),
    ],
)
@pytest.mark.parametrize("kind", sorted(DESCRIBED))
def test_an_authorization_covers_what_its_description_names(kind: ConsentKind, description: str, expected: set[KeyClass]) -> None:
    assert set(covers(kind, {"description": description})) == expected


@pytest.mark.parametrize("kind", sorted(set(ConsentKind) - DESCRIBED))
def test_no_other_kind_covers_by_description(kind: ConsentKind) -> None:
    assert covers(kind, {"description": "progress notes"}) == ()


@pytest.mark.parametrize("text", ["2026-03-04", "2026-02-30", "yesterday", "2026-03-04T00:00:00Z"])
def test_explained_on_is_a_day_that_has_been(text: str) -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert [f.pointer for f in faults({"explained_on": text}, now, ANYWHERE)] == ["/elements/explained_on"]
    for given in ("2026-03-02", "2026-03-03", "2026-03-02T10:30:00+00:00"):
        assert faults({"explained_on": given}, now, ANYWHERE) == []
    assert faults({"explained_on": " "}, now, ANYWHERE) == []
