"""Works off what is due: at once after an answer, at the start for what a crash left, and now and then for other replicas'."""

import asyncio
import logging
from collections.abc import Sequence
from itertools import groupby
from typing import Final, Protocol

from services.alliance_measurement.administrations.application.ports import AdministrationIndex, Due
from services.alliance_measurement.courses.application.detection import PAGE
from services.alliance_measurement.desk.application.desk import Tenants

_log = logging.getLogger(__name__)
RESCAN_SECONDS: Final = 60.0
FIRST_WAIT_SECONDS: Final = 0.2
LONGEST_WAIT_SECONDS: Final = 10.0


class Preparing(Protocol):
    async def prepare(self, tenant: str, due: Due) -> None: ...


class AssessmentWorker:
    def __init__(
        self,
        index: AdministrationIndex,
        tenants: Tenants,
        detection: Preparing,
        *,
        rescan: float = RESCAN_SECONDS,
        first_wait: float = FIRST_WAIT_SECONDS,
    ) -> None:
        """Waits in seconds: `rescan` between looks at every tenant, `first_wait` after a failure (doubled each time)."""
        self._index, self._every, self._detection = index, tenants, detection
        self._rescan, self._first_wait = rescan, first_wait
        self._woken = asyncio.Event()
        self._tenants: set[str] = set()

    def wake(self, tenant: str) -> None:
        """Something became due there."""
        self._tenants.add(tenant)
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What fails stays due and is tried again; nothing is dropped."""
        wait, timeout = self._first_wait, 0.0
        while True:
            if not await self._waited(timeout):
                await self._look_everywhere()
            tenants, self._tenants = self._tenants, set()
            failed = {t for t in tenants if not await self._work_off(t)}
            self._tenants |= failed
            timeout = wait if failed else self._rescan
            wait = min(wait * 2, LONGEST_WAIT_SECONDS) if failed else self._first_wait

    async def _waited(self, seconds: float) -> bool:
        """Whether it was woken within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        finally:
            self._woken.clear()
        return True

    async def _look_everywhere(self) -> None:
        try:
            self._tenants |= set(await self._every.names())
        except Exception as error:
            _log.warning("assessment: %s while looking for what is due", type(error).__name__)

    async def _work_off(self, tenant: str) -> bool:
        """Whether nothing is left to do there. Clients side by side, one client's ratings in order."""
        while True:
            try:
                due = await self._index.due(tenant, PAGE)
            except Exception as error:
                _log.warning("assessment: %s, tried again", type(error).__name__)
                return False
            by_client = groupby(sorted(due, key=lambda d: (str(d.client_id), d.ord)), key=lambda d: d.client_id)
            done = await asyncio.gather(*(self._of_client(tenant, list(ratings)) for _, ratings in by_client))
            if not all(done):
                return False
            if len(due) < PAGE:
                return True

    async def _of_client(self, tenant: str, ratings: Sequence[Due]) -> bool:
        for due in ratings:
            try:
                await self._detection.prepare(tenant, due)
            except Exception as error:
                _log.warning("assessment: %s, tried again", type(error).__name__)
                return False
        return True
