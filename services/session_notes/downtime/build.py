"""The part of `bootstrap` for notes that are written while the gate is away (ADR 0015)."""

from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import CollectorRegistry

from services.session_notes.desk.application.downtime import Downtime
from services.session_notes.desk.application.ports import Desk
from services.session_notes.downtime.adapters.metrics import DowntimeMetrics
from services.session_notes.downtime.adapters.waiting_table import WaitingTable
from services.session_notes.downtime.application.reconciling import Reconciliation
from services.session_notes.settings import Settings
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.leader import LeaderConnection
from shared.eventstore.store import EventStore
from shared.gate.pinned import PinnedKey
from shared.gate.port import LateGate
from shared.service.parts import Parts

RECONCILES: Final = (4_015, 1)
"""two-part advisory lock of the process that hands waiting notes in"""


class WaitingForGate:
    def __init__(
        self,
        parts: Parts,
        store: EventStore,
        database: DatabaseUrls,
        gate: LateGate,
        settings: Settings,
        registry: CollectorRegistry,
    ) -> None:
        self._gate, table = gate, WaitingTable(store)
        self._pinned = PinnedKey(gate, parts.verifier, table, now=parts.now, on_answer=self._answered)
        self.downtime = Downtime(self._pinned, table, settings.downtime, now=parts.now)
        self._metrics = DowntimeMetrics(registry, self.downtime, parts.now)
        self._leader = LeaderConnection(database.relay, RECONCILES)

    def work(self, desk: Desk) -> list[Callable[[], Awaitable[None]]]:
        """What runs as long as the service does."""
        hands_in = Reconciliation(desk, self.downtime, self._gate, self._leader, on_outcome=self._metrics.outcome)
        return [self._pinned.run, hands_in.run]

    def told(self) -> dict[str, Callable[[], str]]:
        """For the health page: no part that fails, something to know."""
        return {"downtime_writing": lambda: "on" if self.downtime.is_on else "off"}

    async def close(self) -> None:
        await self._leader.close()

    def _answered(self) -> None:
        self.downtime.answered()
