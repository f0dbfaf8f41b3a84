"""Kafka by aiokafka: an idempotent producer, renewed after any error, and group members that mark done what was handled.

What the guards are against was measured: awaits on a broker that is away never end, and a producer that met a refusal
stays refused (docs/adr/0006). A send that timed out may still arrive: the same message id is sent again, inboxes apply it once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from shared.messaging.backoff import Backoff
from shared.messaging.kafka_member import GroupMember
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.port import Inbound, Outbound

_log = logging.getLogger(__name__)
MAX_MESSAGE_BYTES: Final = 900_000
"""below the topics' `max.message.bytes`: a message that the broker refused would wedge its partition"""
_REQUEST_TIMEOUT: Final = 15.0
_CONNECT_TIMEOUT: Final = 15.0
_PUBLISH_TIMEOUT: Final = 25.0
_CLOSE_TIMEOUT: Final = 20.0


class KafkaTransport:
    """`Transport` on a Kafka cluster. Topics must exist (`infra.kafka.topics`)."""

    def __init__(self, settings: KafkaSettings, *, linger_ms: int = 2) -> None:
        self._settings, self._linger_ms = settings, linger_ms
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Returns once a broker answers, however long that takes."""
        backoff = Backoff(0.2, 5.0)
        attempts = 0
        while True:
            try:
                await self._connected()
                return
            except Exception as error:
                attempts += 1
                if attempts & (attempts - 1) == 0:
                    _log.warning("Kafka does not answer (%s, attempt %d): tried on", type(error).__name__, attempts)
                await backoff.wait()

    async def stop(self) -> None:
        if self._producer is not None:
            self._discard(self._producer)
        if self._closing:
            await asyncio.wait(self._closing)

    async def publish(self, messages: Sequence[Outbound]) -> None:
        """Returns when all in-sync replicas have all; raises within 40 s otherwise, and some may have been written."""
        producer = await self._connected()
        try:
            async with asyncio.timeout(_PUBLISH_TIMEOUT):
                sent = []
                for m in messages:
                    headers = [(name, value.encode()) for name, value in m.headers.items()]
                    future = await producer.send(m.topic, m.payload, key=m.key.encode(), headers=headers)
                    future.add_done_callback(_seen)
                    sent.append(future)
                if sent:
                    await asyncio.wait(sent)
                for future in sent:
                    future.result()
        except BaseException:
            self._discard(producer)
            raise

    async def consume(self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Inbound]], Awaitable[None]]) -> None:
        """Runs until cancelled; a member that broke is replaced by a new one."""
        backoff = Backoff(0.2, 10.0)
        while True:
            member = GroupMember(self._settings, group, topics, handle)
            try:
                await member.run(backoff.reset)
            except Exception as error:
                _log.warning("a member of %s broke (%s): joined again", group, type(error).__name__)
            finally:
                self._in_background(member.close())
            await backoff.wait()

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._settings.client_options(),
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=self._linger_ms,
                    max_batch_size=65_536,
                    max_request_size=MAX_MESSAGE_BYTES,
                    request_timeout_ms=int(_REQUEST_TIMEOUT * 1000),
                    metadata_max_age_ms=30_000,
                )
                try:
                    async with asyncio.timeout(_CONNECT_TIMEOUT):
                        await producer.start()
                except BaseException:
                    self._discard(producer)
                    raise
                self._producer = producer
            return self._producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
        self._in_background(producer.stop())

    def _in_background(self, closing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_closed(closing))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _closed(closing: Coroutine[Any, Any, None]) -> None:
    """Nothing waits for what is thrown away, and nothing hangs on a broker that is away."""
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await closing
    except Exception as error:
        _log.debug("closing a Kafka client: %s", type(error).__name__)


def _seen(future: "asyncio.Future[Any]") -> None:
    """Marks an error as read, so that futures given up on are not reported."""
    if not future.cancelled():
        future.exception()
