"""`python -m infra.kafka.topics` on a real broker: what differs from topics.yaml is set, as often as it is run."""

import asyncio

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from infra.kafka.acls import librdkafka_options
from infra.kafka.topics import set_what_differs
from infra.kafka.topics_file import declared
from shared.contracts.topics import AUDIT
from tests.support.kafka import Kafka

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


async def test_what_somebody_changed_is_set_again(kafka: Kafka) -> None:
    admin = AdminClient(librdkafka_options(kafka.settings))
    await asyncio.to_thread(set_what_differs, kafka.settings, replication=1)
    assert await asyncio.to_thread(set_what_differs, kafka.settings, replication=1) == []
    short = ConfigEntry("retention.ms", "86400000", incremental_operation=AlterConfigOpType.SET)
    changed = [ConfigResource(ResourceType.TOPIC, AUDIT, incremental_configs=[short])]
    for future in admin.incremental_alter_configs(changed).values():
        future.result(10)
    for _ in range(50):
        said = await asyncio.to_thread(set_what_differs, kafka.settings, replication=1)
        if said:
            break
        await asyncio.sleep(0.1)
    assert said == [f"{AUDIT}: retention.ms"]
    for _ in range(50):
        (future,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, AUDIT)]).values()
        present = {name: entry.value for name, entry in future.result(10).items()}
        if present["retention.ms"] == "-1":
            break
        await asyncio.sleep(0.1)
    wanted = declared()[AUDIT].config_on(1)
    assert {name: present[name] for name in wanted} == wanted
