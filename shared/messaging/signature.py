"""Signed events: Ed25519 over topic, key, headers that count and the payload's digest.

Writing to a topic is not enough to grant consent or to shred a key: a consumer accepts a message only from a service that
owns the topic (`shared.contracts.topics`) and whose signature holds.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature

from shared.contracts.records import ServiceName
from shared.contracts.topics import TOPICS
from shared.identity.service_keys import ServiceDirectory, ServiceKeys

SIGNED_HEADERS: Final = ("ce_id", "ce_type", "ce_source", "ce_subject", "ce_sequence", "ce_tenant", "ce_schemaversion")

NUMBER: Final = "ce_number"
"""place of the message in its topic, key and source, dense from 1; a heartbeat has none"""


_SCHEME: Final = b"event-signature-v1"
_DIGEST_LENGTH: Final = (32).to_bytes(4, "big")


class ForgedMessage(Exception):
    """A message whose signature, owner or form does not hold: it is not handled, and raises an alarm."""


def signed_bytes(topic: str, key: str, headers: Mapping[str, str], payload: bytes) -> bytes:
    """What is signed: each part length-prefixed. A number is one part more, so it can be neither changed nor taken away."""
    made = [_SCHEME]
    for part in (topic, key, *[headers.get(name, "") for name in SIGNED_HEADERS], *_number(headers)):
        encoded = part.encode()
        made += (len(encoded).to_bytes(4, "big"), encoded)
    made += (_DIGEST_LENGTH, sha256(payload).digest())
    return b"".join(made)


def _number(headers: Mapping[str, str]) -> list[str]:
    return [headers[NUMBER]] if NUMBER in headers else []


class EventSigner:
    """Signs what one service publishes. `ce_source` is the service's name."""

    def __init__(self, keys: ServiceKeys) -> None:
        self._keys = keys
        self.service = keys.name

    def sign(self, topic: str, key: str, headers: Mapping[str, str], payload: bytes) -> dict[str, str]:
        """The headers with `ce_source` and `sig` added."""
        complete = {**headers, "ce_source": str(self.service)}
        signature = self._keys.signing.sign(signed_bytes(topic, key, complete, payload))
        return {**complete, "sig": b64encode(signature).decode()}


class EventVerifier(Protocol):
    def verify(self, topic: str, key: str, headers: Mapping[str, str], payload: bytes) -> ServiceName:
        """The service that wrote the message. Raises ForgedMessage."""


class SignatureVerifier:
    """Checks the signature, and that the signer owns the topic."""

    def __init__(self, directory: ServiceDirectory) -> None:
        self._directory = directory

    def verify(self, topic: str, key: str, headers: Mapping[str, str], payload: bytes) -> ServiceName:
        try:
            source = ServiceName(headers["ce_source"])
            owners = TOPICS[topic].writers
            public = self._directory.signing(source)
            signature = b64decode(headers["sig"], validate=True)
        except (KeyError, ValueError):
            raise ForgedMessage(f"a message on {topic} names no known source or carries no signature") from None
        if source not in owners:
            raise ForgedMessage(f"{source} does not own {topic}")
        try:
            public.verify(signature, signed_bytes(topic, key, headers, payload))
        except InvalidSignature:
            raise ForgedMessage(f"a message on {topic} is not signed by {source}") from None
        return source
