"""A service that publishes and one that listens, over any transport, on a real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from infra.postgres.provision import OwnedDatabase
from shared.contracts.records import ServiceName
from shared.contracts.topics import CONSENT_POLICY
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, Publication, Statement, StreamAppend
from shared.eventstore.outbox import Outbox
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.schema import tenant_table
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.messaging.consumer import Consumer
from shared.messaging.port import Effect, Handler, Inbound, Message, Outbound, Transport
from shared.messaging.relay import Heartbeat, Relay
from shared.messaging.signature import EventSigner, SignatureVerifier
from tests.support.postgres import as_owner
from tests.support.waiting import until

PATIENCE = 30.0
CHANGED = "consent.policy-changed"
# no unique constraint: an effect that was applied twice shows
SEEN = "CREATE TABLE IF NOT EXISTS seen (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id text, key text, number int)"
DDL = (SEEN, *tenant_table("seen"))


def now() -> datetime:
    return datetime.now(UTC)


def service_keys(name: ServiceName) -> ServiceKeys:
    return ServiceKeys.from_seed(name, str(name).encode().ljust(32, b"."))


DIRECTORY = ServiceDirectory({n: service_keys(n).public() for n in ServiceName})


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    await until(holds, PATIENCE)


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Ends with the block; an error of the work comes out there."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def opened_store(urls: DatabaseUrls) -> AsyncIterator[PostgresEventStore]:
    """A process that was handed no owner's login finds the table of its effects made."""
    if isinstance(urls, OwnedDatabase):
        await as_owner(urls, *DDL)
    store = PostgresEventStore(urls, now=now)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def seen_by(message: Message) -> Effect:
    """The effect that the tests look for: one row a message."""
    number = int(message.payload)
    insert = "INSERT INTO seen (tenant_id, key, number) VALUES ($1, $2, $3)"
    return Effect(statements=(Statement(insert, (message.tenant, message.key, number)),))


async def note(message: Message) -> Effect | None:
    return seen_by(message)


@dataclass(frozen=True)
class OwnMessages:
    """A shared topic holds what earlier tests left: gaps and poison of their tenants, which are no affair of this one."""

    transport: Transport
    tenant: str

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, messages: Sequence[Outbound]) -> None:
        await self.transport.publish(messages)

    async def consume(self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Inbound]], Awaitable[None]]) -> None:
        async def own(batch: Sequence[Inbound]) -> None:
            await handle([m for m in batch if m.key.startswith(self.tenant) or not m.key.startswith("tenant-")])

        await self.transport.consume(group, topics, own)


@dataclass
class World:
    """One tenant of its own in `store`; messages of other tenants on a shared topic are let pass."""

    urls: DatabaseUrls
    store: PostgresEventStore
    transport: Transport
    tenant: str = field(default_factory=lambda: f"tenant-{uuid4()}")
    group: str = field(default_factory=lambda: f"group-{uuid4()}")
    forged: list[tuple[str, str]] = field(default_factory=list)
    poison: list[tuple[str, str]] = field(default_factory=list)

    def consumer(self, handle: Handler = note, *, name: str | None = None) -> Consumer:
        async def ours(message: Message) -> Effect | None:
            return await handle(message) if message.tenant == self.tenant else None

        return Consumer(
            name or self.group,
            [CONSENT_POLICY],
            store=self.store,
            transport=OwnMessages(self.transport, self.tenant),
            verifier=SignatureVerifier(DIRECTORY),
            handlers={CHANGED: ours},
            on_forged=lambda reason, topic: self.forged.append((reason, topic)),
            on_poison=lambda error, topic: self.poison.append((error, topic)),
            now=now,
            first_wait=0.02,
            longest_wait=0.2,
        )

    @asynccontextmanager
    async def relay(
        self,
        *,
        transport: Transport | None = None,
        heartbeat: Heartbeat | None = None,
        publish_timeout: float = 30.0,
        outbox: Outbox | None = None,
    ) -> AsyncIterator[Relay]:
        outbox = outbox or Outbox(self.urls.relay)
        signer = EventSigner(service_keys(ServiceName.CONSENT))
        relay = Relay(
            outbox,
            transport or self.transport,
            signer,
            now=now,
            new_id=uuid4,
            heartbeat=heartbeat,
            lead_seconds=0.1,
            publish_timeout=publish_timeout,
        )
        self.store.on_commit(relay.wake)
        try:
            async with running(relay.run()):
                yield relay
        finally:
            await outbox.close()

    async def append(self, key: str, *numbers: int) -> None:
        """Events whose number is their payload, in stream `policy`, in one transaction."""
        topic_key = f"{self.tenant}/{key}"
        events = [
            NewEvent(uuid4(), CHANGED, 1, str(n).encode(), publish=(Publication(CONSENT_POLICY, topic_key),)) for n in numbers
        ]
        await self.store.append(self.tenant, [StreamAppend("policy", None, events)])

    def message(
        self,
        key: str,
        number: int,
        *,
        signer: ServiceName = ServiceName.CONSENT,
        headers: Mapping[str, str] | None = None,
        topic: str = CONSENT_POLICY,
        message_id: UUID | None = None,
    ) -> Outbound:
        """A signed message that never was in an outbox."""
        complete = {
            "ce_id": str(message_id or uuid4()),
            "ce_type": CHANGED,
            "ce_subject": "policy",
            "ce_sequence": str(number),
            "ce_tenant": self.tenant,
            "ce_schemaversion": "1",
            **(headers or {}),
        }
        payload, topic_key = str(number).encode(), f"{self.tenant}/{key}"
        signed = EventSigner(service_keys(signer)).sign(topic, topic_key, complete, payload)
        return Outbound(topic, topic_key, signed, payload)

    async def seen(self) -> dict[str, list[int]]:
        """Numbers by client in the order of their effects."""
        rows = await self.store.fetch(self.tenant, "SELECT key, number FROM seen WHERE tenant_id = $1 ORDER BY id", self.tenant)
        result: dict[str, list[int]] = {}
        for row in rows:
            result.setdefault(row["key"].removeprefix(f"{self.tenant}/"), []).append(row["number"])
        return result

    async def until_seen(self, wanted: Mapping[str, Sequence[int]]) -> None:
        """Fails with what was seen instead."""
        count = sum(map(len, wanted.values()))

        async def enough() -> bool:
            return sum(map(len, (await self.seen()).values())) >= count

        try:
            await eventually(enough)
        finally:
            assert await self.seen() == {k: list(v) for k, v in wanted.items()}

    async def parked(self) -> dict[str, list[tuple[int, str]]]:
        rows = await self.store.fetch(
            self.tenant, "SELECT key, payload, error FROM parked WHERE consumer = $1 ORDER BY id", self.group
        )
        result: dict[str, list[tuple[int, str]]] = {}
        for row in rows:
            result.setdefault(row["key"].removeprefix(f"{self.tenant}/"), []).append((int(row["payload"]), row["error"]))
        return result
