"""What operators watch of a service's events: ages and counts as Prometheus metrics, no id and no tenant among the labels.

| metric | meaning |
|---|---|
| outbox_oldest_seconds | age of the oldest event that is not relayed yet |
| outbox_relayed_total | events that the transport confirmed: throughput |
| outbox_relay_delay_seconds | from commit to confirmation, of what was relayed |
| fence_stalled_seconds | how long one running transaction has held readers and relays back |
| events_numbered_total | events that this process gave their global number |
| relay_leads, sequencer_leads | 1 in the process that leads |
| messages_handled_total, messages_retried_total | of this process's consumer |
| messages_parked | messages that could not be handled and wait for an operator (docs/operations/events.md) |
| consumer_lag_seconds | age of the oldest message in hand, else that of the last one when it was handled |
| event_alarms_total | by `alarm`: `fence-stalled`, `outbox-stuck` |
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.eventstore.model import StoreError
from shared.eventstore.outbox import Outbox
from shared.eventstore.sequencer import Sequencer
from shared.messaging.consumer import Consumer
from shared.messaging.relay import Relay

_log = logging.getLogger(__name__)
STUCK_SECONDS: Final = 60.0
"""age of an outbox row at which it is an alarm"""
INBOX_DAYS: Final = 90.0
_PRUNE_EVERY: Final = 3600.0
_BUCKETS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class EventWatch(Collector):
    """One in a process. `run` beside the service's other work."""

    def __init__(
        self,
        registry: CollectorRegistry,
        outbox: Outbox,
        relay: Relay,
        sequencer: Sequencer,
        consumer: Consumer,
        *,
        every_seconds: float = 5.0,
        stuck_seconds: float = STUCK_SECONDS,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._outbox, self._relay, self._sequencer, self._consumer = outbox, relay, sequencer, consumer
        self._every, self._stuck, self._seconds = every_seconds, stuck_seconds, seconds
        self._oldest, self._parked = 0.0, 0
        self._is_stuck = False
        self._pruned_at = float("-inf")
        self._alarms = Counter("event_alarms", "Alarms of the event store", ["alarm"], registry=registry)
        for alarm in ("fence-stalled", "outbox-stuck"):
            self._alarms.labels(alarm)
        delays = Histogram("outbox_relay_delay_seconds", "From commit to confirmation", buckets=_BUCKETS, registry=registry)
        relay.on_relayed = delays.observe
        sequencer.on_stall = lambda _: self._alarms.labels("fence-stalled").inc()
        registry.register(self)

    async def run(self) -> None:
        """Until cancelled. Looks at the outbox's age, and prunes the inbox once an hour where this process leads the relay."""
        while True:
            try:
                await self._look()
            except StoreError as error:
                _log.debug("the outbox cannot be watched: %s", type(error).__name__)
            await asyncio.sleep(self._every)

    async def _look(self) -> None:
        self._oldest = await self._outbox.oldest_age()
        self._parked = await self._outbox.parked()
        stuck = self._oldest >= self._stuck
        if stuck and not self._is_stuck:
            self._alarms.labels("outbox-stuck").inc()
            _log.error("the oldest event of the outbox has waited for %.0f s: is Kafka reachable?", self._oldest)
        self._is_stuck = stuck
        if self._relay.leading and self._seconds() - self._pruned_at >= _PRUNE_EVERY:
            self._pruned_at = self._seconds()
            await self._outbox.prune_inbox(INBOX_DAYS)

    def collect(self) -> Iterable[Metric]:
        counts = self._consumer.counts
        yield GaugeMetricFamily("outbox_oldest_seconds", "Age of the oldest event not relayed yet", self._oldest)
        yield GaugeMetricFamily("messages_parked", "Messages that wait for an operator", float(self._parked))
        yield GaugeMetricFamily("fence_stalled_seconds", "A running transaction holds readers back", self._sequencer.stalled_for)
        yield GaugeMetricFamily("relay_leads", "1 where this process relays", float(self._relay.leading))
        yield GaugeMetricFamily("sequencer_leads", "1 where this process numbers", float(self._sequencer.leading))
        yield GaugeMetricFamily("consumer_lag_seconds", "Age of the oldest message in hand", self._consumer.lag.seconds)
        yield CounterMetricFamily("outbox_relayed", "Events confirmed by the transport", self._relay.relayed)
        yield CounterMetricFamily("events_numbered", "Events given their global number", self._sequencer.numbered)
        yield CounterMetricFamily("messages_handled", "Messages whose effect is written", counts.handled)
        yield CounterMetricFamily("messages_retried", "Attempts that failed for a passing reason", counts.retried)
