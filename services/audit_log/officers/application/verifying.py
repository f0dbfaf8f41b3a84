"""Having the whole log recomputed from a page: it goes on behind the page, and its result is an entry like any other look."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from services.audit_log.ledger.application.ledger_view import LedgerView
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.verification import Report
from shared.eventstore.model import StoreUnavailable

_log = logging.getLogger("review")


class Verifying:
    """At most one a tenant at a time."""

    def __init__(self, ledger: LedgerView) -> None:
        self._ledger = ledger
        self._running: dict[str, asyncio.Task[None]] = {}

    def running(self, tenant: str) -> bool:
        task = self._running.get(tenant)
        return task is not None and not task.done()

    def begin(self, tenant: str, record: Callable[[Report], Awaitable[object]]) -> None:
        """`record` writes the entry of the finished verification."""
        if not self.running(tenant):
            self._running[tenant] = asyncio.get_running_loop().create_task(self._verify(tenant, record))

    async def stop(self) -> None:
        for task in self._running.values():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _verify(self, tenant: str, record: Callable[[Report], Awaitable[object]]) -> None:
        try:
            await record(await self._ledger.verify(tenant))
        except (LedgerUnavailable, StoreUnavailable) as error:
            _log.warning("a verification did not finish: %s", type(error).__name__)
