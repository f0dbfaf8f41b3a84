"""From a driver's error to one of the store's. Values, which asyncpg quotes in its messages, stay out."""

import asyncpg

from shared.eventstore.model import AlreadyHandled, Refused, StoreError, StoreUnavailable, UniqueViolation, VersionConflict

_AWAY = ("08", "53", "57", "58")
"""SQLSTATE classes: connection, resources, operator intervention (57014: cancelled, also by a timeout), system"""
_TRANSIENT = ("40", "55")
"""SQLSTATE classes: serialization and deadlock, lock not available"""


def is_transient(error: BaseException) -> bool:
    """The same transaction may succeed when it is tried again at once."""
    return isinstance(error, asyncpg.PostgresError) and str(error.sqlstate).startswith(_TRANSIENT)


def is_away(error: BaseException) -> bool:
    """The database cannot be reached, or went away."""
    if isinstance(error, StoreUnavailable | OSError | TimeoutError):
        return True
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith((*_AWAY, "28"))
    # the driver's own confusion comes of a connection that ended midway, whatever its words: never of a value
    if isinstance(error, asyncpg.InternalClientError):
        return True
    return isinstance(error, asyncpg.InterfaceError) and "connection" in str(error)


def store_error(error: BaseException) -> StoreError:
    """What the caller of the store is told."""
    if isinstance(error, StoreError):
        return error
    if is_away(error) or is_transient(error):
        return StoreUnavailable(f"the database did not answer ({type(error).__name__}): try again in a moment")
    if isinstance(error, asyncpg.UniqueViolationError):
        constraint = error.constraint_name or ""
        if constraint == "events_pkey":
            return VersionConflict("somebody else wrote to the stream first: read it again and decide again")
        if constraint == "inbox_pkey":
            return AlreadyHandled("the inbox holds this message")
        return UniqueViolation(constraint)
    if isinstance(error, asyncpg.PostgresError):
        where = "/".join(name for name in (error.table_name, error.column_name, error.constraint_name) if name)
        return Refused(f"{type(error).__name__}, SQLSTATE {error.sqlstate}{', at ' + where if where else ''}")
    return Refused(f"a value or statement is not what it takes ({type(error).__name__})")
