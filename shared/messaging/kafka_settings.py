"""How to reach Kafka, from the environment."""

import ssl
from collections.abc import Mapping
from os import environ
from typing import Any, Literal

from aiokafka.helpers import create_ssl_context
from pydantic import BaseModel, ConfigDict, SecretStr, model_validator


class KafkaSettings(BaseModel):
    """`KAFKA_BOOTSTRAP_SERVERS` (host:port, comma-separated), `KAFKA_SECURITY_PROTOCOL`, `KAFKA_SASL_MECHANISM`,
    `KAFKA_USERNAME`, `KAFKA_PASSWORD`, `KAFKA_CA_FILE` (PEM), `KAFKA_CLIENT_ID`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bootstrap: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: str | None = None
    client_id: str = "alliance-record"

    @model_validator(mode="after")
    def _complete(self) -> "KafkaSettings":
        if self.security_protocol.startswith("SASL") and not (self.username and self.password):
            raise ValueError("KAFKA_SECURITY_PROTOCOL asks for SASL: set KAFKA_USERNAME and KAFKA_PASSWORD as well")
        return self

    @classmethod
    def from_env(cls, env: Mapping[str, str] = environ) -> "KafkaSettings":
        """Raises pydantic.ValidationError, which names the setting and never its value. An empty variable counts as unset."""
        names = {"bootstrap": "KAFKA_BOOTSTRAP_SERVERS"} | {
            field: f"KAFKA_{field.upper()}" for field in cls.model_fields if field != "bootstrap"
        }
        return cls.model_validate({field: env[name] for field, name in names.items() if env.get(name)})

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context(),
        }
        if self.security_protocol.startswith("SASL") and self.password is not None:
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password.get_secret_value()
        return options

    def _ssl_context(self) -> ssl.SSLContext | None:
        if not self.security_protocol.endswith("SSL"):
            return None
        context = create_ssl_context(cafile=self.ca_file)
        assert isinstance(context, ssl.SSLContext)
        return context
