"""Service codes by minutes: the bands of CPT, each at its borders."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.session_notes.sessions.domain.facts import Psychotherapy, is_late
from services.session_notes.sessions.domain.service_codes import suggested
from services.session_notes.sessions.domain.sessions import Attendance, Modality, SessionDetails, SessionFormat

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def details(minutes: float, **changes: Any) -> SessionDetails:
    facts = {
        "started_at": START,
        "ended_at": START + timedelta(minutes=minutes),
        "modality": Modality.CBT,
        "format": SessionFormat.INDIVIDUAL,
        "attendance": Attendance.ATTENDED,
        **changes,
    }
    return SessionDetails.model_validate(facts)


def codes(session: SessionDetails) -> list[str]:
    return [one.code for one in suggested(session)]


@pytest.mark.parametrize(
    ("minutes", "code"),
    [(15.9, []), (16, ["90832"]), (37.99, ["90832"]), (38, ["90834"]), (52.9, ["90834"]), (53, ["90837"]), (180, ["90837"])],
)
def test_the_bands_of_individual_psychotherapy(minutes: float, code: list[str]) -> None:
    assert codes(details(minutes)) == code


def test_the_minutes_of_psychotherapy_count_where_they_are_told() -> None:
    told = Psychotherapy(start=START + timedelta(minutes=10), stop=START + timedelta(minutes=45))
    (found,) = suggested(details(55, psychotherapy=told))
    assert (found.code, found.minutes, "35 minutes of psychotherapy" in found.rule) == ("90832", 35, True)


@pytest.mark.parametrize(
    ("format", "code"), [("couple", "90847"), ("family", "90847"), ("group", "90853"), ("individual", "90834")]
)
def test_who_came_decides(format: str, code: str) -> None:
    assert codes(details(45, format=format)) == [code]


@pytest.mark.parametrize("attendance", [a for a in Attendance if a is not Attendance.ATTENDED])
def test_nothing_is_proposed_for_a_missed_session(attendance: Attendance) -> None:
    assert codes(details(50, attendance=attendance)) == []


@pytest.mark.parametrize(
    ("place", "modifiers", "places"),
    [("office", (), ("11",)), ("video", ("95",), ("10", "02")), ("telephone", ("93",), ("10", "02")), (None, (), ())],
)
def test_where_it_was_held(place: str | None, modifiers: tuple[str, ...], places: tuple[str, ...]) -> None:
    (found,) = suggested(details(50, place=place))
    assert (found.modifiers, found.place_of_service) == (modifiers, places)


def test_a_late_entry_is_judged_by_the_day_at_the_place() -> None:
    ended = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert not is_late(ended, ended + timedelta(hours=1), None)
    assert not is_late(ended, ended + timedelta(hours=3), "America/New_York"), "still the same evening there"
    assert is_late(ended, ended + timedelta(hours=2), None)
    assert not is_late(ended, ended + timedelta(hours=2), "Europe/Athens"), "both on the second of March there"
