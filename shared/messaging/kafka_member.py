"""One member of a Kafka consumer group: partitions in parallel, records of each in turn, offsets marked after handling."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from shared.messaging.backoff import Backoff
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.port import Inbound

_log = logging.getLogger(__name__)
_BATCH: Final = 500
_BACKLOG: Final = 1000
"""records of one partition held in memory before its fetching pauses"""
_COMMIT_SECONDS: Final = 0.1
_COMMIT_TIMEOUT: Final = 10.0
_START_TIMEOUT: Final = 30.0
SESSION_MS = 10_000
"""a member that is silent for so long gives its partitions up"""
HEARTBEAT_MS = 1_000

Handle = Callable[[Sequence[Inbound]], Awaitable[None]]


class GroupMember(ConsumerRebalanceListener):  # type: ignore[misc]
    """Used once: `run`, then `close`."""

    def __init__(self, settings: KafkaSettings, group: str, topics: Sequence[str], handle: Handle) -> None:
        self._topics, self._handle = tuple(topics), handle
        self._backlog: dict[TopicPartition, deque[Inbound]] = {}
        self._workers: dict[TopicPartition, asyncio.Task[None]] = {}
        self._done: dict[TopicPartition, int] = {}
        """offset of the next record, handled but not committed yet"""
        self._dirty = asyncio.Event()
        self._consumer = AIOKafkaConsumer(
            **settings.client_options(),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=30_000,
            metadata_max_age_ms=30_000,
        )

    async def run(self, on_records: Callable[[], None]) -> None:
        """Until cancelled; raises what aiokafka raises. `on_records` is called whenever records came."""
        self._consumer.subscribe(self._topics, listener=self)
        async with asyncio.timeout(_START_TIMEOUT):
            await self._consumer.start()
        committing = asyncio.create_task(self._commit_steadily())
        try:
            while True:
                got = await self._consumer.getmany(timeout_ms=1000)
                if got:
                    on_records()
                for partition, records in got.items():
                    self._accept(partition, records)
        finally:
            committing.cancel()
            await self._drop(list(self._backlog))

    async def close(self) -> None:
        """Commits what was handled, leaves the group."""
        await self._commit()
        await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """What is being handled is cancelled (whoever gets the partition handles it again), what was handled is committed."""
        partitions = list(revoked)
        await self._drop(partitions)
        await self._commit()
        for partition in partitions:
            self._done.pop(partition, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing to do: positions come from the group's offsets."""

    def _accept(self, partition: TopicPartition, records: Sequence[Any]) -> None:
        backlog = self._backlog.setdefault(partition, deque())
        backlog.extend(_inbound(r) for r in records)
        if len(backlog) >= _BACKLOG:
            with suppress(IllegalStateError):
                self._consumer.pause(partition)
        worker = self._workers.get(partition)
        if worker is None or worker.done():
            self._workers[partition] = asyncio.create_task(self._work(partition, backlog))

    async def _work(self, partition: TopicPartition, backlog: deque[Inbound]) -> None:
        backoff = Backoff(0.05, 5.0)
        while backlog and self._backlog.get(partition) is backlog:
            batch = [record for record, _ in zip(backlog, range(_BATCH), strict=False)]
            try:
                await self._handle(batch)
            except Exception as error:
                _log.warning("handling on %s failed (%s): tried again", partition.topic, type(error).__name__)
                await backoff.wait()
                continue
            backoff.reset()
            for _ in batch:
                backlog.popleft()
            self._done[partition] = batch[-1].offset + 1
            self._dirty.set()
            if len(backlog) < _BACKLOG // 2 and partition in self._consumer.paused():
                self._consumer.resume(partition)

    async def _drop(self, partitions: Iterable[TopicPartition]) -> None:
        workers = []
        for partition in partitions:
            self._backlog.pop(partition, None)
            worker = self._workers.pop(partition, None)
            if worker is not None:
                worker.cancel()
                workers.append(worker)
        if workers:
            await asyncio.wait(workers)

    async def _commit_steadily(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(_COMMIT_SECONDS)
            self._dirty.clear()
            if not await self._commit():
                self._dirty.set()

    async def _commit(self) -> bool:
        """Whether nothing is left to commit. A partition lost meanwhile is left to its new owner."""
        offsets = dict(self._done)
        if not offsets:
            return True
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT):
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            assigned = self._consumer.assignment()
            self._forget({p: o for p, o in offsets.items() if p not in assigned})
            return not self._done
        except (KafkaError, OSError) as error:
            _log.warning("offsets are not committed (%s): tried again", type(error).__name__)
            return False
        self._forget(offsets)
        return not self._done

    def _forget(self, offsets: dict[TopicPartition, int]) -> None:
        for partition, offset in offsets.items():
            if self._done.get(partition) == offset:
                del self._done[partition]


def _inbound(record: Any) -> Inbound:
    """Bytes that are not UTF-8 become marks under which no signature holds."""
    return Inbound(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode(errors="replace"),
        headers={name: (value or b"").decode(errors="replace") for name, value in record.headers},
        payload=record.value or b"",
    )
