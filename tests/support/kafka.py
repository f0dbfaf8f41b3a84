"""The broker of a test run: the one at KAFKA_BOOTSTRAP_SERVERS, else a real local one, else librdkafka's mock cluster."""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.kafka.launcher import KafkaUnavailable, LocalKafka, available
from infra.kafka.topics import create_topics
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_settings import KafkaSettings
from tests.support import environment
from tests.support.ports import free_port

PARTITIONS = 3
MISSING = "a real Kafka broker: install Java 17 and Maven, or set KAFKA_BOOTSTRAP_SERVERS"


@dataclass
class Kafka:
    settings: KafkaSettings
    origin: str
    real: bool
    local: LocalKafka | None = None

    @property
    def bootstrap(self) -> str:
        return self.settings.bootstrap

    @property
    def data_dir(self) -> Path:
        """Log segments of the local broker."""
        return self._own().data_dir

    async def restart(self) -> None:
        await asyncio.to_thread(self._own().restart)

    async def stop(self) -> None:
        """In order; `start` brings it back with its data."""
        await asyncio.to_thread(self._own().stop)

    async def kill(self) -> None:
        """As a power cut; `start` brings it back with its data."""
        await asyncio.to_thread(self._own().kill)

    async def start(self) -> None:
        await asyncio.to_thread(self._own().start)

    async def new_topic(self, **config: str) -> str:
        """The name of an empty topic of this test's own; `config` (dots as underscores) counts on a real broker only."""
        name = f"test-{uuid4()}"
        if self.real:
            admin = AIOKafkaAdminClient(**self.settings.client_options())
            await admin.start()
            try:
                settings = {key.replace("_", "."): value for key, value in config.items()}
                topic = NewTopic(name=name, num_partitions=PARTITIONS, replication_factor=1, topic_configs=settings)
                await admin.create_topics([topic])
            finally:
                await admin.close()
        return name

    def transport(self) -> KafkaTransport:
        return KafkaTransport(self.settings)

    def _own(self) -> LocalKafka:
        if self.local is None:
            environment.not_run["restarts of the broker"] = "the broker is not this run's own"
            pytest.skip("the broker is not this run's own: it is not stopped")
        return self.local


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One broker for the whole run, with the topics of `shared.contracts.topics`."""
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        settings = KafkaSettings.from_env()
        yield _noted(Kafka(settings, f"at {settings.bootstrap}", real=True))
        return
    if available():
        try:
            local = LocalKafka(ports=(free_port(), free_port())).start()
        except KafkaUnavailable as error:
            environment.not_run["local Kafka broker"] = str(error)
        else:
            settings = KafkaSettings(bootstrap=local.bootstrap)
            yield _noted(Kafka(settings, "a local broker of this run (KRaft)", real=True, local=local))
            local.close()
            return
    if os.environ.get("CI"):
        pytest.fail(f"needs {MISSING}")
    yield from _mock()


@pytest.fixture(autouse=True)
def only_on_a_real_broker(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("real_kafka") and not request.getfixturevalue("kafka").real:
        environment.not_run[request.node.nodeid] = MISSING
        pytest.skip(f"needs {MISSING}")


def _mock() -> Iterator[Kafka]:
    from confluent_kafka import Producer

    owner = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    settings = KafkaSettings(bootstrap=f"{broker.host}:{broker.port}")
    environment.used["Kafka"] = "librdkafka's mock cluster"
    yield Kafka(settings, "librdkafka's mock cluster", real=False)
    del owner


def _noted(kafka: Kafka) -> Kafka:
    _run(create_topics(kafka.settings, partitions=PARTITIONS))
    environment.used["Kafka"] = kafka.origin
    return kafka


def _run(work: Coroutine[Any, Any, object]) -> None:
    """On a loop of its own: the tests' loop is not running yet, and stays as it is."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
