"""Who may do what on the broker: every service tries every topic, every group and the broker itself, with its own password."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from infra.kafka.acls import apply, librdkafka_options
from infra.kafka.launcher import ADMIN, LocalKafka, available
from infra.kafka.topics import create_topics
from shared.contracts.records import ServiceName
from shared.contracts.topics import AUDIT, CONSENT_POLICY, SESSION_NOTES, TOPICS
from shared.messaging.kafka_settings import KafkaSettings
from tests.support import environment
from tests.support.kafka import MISSING, _run
from tests.support.ports import free_port

SECONDS = 20
SERVICES = list(ServiceName)
REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
}


Options = dict[str, str | int | float | bool]


class Guarded:
    """A broker on which nobody is anonymous."""

    def __init__(self, broker: LocalKafka, passwords: dict[str, str]) -> None:
        self._broker, self._passwords = broker, passwords

    def settings(self, principal: str, password: str | None = None) -> KafkaSettings:
        return KafkaSettings.model_validate(
            {
                "bootstrap": self._broker.bootstrap,
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN",
                "username": principal,
                "password": password or self._passwords[principal],
            }
        )

    def options(self, principal: str, password: str | None = None) -> Options:
        return {**librdkafka_options(self.settings(principal, password)), "log_level": 0}


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    if not available():
        environment.not_run["ACLs on a broker"] = MISSING
        pytest.skip(f"needs {MISSING}")
    passwords = {str(name): secrets.token_urlsafe(16) for name in (ADMIN, *SERVICES)}
    broker = LocalKafka(passwords, ports=(free_port(), free_port())).start()
    made = Guarded(broker, passwords)
    _run(create_topics(made.settings(ADMIN), partitions=1))
    apply(made.settings(ADMIN))
    for topic in TOPICS:
        assert write(made.options(ADMIN), topic) is None
    yield made
    broker.close()


def write(options: Options, topic: str) -> int | None:
    """Kafka's code of the refusal; None where it was written."""
    errors: list[KafkaError | None] = []
    producer = Producer({**options, "enable.idempotence": True, "message.timeout.ms": 10_000})
    producer.produce(topic, b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(SECONDS)
    assert errors, "no answer"
    return errors[0].code() if errors[0] is not None else None


def read(options: Options, topic: str, group: str) -> int | None:
    """Kafka's code of the refusal; None where the topic's first message was read."""
    consumer = Consumer({**options, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    try:
        hidden = consumer.list_topics(topic, SECONDS).topics[topic].error
        if hidden is not None:
            code: int = hidden.code()
            return code
        consumer.assign([TopicPartition(topic, 0, 0)])
        return _first(consumer)
    finally:
        consumer.close()


def joined(options: Options, topic: str, group: str) -> int | None:
    """Kafka's code of the refusal; None where it became a member and was handed the topic's first message."""
    consumer = Consumer({**options, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        return _first(consumer)
    finally:
        consumer.close()


def _first(consumer: Consumer) -> int | None:
    message = consumer.poll(SECONDS)
    assert message is not None, "no answer"
    error = message.error()
    return error.code() if error is not None else None


@pytest.mark.parametrize("service", SERVICES)
def test_each_writes_its_own_topics_and_no_other(guarded: Guarded, service: ServiceName) -> None:
    found = {topic: write(guarded.options(service), topic) for topic in TOPICS}
    assert {t for t, code in found.items() if code is None} == {t.name for t in TOPICS.values() if service in t.writers}
    assert {code for code in found.values() if code is not None} <= REFUSED


@pytest.mark.parametrize("service", SERVICES)
def test_each_reads_what_it_listens_to_and_nothing_else(guarded: Guarded, service: ServiceName) -> None:
    found = {topic: read(guarded.options(service), topic, f"{service}-try") for topic in TOPICS}
    assert {t for t, code in found.items() if code is None} == {t.name for t in TOPICS.values() if service in t.readers}
    assert {code for code in found.values() if code is not None} <= REFUSED


def test_the_keeper_of_keys_reads_no_ciphertext(guarded: Guarded) -> None:
    """The one rule, on the broker."""
    assert read(guarded.options(ServiceName.AUDIT_LOG), SESSION_NOTES, "audit_log") == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_nobody_joins_anothers_group(guarded: Guarded) -> None:
    """A member could take partitions away, and move the place up to which all is done."""
    own, other = guarded.options(ServiceName.AUDIT_LOG), guarded.options(ServiceName.SESSION_NOTES)
    assert joined(own, CONSENT_POLICY, "audit_log-a") is None
    assert joined(own, CONSENT_POLICY, "session_notes") == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert joined(other, AUDIT, "audit_log") == KafkaError.GROUP_AUTHORIZATION_FAILED


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_changes_the_broker(guarded: Guarded, service: ServiceName) -> None:
    admin = AdminClient(guarded.options(service))
    own = [t.name for t in TOPICS.values() if service in t.writers]
    topic = own[0] if own else AUDIT
    grant = AclBinding(
        ResourceType.TOPIC,
        SESSION_NOTES,
        ResourcePatternType.LITERAL,
        f"User:{service}",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    attempts: list[Callable[..., Mapping[Any, Future[Any]]]] = [
        partial(admin.create_topics, [NewTopic("mine", 1, 1)]),
        partial(admin.delete_topics, [topic]),
        partial(admin.create_partitions, [NewPartitions(topic, 9)]),
        partial(admin.create_acls, [grant]),
    ]
    if own:  # who may not even see a topic cannot ask where its records are
        attempts.append(partial(admin.delete_records, [TopicPartition(topic, 0, 1)]))
    for attempt in attempts:
        (future,) = attempt(request_timeout=SECONDS).values()
        with pytest.raises(KafkaException) as refused:
            future.result(SECONDS)
        assert refused.value.args[0].code() in REFUSED, attempt


def test_a_wrong_password_is_nobody(guarded: Guarded) -> None:
    for options in (
        guarded.options(ServiceName.CONSENT, "wrong"),
        {"bootstrap.servers": guarded.settings(ADMIN).bootstrap, "log_level": 0},
    ):
        told: list[KafkaError] = []
        options["error_cb"] = told.append  # type: ignore[assignment]
        producer = Producer({**options, "message.timeout.ms": 3000})
        sent: list[KafkaError | None] = []
        producer.produce(CONSENT_POLICY, b"x", on_delivery=lambda error, _, s=sent: s.append(error))  # type: ignore[misc]
        producer.flush(SECONDS)
        assert sent and sent[0] is not None


def test_what_was_given_besides_is_taken_back(guarded: Guarded) -> None:
    admin = AdminClient(guarded.options(ADMIN))
    given = AclBinding(
        ResourceType.TOPIC,
        SESSION_NOTES,
        ResourcePatternType.LITERAL,
        f"User:{ServiceName.AUDIT_LOG}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    for future in admin.create_acls([given]).values():
        future.result(SECONDS)
    try:
        assert apply(guarded.settings(ADMIN))[1] == [f"User:audit_log: READ TOPIC {SESSION_NOTES}"]
        assert apply(guarded.settings(ADMIN))[1] == []
    finally:
        with suppress(KafkaException):
            apply(guarded.settings(ADMIN))
    assert read(guarded.options(ServiceName.AUDIT_LOG), SESSION_NOTES, "audit_log") == KafkaError.TOPIC_AUTHORIZATION_FAILED
