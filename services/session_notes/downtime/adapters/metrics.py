"""What operators watch of notes that wait for the gate.

| metric | meaning |
|---|---|
| downtime_writing | 1 while notes are written without the gate, or wait for it since |
| notes_waiting | notes that wait, of all tenants |
| notes_refused | of these, what the gate does not take as things stand |
| notes_waiting_oldest_seconds | age of the oldest that has no answer yet |
| notes_reconciled_total | answers of the gate to what waited, by `outcome`: reconciled, refused, dropped |
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.session_notes.desk.application.downtime import Downtime
from shared.contracts.downtime import LateOutcome


class DowntimeMetrics(Collector):
    def __init__(self, registry: CollectorRegistry, downtime: Downtime, now: Callable[[], datetime]) -> None:
        self._downtime, self._now = downtime, now
        self._outcomes = Counter("notes_reconciled", "Answers of the gate to what waited", ["outcome"], registry=registry)
        for outcome in LateOutcome:
            self._outcomes.labels(str(outcome))
        registry.register(self)

    def outcome(self, outcome: str) -> None:
        self._outcomes.labels(outcome).inc()

    def collect(self) -> Iterable[Metric]:
        d = self._downtime
        age = (self._now() - d.oldest).total_seconds() if d.oldest is not None else 0.0
        yield GaugeMetricFamily("downtime_writing", "Notes are written without the gate", float(d.is_on))
        yield GaugeMetricFamily("notes_waiting", "Notes that wait for the gate", float(d.waiting))
        yield GaugeMetricFamily("notes_refused", "Notes that the gate does not take as things stand", float(d.refused))
        yield GaugeMetricFamily("notes_waiting_oldest_seconds", "Age of the oldest note without an answer", max(0.0, age))
