"""Messages that a consumer could not handle, and those of the same key behind them: kept in order, nothing skipped.

Add to the schema of a service that consumes: `SCHEMA`, then `tenant_table("parked")`, then `OPERATED`.
"""

from asyncio import Lock
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson

from shared.eventstore.model import Statement
from shared.eventstore.schema import as_role, enumerated
from shared.eventstore.store import EventStore
from shared.messaging.port import Inbound, Message
from shared.messaging.signature import NUMBER, SIGNED_HEADERS

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
  source text NOT NULL DEFAULT '',
  number bigint,
  CONSTRAINT parked_pkey PRIMARY KEY (tenant_id, consumer, topic, message_id)
)
"""
OPERATED: Final = (
    """
CREATE TABLE IF NOT EXISTS parked_order (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text NOT NULL,
  consumer text NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  message_id uuid NOT NULL,
  action text NOT NULL,
  reason text,
  ordered_by text NOT NULL,
  ordered_at timestamptz NOT NULL DEFAULT now(),
  outcome text,
  CHECK (action = 'retry' OR length(reason) BETWEEN 1 AND 200)
)
""",
    enumerated("parked_order", "action", ("retry", "skip")),
    "ALTER TABLE parked_order ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE parked_order FORCE ROW LEVEL SECURITY",
    *(
        statement
        for table in ("parked_order", "parked")
        for statement in (
            f"DROP POLICY IF EXISTS {table}_operated ON {table}",
            as_role("relay", f"CREATE POLICY {table}_operated ON {table} TO {{role}} USING (true) WITH CHECK (true)"),
        )
    ),
    as_role("relay", "GRANT SELECT, INSERT, UPDATE (outcome) ON TABLE parked_order TO {role}"),
    as_role(
        "relay",
        "GRANT SELECT (id, tenant_id, consumer, topic, key, number, message_id, type, error, at) ON TABLE parked TO {role}",
    ),
)
"""What an operator may do, as the relay role: see what is parked (no payload, no header) and order a retry or a skip."""
TAKEN_OVER: Final = (
    "ALTER TABLE parked ADD COLUMN IF NOT EXISTS source text NOT NULL DEFAULT ''",
    "ALTER TABLE parked ADD COLUMN IF NOT EXISTS number bigint",
)
"""columns that databases from before the counted steps may lack"""
GAP: Final = "gap"
"""`error` of a message before which one of its key is missing"""
BEHIND: Final = "behind"
"""`error` of a message that waits behind a parked one of its key"""

_HEADERS: Final = (*SIGNED_HEADERS, NUMBER, "ce_specversion", "ce_time", "content-type", "sig", "sigkid")

_KEYS = "SELECT DISTINCT topic, key FROM parked WHERE tenant_id = $1 AND consumer = $2"
_INSERT = (
    "INSERT INTO parked (tenant_id, consumer, topic, key, message_id, type, headers, payload, error, source, number) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT ON CONSTRAINT parked_pkey DO NOTHING"
)
_OLDEST = (
    "SELECT topic, key, headers, payload FROM parked "
    "WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND key = $4 ORDER BY coalesce(number, 0), id LIMIT $5"
)
_IN_THE_WAY = (
    "SELECT 1 FROM parked WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND key = $4 "
    "AND (error <> ALL($7::text[]) OR number IS NULL OR (source = $5 AND number <= $6)) LIMIT 1"
)
_BLOCKED = (
    "SELECT 1 FROM parked WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND key = $4 AND error <> ALL($5::text[]) LIMIT 1"
)
_FAILED = "UPDATE parked SET error = $5 WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND message_id = $4"
_SETTLED = "SELECT 1 FROM inbox WHERE tenant_id = $1 AND consumer = $2 AND message_id = $3"
_ONE = (
    "SELECT p.topic, p.key, p.headers, p.payload, p.error, NOT EXISTS (SELECT 1 FROM parked o WHERE o.tenant_id = p.tenant_id "
    "AND o.consumer = p.consumer AND o.topic = p.topic AND o.key = p.key "
    "AND (coalesce(o.number, 0), o.id) < (coalesce(p.number, 0), p.id)) AS first FROM parked p "
    "WHERE p.tenant_id = $1 AND p.consumer = $2 AND p.topic = $3 AND p.key = $4 AND p.message_id = $5"
)
_DELETE = "DELETE FROM parked WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND message_id = $4"
_INSERT_BEHIND = (
    "INSERT INTO parked (tenant_id, consumer, topic, key, message_id, type, headers, payload, error, source, number) "
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM "
    # waits for one who is just removing the oldest: either it sees this row afterwards, or this row is not written
    "(SELECT 1 FROM parked WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND key = $4 LIMIT 1 FOR KEY SHARE) AS first "
    "ON CONFLICT ON CONSTRAINT parked_pkey DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    inbound: Inbound
    error: str
    first: bool
    """whether it is the oldest of its key: what is behind it waits for it"""


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

    async def stands_in_the_way(self, message: Message) -> bool:
        """Whether a parked message of its key has to go first; those that only wait for a missing one need not."""
        args = (message.tenant, self.consumer, message.topic, message.key, message.source, message.number, [GAP, BEHIND])
        return bool(await self.store.fetch(message.tenant, _IN_THE_WAY, *args))

    async def blocked(self, tenant: str, topic: str, key: str) -> bool:
        """Whether one of that key is parked that could not be handled: it is not tried again unasked."""
        return bool(await self.store.fetch(tenant, _BLOCKED, tenant, self.consumer, topic, key, [GAP, BEHIND]))

    def failed(self, message: Message, error: str) -> Statement:
        """A message that waited, and could not be handled when its turn came."""
        return Statement(_FAILED, (message.tenant, self.consumer, message.topic, message.message_id, error))

    async def settled(self, message: Message) -> bool:
        """Whether the inbox holds the message: its effect is there, or it was given up."""
        return bool(await self.store.fetch(message.tenant, _SETTLED, message.tenant, self.consumer, message.message_id))

    async def oldest(self, tenant: str, topic: str, key: str) -> Inbound | None:
        rows = await self.store.fetch(tenant, _OLDEST, tenant, self.consumer, topic, key, 1)
        if not rows:
            return None
        row = rows[0]
        return Inbound(row["topic"], 0, 0, row["key"], orjson.loads(row["headers"]), bytes(row["payload"]))

    async def find(self, tenant: str, topic: str, key: str, message_id: UUID) -> ParkedMessage | None:
        rows = await self.store.fetch(tenant, _ONE, tenant, self.consumer, topic, key, message_id)
        if not rows:
            return None
        row = rows[0]
        inbound = Inbound(row["topic"], 0, 0, row["key"], orjson.loads(row["headers"]), bytes(row["payload"]))
        return ParkedMessage(inbound, row["error"], bool(row["first"]))

    def removal(self, message: Message) -> Statement:
        """To be written with the message's effect."""
        return Statement(_DELETE, (message.tenant, self.consumer, message.topic, message.message_id))

    def _row(self, message: Message, inbound: Inbound, error: str) -> tuple[object, ...]:
        # only what a message is made of: others could hold what the database does not take
        kept = {name: inbound.headers[name].replace("\x00", "") for name in _HEADERS if name in inbound.headers}
        headers = orjson.dumps(kept).decode()
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
            message.source,
            message.number,
        )


class ParkedNow:
    """What is parked, read once a tenant: for one batch, whose keys nobody else parks meanwhile."""

    def __init__(self, parked: Parked) -> None:
        self._parked = parked
        self._keys: dict[str, set[tuple[str, str]]] = {}
        self._reading = Lock()

    async def holds(self, message: Message) -> bool:
        """Whether an earlier message of that topic and key is parked."""
        return (message.topic, message.key) in await self._of(message.tenant)

    async def still_holds(self, message: Message) -> bool:
        """Asks again, for this key alone: what tasks beside this one have parked since is not forgotten."""
        place, known = (message.topic, message.key), await self._of(message.tenant)
        if place in await self._parked.keys(message.tenant):
            return True
        known.discard(place)
        return False

    async def took(self, message: Message) -> None:
        """The message was parked: later ones of its key wait behind it."""
        (await self._of(message.tenant)).add((message.topic, message.key))

    async def _of(self, tenant: str) -> set[tuple[str, str]]:
        async with self._reading:
            if tenant not in self._keys:
                self._keys[tenant] = await self._parked.keys(tenant)
        return self._keys[tenant]
