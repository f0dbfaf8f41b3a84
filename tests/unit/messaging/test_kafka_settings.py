"""How to reach Kafka is read from the environment, whole or not at all."""

import pytest
from pydantic import ValidationError

from shared.messaging.kafka_settings import KafkaSettings


def test_plaintext_needs_an_address_alone() -> None:
    options = KafkaSettings.from_env({"KAFKA_BOOTSTRAP_SERVERS": "one:9092,two:9092", "KAFKA_USERNAME": ""}).client_options()
    assert (options["bootstrap_servers"], options["security_protocol"]) == ("one:9092,two:9092", "PLAINTEXT")
    assert options["ssl_context"] is None
    assert "sasl_plain_password" not in options


def test_sasl_over_tls() -> None:
    settings = KafkaSettings.from_env(
        {
            "KAFKA_BOOTSTRAP_SERVERS": "one:9092",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_USERNAME": "consent",
            "KAFKA_PASSWORD": "fictional",
            "KAFKA_CLIENT_ID": "consent-1",
        }
    )
    options = settings.client_options()
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-512", "consent")
    assert (options["sasl_plain_password"], options["client_id"]) == ("fictional", "consent-1")
    assert options["ssl_context"] is not None
    assert "fictional" not in repr(settings)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"KAFKA_BOOTSTRAP_SERVERS": "one:9092", "KAFKA_SECURITY_PROTOCOL": "none"},
        {"KAFKA_BOOTSTRAP_SERVERS": "one:9092", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_USERNAME": "consent"},
        {"KAFKA_BOOTSTRAP_SERVERS": "one:9092", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_PASSWORD": "fictional"},
    ],
)
def test_half_a_setting_is_refused_and_no_value_is_shown(env: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        KafkaSettings.from_env(env)
    assert "fictional" not in str(caught.value)
