import asyncpg
import pytest

from shared.eventstore.failures import is_transient, store_error
from shared.eventstore.model import (
    AlreadyHandled,
    Overloaded,
    Refused,
    StoreError,
    StoreUnavailable,
    UniqueViolation,
    VersionConflict,
)


def from_server(state: str, **more: str) -> asyncpg.PostgresError:
    fields = {"C": state, "M": "Key (word)=(sorrow) already exists", "D": "sorrow", **more}
    error: asyncpg.PostgresError = asyncpg.PostgresError.new(fields)
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (from_server("23505", n="events_pkey"), VersionConflict),
        (from_server("23505", n="inbox_pkey"), AlreadyHandled),
        (from_server("23505", n="shown_pkey"), UniqueViolation),
        (from_server("23514", n="events_check", t="events"), Refused),
        (from_server("22P02"), Refused),
        (from_server("42P01"), Refused),
        (from_server("57P01"), StoreUnavailable),
        (from_server("57P03"), StoreUnavailable),
        (from_server("53300"), StoreUnavailable),
        (from_server("08006"), StoreUnavailable),
        (from_server("28P01"), StoreUnavailable),
        (from_server("40P01"), StoreUnavailable),
        (ConnectionRefusedError("sorrow"), StoreUnavailable),
        (TimeoutError("sorrow"), StoreUnavailable),
        (asyncpg.InterfaceError("connection is closed"), StoreUnavailable),
        (asyncpg.InterfaceError("the server expects 2 arguments for this query, 1 was passed"), Refused),
        (TypeError("sorrow"), Refused),
        (Overloaded("4096 appends are waiting"), Overloaded),
    ],
    ids=repr,
)
def test_what_the_caller_is_told(error: Exception, expected: type[StoreError]) -> None:
    told = store_error(error)
    assert type(told) is expected
    assert "sorrow" not in str(told)


def test_names_help_to_find_it() -> None:
    told = store_error(from_server("23514", n="events_check", t="events"))
    assert str(told) == "refused by the database: CheckViolationError, SQLSTATE 23514, at events/events_check"


def test_a_deadlock_is_tried_again() -> None:
    assert is_transient(from_server("40P01")) and is_transient(from_server("40001"))
    assert not is_transient(from_server("23505")) and not is_transient(OSError())


def test_the_drivers_confusion_after_a_lost_connection_is_no_bad_value() -> None:
    error = store_error(asyncpg.InternalClientError("got result for unknown protocol state 3"))
    assert isinstance(error, StoreUnavailable)
