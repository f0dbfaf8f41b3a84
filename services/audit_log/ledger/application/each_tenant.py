"""Work for each tenant in turn, again and again: what cannot be done just now is done the next time."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import NoReturn

from services.audit_log.ledger.application.ports import LedgerUnavailable
from shared.eventstore.model import StoreUnavailable

_log = logging.getLogger(__name__)


async def each_tenant(
    tenants: Callable[[], Sequence[str]],
    work: Callable[[str], Awaitable[object]],
    failed: str,
    *,
    every: timedelta,
    sleep: Callable[[float], Awaitable[None]],
    passing: tuple[type[Exception], ...] = (),
) -> NoReturn:
    """Until cancelled, the first time after `every`. `failed` says what was not done, without a tenant's name; `passing`: what
    passes by itself, besides a ledger or database that does not answer. Any other error ends it."""
    again: tuple[type[Exception], ...] = (LedgerUnavailable, StoreUnavailable, *passing)
    while True:
        await sleep(every.total_seconds())
        for tenant in tenants():
            try:
                await work(tenant)
            except again as error:
                _log.warning("%s, it is tried again: %s", failed, type(error).__name__)
