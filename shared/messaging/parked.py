"""Messages that a consumer could not handle, and those of the same key behind them: kept in order, nothing skipped.

Add to the schema of a service that consumes: `SCHEMA`, then `tenant_table("parked")`.
"""

from asyncio import Lock
from dataclasses import dataclass
from typing import Final

import orjson

from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.messaging.port import Inbound, Message

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS parked (
  id bigint GENERATED ALWAYS AS IDENTITY,
  tenant_id text NOT NULL,
  consumer text NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  message_id uuid NOT NULL,
  type text NOT NULL,
  headers jsonb NOT NULL,
  payload bytea NOT NULL,
  error text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT parked_pkey PRIMARY KEY (tenant_id, consumer, topic, message_id)
)
"""
BEHIND: Final = "behind"
"""`error` of a message that waits behind a parked one of its key"""

_KEYS = "SELECT DISTINCT topic, key FROM parked WHERE tenant_id = $1 AND consumer = $2"
_INSERT = (
    "INSERT INTO parked (tenant_id, consumer, topic, key, message_id, type, headers, payload, error) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT ON CONSTRAINT parked_pkey DO NOTHING"
)
_OLDEST = (
    "SELECT topic, key, headers, payload FROM parked "
    "WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND key = $4 ORDER BY id LIMIT $5"
)
_DELETE = "DELETE FROM parked WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND message_id = $4"
_INSERT_BEHIND = (
    "INSERT INTO parked (tenant_id, consumer, topic, key, message_id, type, headers, payload, error) "
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM "
    # waits for one who is just removing the oldest: either it sees this row afterwards, or this row is not written
    "(SELECT 1 FROM parked WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND key = $4 LIMIT 1 FOR KEY SHARE) AS first "
    "ON CONFLICT ON CONSTRAINT parked_pkey DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Parked:
    """Messages parked by one consumer."""

    store: EventStore
    consumer: str

    async def keys(self, tenant: str) -> set[tuple[str, str]]:
        """(topic, key) of every parked message."""
        rows = await self.store.fetch(tenant, _KEYS, tenant, self.consumer)
        return {(row["topic"], row["key"]) for row in rows}

    async def park(self, message: Message, inbound: Inbound, error: str) -> None:
        """Keeps a message that cannot be handled; `error` is the exception's class, never its text."""
        await self.store.append(message.tenant, (), statements=(Statement(_INSERT, self._row(message, inbound, error)),))

    async def park_behind(self, message: Message, inbound: Inbound) -> None:
        """Keeps a message behind the parked one of its key. Writes nothing where none is parked any more."""
        await self.store.append(message.tenant, (), statements=(Statement(_INSERT_BEHIND, self._row(message, inbound, BEHIND)),))

    async def oldest(self, tenant: str, topic: str, key: str) -> Inbound | None:
        rows = await self.store.fetch(tenant, _OLDEST, tenant, self.consumer, topic, key, 1)
        if not rows:
            return None
        row = rows[0]
        return Inbound(row["topic"], 0, 0, row["key"], orjson.loads(row["headers"]), bytes(row["payload"]))

    def removal(self, message: Message) -> Statement:
        """To be written with the message's effect."""
        return Statement(_DELETE, (message.tenant, self.consumer, message.topic, message.message_id))

    def _row(self, message: Message, inbound: Inbound, error: str) -> tuple[object, ...]:
        headers = orjson.dumps(dict(inbound.headers)).decode()
        return (
            message.tenant,
            self.consumer,
            message.topic,
            message.key,
            message.message_id,
            message.type,
            headers,
            message.payload,
            error,
        )


class ParkedNow:
    """What is parked, read once a tenant: for one batch, whose keys nobody else parks meanwhile."""

    def __init__(self, parked: Parked) -> None:
        self._parked = parked
        self._keys: dict[str, set[tuple[str, str]]] = {}
        self._reading = Lock()

    async def holds(self, message: Message) -> bool:
        """Whether an earlier message of that topic and key is parked."""
        async with self._reading:
            if message.tenant not in self._keys:
                self._keys[message.tenant] = await self._parked.keys(message.tenant)
        return (message.topic, message.key) in self._keys[message.tenant]
