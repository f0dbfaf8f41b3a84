"""Dates that can be, and sessions that were held or missed."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from services.session_notes.clients.domain.clients import ClientIdentity, Identifier, register
from services.session_notes.desk.domain.refusals import Unfit
from services.session_notes.sessions.domain.sessions import (
    Attendance,
    Modality,
    SessionDetails,
    SessionFormat,
    SessionWasHeld,
    SessionWasMissed,
    record_session,
)
from shared.contracts.records import KeyClass
from shared.contracts.session_notes import SESSION_HELD
from shared.sealing.event import sealed_fields

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLIENT, SESSION = UUID(int=1), UUID(int=2)
TOO_LATE = NOW + timedelta(days=1, seconds=1)


def details(**changes: Any) -> SessionDetails:
    start = NOW - timedelta(hours=2)
    given: dict[str, Any] = {
        "started_at": start,
        "ended_at": start + timedelta(minutes=50),
        "modality": Modality.CBT,
        "format": SessionFormat.INDIVIDUAL,
        "attendance": Attendance.ATTENDED,
        **changes,
    }
    return SessionDetails(**given)


def pointers(refusal: pytest.ExceptionInfo[Unfit]) -> list[str]:
    return [flaw.pointer for flaw in refusal.value.flaws]


def test_a_client_is_registered_with_a_sealed_identity() -> None:
    event = register(CLIENT, ClientIdentity(name="Noor Haddad", birth_date=date(1991, 4, 3)), now=NOW)
    assert sealed_fields(type(event)) == {"identity": KeyClass.IDENTITY}
    assert event.record_id == CLIENT
    assert "Noor" not in repr(event)


@pytest.mark.parametrize("born", [date(2026, 3, 3), date(1899, 12, 31), date(9999, 12, 31), date(1, 1, 1)])
def test_a_date_of_birth_that_cannot_be(born: date) -> None:
    with pytest.raises(Unfit) as refusal:
        register(CLIENT, ClientIdentity(name="A", birth_date=born), now=NOW)
    assert pointers(refusal) == ["/birth_date"]


@pytest.mark.parametrize("born", [date(2026, 3, 1), date(2026, 3, 2), date(1900, 1, 1), date(2000, 2, 29)])
def test_a_date_of_birth_at_the_edges(born: date) -> None:
    register(CLIENT, ClientIdentity(name="A", birth_date=born), now=NOW)


def test_an_identifier_stands_once() -> None:
    twice = (Identifier(system="urn:example:member", value="1"), Identifier(system="urn:example:member", value="1"))
    with pytest.raises(Unfit) as refusal:
        register(CLIENT, ClientIdentity(name="A", birth_date=date(1990, 1, 1), identifiers=twice), now=NOW)
    assert pointers(refusal) == ["/identifiers/1"]


@pytest.mark.parametrize("attendance", Attendance)
def test_attended_is_held_everything_else_was_missed(attendance: Attendance) -> None:
    event = record_session(SESSION, CLIENT, "dr-lang", details(attendance=attendance), now=NOW)
    assert isinstance(event, SessionWasHeld if attendance is Attendance.ATTENDED else SessionWasMissed)
    assert sealed_fields(type(event)) == {"details": KeyClass.PROGRESS_NOTE}
    assert SessionWasHeld.TYPE == SESSION_HELD


EARLIEST, LATEST = (
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))),
)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"ended_at": NOW - timedelta(hours=2)}, ["/ended_at"]),
        ({"ended_at": NOW - timedelta(hours=3)}, ["/ended_at"]),
        ({"ended_at": NOW + timedelta(hours=22, seconds=1)}, ["/ended_at"]),
        ({"started_at": TOO_LATE, "ended_at": TOO_LATE + timedelta(hours=1)}, ["/started_at", "/ended_at"]),
        ({"started_at": EARLIEST}, ["/started_at"]),
        ({"ended_at": LATEST}, ["/ended_at"]),
        ({"started_at": EARLIEST, "ended_at": LATEST}, ["/started_at", "/ended_at"]),
    ],
)  # fmt: skip
def test_times_that_cannot_be(changes: dict[str, Any], where: list[str]) -> None:
    with pytest.raises(Unfit) as refusal:
        record_session(SESSION, CLIENT, "dr-lang", details(**changes), now=NOW)
    assert pointers(refusal) == where


def test_times_at_the_edges() -> None:
    start = NOW - timedelta(hours=1)
    for changes in ({"started_at": start, "ended_at": start + timedelta(hours=24)}, {"ended_at": NOW + timedelta(hours=22)}):
        record_session(SESSION, CLIENT, "dr-lang", details(**changes), now=NOW)


def test_the_client_is_not_the_therapist() -> None:
    with pytest.raises(Unfit) as refusal:
        record_session(SESSION, CLIENT, str(CLIENT), details(), now=NOW)
    assert pointers(refusal) == ["/therapist_id"]
