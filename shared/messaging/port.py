"""Messages between services: one port for Kafka (deployed) and the in-process bus (embedded), at least once, in order by key."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from shared.eventstore.model import Statement, StreamAppend


@dataclass(frozen=True, slots=True)
class Outbound:
    topic: str
    key: str
    headers: Mapping[str, str]
    """CloudEvents 1.0 binary mode (`ce_id`, `ce_type`, `ce_source`, `ce_subject`, `ce_time`, `ce_sequence`,
    `content-type`) and `ce_tenant`, `sig`, `sigkid`"""
    payload: bytes


@dataclass(frozen=True, slots=True)
class Inbound:
    topic: str
    partition: int
    offset: int
    key: str
    headers: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """An inbound message whose signature, owner and form were checked."""

    topic: str
    tenant: str
    key: str
    message_id: UUID
    type: str
    schema_version: int
    source: str
    """name of the service that signed it"""
    sequence: int
    """version of the event in its stream"""
    stream: str
    payload: bytes
    number: int | None = None
    """place in its topic, key and source, dense from 1; None where it has none"""


@dataclass(frozen=True, slots=True)
class Effect:
    """What handling a message writes, in one transaction with its inbox row."""

    appends: tuple[StreamAppend, ...] = ()
    statements: tuple[Statement, ...] = ()
    after_commit: Callable[[], None] | None = None
    """called once the effect is durable, also where it had been written before"""


Handler = Callable[[Message], Awaitable[Effect | None]]
"""None: nothing to write, yet the message counts as handled. Raises Transient to be called again, anything else is poison."""


class Transient(Exception):
    """Handling failed for a reason that passes (gate or database away): the same message is tried again, order kept."""


class Transport(Protocol):
    """Moves bytes. Durable and in order by key; may deliver twice."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, messages: Sequence[Outbound]) -> None:
        """Returns when all are durable (embedded: handled); raises otherwise, and some may have been sent."""

    async def consume(self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Inbound]], Awaitable[None]]) -> None:
        """Hands batches of one partition, in order, to `handle`, and marks them done after it returned. Runs until cancelled."""
