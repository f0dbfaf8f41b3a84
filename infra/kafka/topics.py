"""Applies infra/kafka/topics.yaml, as often as it is run: `python -m infra.kafka.topics`.

From the environment: how to reach Kafka (`shared.messaging.kafka_settings`); `KAFKA_TOPIC_PARTITIONS` and
`KAFKA_TOPIC_REPLICATION` where a cluster differs from the file (one broker: 1).
"""

import asyncio
import os
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from infra.kafka.acls import librdkafka_options
from infra.kafka.topics_file import Declared, declared
from shared.contracts.topics import TOPICS
from shared.messaging.backoff import Backoff
from shared.messaging.kafka_settings import KafkaSettings
from shared.service.parts import Unwired
from shared.service.transport import check_kafka

_TIMEOUT = 30.0


class TopicRefused(Exception):
    """The broker refused to create a topic; the message names the topic and Kafka's reason."""


async def create_topics(settings: KafkaSettings, *, partitions: int | None = None, replication: int = 1) -> list[str]:
    """Names of the topics that were created now. Waits until the cluster knows them all."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    try:
        async with asyncio.timeout(_TIMEOUT):
            await admin.start()
        wanted = [_new_topic(t, partitions or t.partitions, replication) for t in declared().values()]
        async with asyncio.timeout(_TIMEOUT):
            answer = await admin.create_topics(wanted)
        created = []
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if error is NoError:
                created.append(name)
            elif error is not TopicAlreadyExistsError:
                raise TopicRefused(f"{name}: {error.__name__}")
        async with asyncio.timeout(_TIMEOUT):
            await _known(admin)
        return created
    finally:
        await admin.close()


async def _known(admin: AIOKafkaAdminClient) -> None:
    backoff = Backoff(0.02, 0.5)
    while not TOPICS.keys() <= set(await admin.list_topics()):
        await backoff.wait()


def _new_topic(topic: Declared, partitions: int, replication: int) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=partitions,
        replication_factor=replication,
        topic_configs=topic.config_on(replication),
    )


def set_what_differs(settings: KafkaSettings, *, replication: int) -> list[str]:
    """Sets each declared setting that a topic has otherwise; `topic: setting` of what was changed. Blocks.

    Partitions are left as they are: a key would move to another partition, and its order be lost. KafkaException on refusal.
    """
    admin = AdminClient(librdkafka_options(settings))
    wanted = {name: topic.config_on(replication) for name, topic in declared().items()}
    present = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in wanted], request_timeout=_TIMEOUT)
    changes, said = [], []
    for resource, future in present.items():
        now = {name: entry.value for name, entry in future.result().items()}
        entries = []
        for setting, value in wanted[resource.name].items():
            if now.get(setting) != value:
                entries.append(ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET))
                said.append(f"{resource.name}: {setting}")
        if entries:
            changes.append(ConfigResource(ResourceType.TOPIC, resource.name, incremental_configs=entries))
    if changes:
        for future in admin.incremental_alter_configs(changes, request_timeout=_TIMEOUT).values():
            future.result()
    return sorted(said)


async def _main() -> int:
    partitions, replication = os.environ.get("KAFKA_TOPIC_PARTITIONS"), os.environ.get("KAFKA_TOPIC_REPLICATION")
    copies = int(replication) if replication else max(t.replication for t in declared().values())
    try:
        check_kafka(os.environ)
        settings = KafkaSettings.from_env()
        created = await create_topics(settings, partitions=int(partitions) if partitions else None, replication=copies)
        changed = await asyncio.to_thread(set_what_differs, settings, replication=copies)
    except Unwired as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except (KafkaError, KafkaException, TimeoutError, TopicRefused) as error:
        print(f"topics are not ready: {type(error).__name__} {error if isinstance(error, TopicRefused) else ''}", file=sys.stderr)
        return 1
    print("created: " + (", ".join(created) or "none, all were there"))
    print("changed: " + (", ".join(changed) or "nothing"))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
