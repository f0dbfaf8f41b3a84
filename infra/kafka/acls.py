"""`python -m infra.kafka.acls`: who may write and read which topic, from the one table in shared/contracts/topics.py.

Each service is a Kafka principal of its own name. It writes the topics it owns, reads those it listens to and joins consumer
groups that begin with its name; audit_log can neither read nor write a clinical topic. By confluent-kafka, because aiokafka's
admin client knows no ACLs.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from shared.contracts.records import ServiceName
from shared.contracts.topics import TOPICS
from shared.messaging.kafka_settings import KafkaSettings
from shared.service.parts import Unwired
from shared.service.transport import check_kafka

_log = logging.getLogger("kafka.acls")
TIMEOUT_SECONDS = 30
_EVERYTHING: Final[tuple[Any, ...]] = (
    ResourceType.ANY,
    None,
    ResourcePatternType.ANY,
    None,
    None,
    AclOperation.ANY,
    AclPermissionType.ANY,
)
_ANY: Final = AclBindingFilter(*_EVERYTHING)


def bindings() -> Iterator[AclBinding]:
    """Every permission there is; what is not named is denied."""
    for topic in TOPICS.values():
        for writer in sorted(topic.writers):
            yield _allow(ResourceType.TOPIC, topic.name, writer, AclOperation.WRITE)
            yield _allow(ResourceType.TOPIC, topic.name, writer, AclOperation.DESCRIBE)
        for reader in sorted(topic.readers):
            yield _allow(ResourceType.TOPIC, topic.name, reader, AclOperation.READ)
            yield _allow(ResourceType.TOPIC, topic.name, reader, AclOperation.DESCRIBE)
    for name in sorted(n for n in ServiceName if n is not ServiceName.EHR_GATEWAY):
        yield _allow(ResourceType.GROUP, str(name), name, AclOperation.READ, ResourcePatternType.PREFIXED)
        yield _allow(ResourceType.BROKER, "kafka-cluster", name, AclOperation.IDEMPOTENT_WRITE)


def _allow(
    kind: ResourceType,
    name: str,
    principal: ServiceName,
    operation: AclOperation,
    pattern: ResourcePatternType = ResourcePatternType.LITERAL,
) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{principal}", "*", operation, AclPermissionType.ALLOW)


def apply(settings: KafkaSettings) -> tuple[int, list[str]]:
    """Creates what is missing and takes back what a service was given besides: how many there are now, and what was taken.

    Of others' principals nothing is touched. KafkaException where the broker refuses.
    """
    admin = AdminClient(librdkafka_options(settings))
    wanted = list(bindings())
    for future in admin.create_acls(wanted, request_timeout=TIMEOUT_SECONDS).values():
        future.result()
    services = {f"User:{name}" for name in ServiceName}
    kept = {_named(binding) for binding in wanted}
    present = admin.describe_acls(_ANY, request_timeout=TIMEOUT_SECONDS).result()
    besides = [b for b in present if b.principal in services and _named(b) not in kept]
    if besides:
        for future in admin.delete_acls([_exactly(b) for b in besides], request_timeout=TIMEOUT_SECONDS).values():
            future.result()
    return len(wanted), sorted(f"{b.principal}: {b.operation.name} {b.restype.name} {b.name}" for b in besides)


def _named(b: AclBinding) -> tuple[object, ...]:
    return b.restype, b.name, b.resource_pattern_type, b.principal, b.host, b.operation, b.permission_type


def _exactly(b: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(b.restype, b.name, b.resource_pattern_type, b.principal, b.host, b.operation, b.permission_type)


def librdkafka_options(settings: KafkaSettings) -> dict[str, str | int | float | bool]:
    options: dict[str, str | int | float | bool] = {
        "bootstrap.servers": settings.bootstrap,
        "security.protocol": settings.security_protocol,
    }
    if settings.ca_file:
        options["ssl.ca.location"] = settings.ca_file
    if settings.username and settings.password:
        options["sasl.mechanism"] = settings.sasl_mechanism
        options["sasl.username"] = settings.username
        options["sasl.password"] = settings.password.get_secret_value()
    return options


def main(env: Mapping[str, str] = os.environ) -> int:
    logging.basicConfig(level=logging.INFO)
    try:
        check_kafka(env)
        count, taken = apply(KafkaSettings.from_env(env))
    except Unwired as refusal:
        _log.error("%s", refusal)
        return 1
    except KafkaException as error:
        _log.error("the broker refused the ACLs: %s", error.args[0].str() if error.args else "unknown")
        return 1
    for binding in taken:
        _log.warning("taken back: %s", binding)
    _log.info("%d permissions are in place; everything else is denied", count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
