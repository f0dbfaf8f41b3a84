"""A stored record that cannot be shown never takes its neighbours along: a list shows the others and names it.

Entry checks keep such a record from being written today; an earlier release may have written one.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson

from shared.http.problems import Problem
from shared.sealing.errors import SealingError

UNSHOWABLE: Final = (ValueError, ArithmeticError, TypeError, LookupError, SealingError)
"""what reading, opening or writing out one stored record raises where the record itself is at fault"""
NOT_SHOWN: Final = "It is stored in a form that this release cannot show. Tell the operator its id."
_log = logging.getLogger("http")
K = TypeVar("K")
T = TypeVar("T")


def not_shown(record_id: UUID | str) -> dict[str, Any]:
    """The item of a list in the place of such a record."""
    return {"id": str(record_id), "not_shown": NOT_SHOWN}


def cannot_be_shown() -> Problem:
    """500 where one record is asked for, and it is such a record."""
    return Problem(500, "not-shown", "Stored, and cannot be shown", NOT_SHOWN)


def noted(record_id: UUID | str, error: BaseException) -> None:
    """The log line for the operator: the type alone, because a message might quote what was opened."""
    _log.error("record %s cannot be shown: %s", record_id, type(error).__name__)


def shown(record_id: UUID | str, show: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The item that `show` makes, as it can be sent; `not_shown` where it cannot."""
    try:
        item = show()
        orjson.dumps(item)
    except UNSHOWABLE as error:
        noted(record_id, error)
        return not_shown(record_id)
    return item


async def loaded(record_id: UUID | str, load: Awaitable[T]) -> T | None:
    """What `load` gives; None where the record is at fault. Of several that are loaded together."""
    try:
        return await load
    except UNSHOWABLE as error:
        noted(record_id, error)
        return None


async def load_each(
    records: Sequence[T], load: Callable[[Sequence[T]], Awaitable[Mapping[K, Any]]], id_of: Callable[[T], UUID]
) -> dict[K, Any]:
    """What `load` gives for all of them; where one of them is at fault, one after another, without those at fault."""
    try:
        return dict(await load(records))
    except UNSHOWABLE:
        return {k: v for r in records for k, v in (await loaded(id_of(r), load([r])) or {}).items()}
