"""The escalation timer: a case that nobody acknowledged in time goes to the next person, and at last to the officer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from services.alliance_measurement.risk.application.alarms import escalate
from services.alliance_measurement.risk.application.ports import RiskDesk

_log = logging.getLogger(__name__)
EVERY_SECONDS: Final = 1.0
PAGE: Final = 100


class RiskWatch:
    def __init__(self, desk: RiskDesk, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._desk, self._sleep = desk, sleep

    async def run(self) -> None:
        """Until cancelled. What fails stays due and is tried again."""
        while True:
            try:
                for tenant in await self._desk.tenants.names():
                    await self.look(tenant)
            except Exception as error:
                _log.warning("escalation: %s, tried again", type(error).__name__)
            await self._sleep(EVERY_SECONDS)

    async def look(self, tenant: str) -> None:
        """Escalates what is due in one tenant now. One case that fails holds up no other."""
        for case in await self._desk.risks.due(tenant, self._desk.parts.now(), PAGE):
            try:
                await escalate(self._desk, tenant, case.administration_id)
            except Exception as error:
                _log.warning("escalation: %s, tried again", type(error).__name__)
