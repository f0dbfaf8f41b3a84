"""`python -m infra.kafka.lag`: waits until every consumer has handled all that was published, and ends with 0.

For a backup, while nothing is published. From the environment: how to reach Kafka (`shared.messaging.kafka_settings`), as the
administrator; LAG_SECONDS, after which it gives up (60).
"""

import os
import sys
from collections.abc import Mapping
from time import monotonic, sleep
from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.kafka.acls import librdkafka_options
from shared.messaging.kafka_settings import KafkaSettings
from shared.service.transport import check_kafka

_CALL_SECONDS: Final = 15.0


def total_lag(admin: AdminClient) -> int:
    """Messages that a consumer group has not committed yet. KafkaException."""
    groups = [g.group_id for g in admin.list_consumer_groups(request_timeout=_CALL_SECONDS).result().valid]
    lag = 0
    for group in groups:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=_CALL_SECONDS)
        committed = {(p.topic, p.partition): p.offset for p in asked[group].result().topic_partitions}
        newest = admin.list_offsets({TopicPartition(t, n): OffsetSpec.latest() for t, n in committed})  # type: ignore[no-untyped-call]
        lag += sum(
            max(0, answer.result().offset - max(0, committed[(place.topic, place.partition)])) for place, answer in newest.items()
        )
    return lag


def main(environ: Mapping[str, str] = os.environ) -> int:
    check_kafka(environ)
    admin, deadline = (
        AdminClient(librdkafka_options(KafkaSettings.from_env(environ))),
        monotonic() + float(environ.get("LAG_SECONDS") or 60),
    )
    while True:
        try:
            lag = total_lag(admin)
        except KafkaException as error:
            print(f"Kafka does not answer: {error.args[0].name()}", file=sys.stderr)
            return 1
        if not lag:
            print("every message is handled")
            return 0
        if monotonic() > deadline:
            print(f"{lag} messages are still not handled: look at docs/operations/events.md", file=sys.stderr)
            return 1
        sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
