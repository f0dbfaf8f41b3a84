"""Creates the topics of `shared.contracts.topics`, as often as it is run: `python -m infra.kafka.topics`.

From the environment: how to reach Kafka (`shared.messaging.kafka_settings`), `KAFKA_TOPIC_PARTITIONS` (by default each
topic's own; raising it later moves keys to other partitions), `KAFKA_TOPIC_REPLICATION` (3 in production; 1 by default).
"""

import asyncio
import os
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic
from shared.messaging.backoff import Backoff
from shared.messaging.kafka_settings import KafkaSettings

_TIMEOUT = 30.0


class TopicRefused(Exception):
    """The broker refused to create a topic; the message names the topic and Kafka's reason."""


async def create_topics(settings: KafkaSettings, *, partitions: int | None = None, replication: int = 1) -> list[str]:
    """Names of the topics that were created now. Waits until the cluster knows them all."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    try:
        await asyncio.wait_for(admin.start(), _TIMEOUT)
        wanted = [_new_topic(t, partitions or t.partitions, replication) for t in TOPICS.values()]
        answer = await asyncio.wait_for(admin.create_topics(wanted), _TIMEOUT)
        created = []
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if error is NoError:
                created.append(name)
            elif error is not TopicAlreadyExistsError:
                raise TopicRefused(f"{name}: {error.__name__}")
        await asyncio.wait_for(_known(admin), _TIMEOUT)
        return created
    finally:
        await admin.close()


async def _known(admin: AIOKafkaAdminClient) -> None:
    backoff = Backoff(0.02, 0.5)
    while not TOPICS.keys() <= set(await admin.list_topics()):
        await backoff.wait()


def _new_topic(topic: Topic, partitions: int, replication: int) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=partitions,
        replication_factor=replication,
        topic_configs={
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            # an old time of the producer's would let retention delete a record within seconds
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": "1048576",
            "min.insync.replicas": str(max(1, replication - 1)),
            "unclean.leader.election.enable": "false",
        },
    )


async def _main() -> int:
    partitions = os.environ.get("KAFKA_TOPIC_PARTITIONS")
    replication = os.environ.get("KAFKA_TOPIC_REPLICATION")
    try:
        created = await create_topics(
            KafkaSettings.from_env(), partitions=int(partitions) if partitions else None, replication=int(replication or 1)
        )
    except (KafkaError, TimeoutError, TopicRefused) as error:
        print(f"topics are not ready: {type(error).__name__} {error if isinstance(error, TopicRefused) else ''}", file=sys.stderr)
        return 1
    print("created: " + (", ".join(created) or "none, all were there"))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
