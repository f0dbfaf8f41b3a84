"""A service in a process of its own that ends itself (SIGKILL) at one step between an append and its effect's commit.

    python -m tests.support.steps <database file> <bootstrap> <tenant> <group> <step or "none"> <events>

It appends, relays, and consumes what it relayed. Prints `done <key> <number>` for each append that was acknowledged, and at the
step `at <step>`. Event ids follow from key and number: what was not acknowledged is written again under the same id.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from shared.contracts.topics import CONSENT_POLICY
from shared.eventstore import batch
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, Publication, StreamAppend, UniqueViolation
from shared.eventstore.outbox import Outbox, OutboxRow
from shared.messaging import kafka_member
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.port import Effect, Inbound, Message, Outbound
from tests.support.load import KEYS
from tests.support.messaging import CHANGED, World, opened_store, running, seen_by

STEPS: Final = (
    "before the append",
    "committed, not acknowledged",
    "acknowledged",
    "read by the relay",
    "half of a page produced",
    "produced, not confirmed",
    "confirmed, not deleted",
    "deleted",
    "consumed, not handled",
    "handled, not committed",
    "effect committed, not told",
    "batch done, offset not committed",
    "offset committed",
)


class Process:
    def __init__(self, step: str, after: int) -> None:
        self._step, self._left = step, after

    def at(self, step: str) -> None:
        """Ends the process the so-manieth time that it comes to its step."""
        if step == self._step:
            self._left -= 1
            if self._left <= 0:
                print(f"at {step}", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)


class SteppedOutbox(Outbox):
    process: Process

    async def pending(self, limit: int) -> list[OutboxRow]:
        rows = await super().pending(limit)
        if rows:
            self.process.at("read by the relay")
        return rows

    async def delete(self, ids: Sequence[int]) -> None:
        self.process.at("confirmed, not deleted")
        await super().delete(ids)
        self.process.at("deleted")


class SteppedTransport:
    def __init__(self, transport: KafkaTransport, process: Process) -> None:
        self._transport, self._process = transport, process

    async def start(self) -> None:
        await self._transport.start()

    async def stop(self) -> None:
        await self._transport.stop()

    async def publish(self, messages: Sequence[Outbound]) -> None:
        half = len(messages) // 2
        if half:
            await self._transport.publish(messages[:half])
            self._process.at("half of a page produced")
        await self._transport.publish(messages[half:])
        self._process.at("produced, not confirmed")

    async def consume(self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Inbound]], Awaitable[None]]) -> None:
        async def stepped(messages: Sequence[Inbound]) -> None:
            self._process.at("consumed, not handled")
            await handle(messages)
            self._process.at("batch done, offset not committed")

        await self._transport.consume(group, topics, stepped)


def _between(process: Process) -> None:
    """Steps inside of the store and of the group's member."""
    run, commit = batch._run_statements, kafka_member.GroupMember._commit

    async def statements(connection: Any, items: Sequence[batch.Append]) -> None:
        await run(connection, items)
        if any(item.inbox is not None for item in items):  # a plain append is one statement: nothing lies within it
            process.at("handled, not committed")

    async def committed(self: kafka_member.GroupMember) -> bool:
        had = bool(self._done)
        done = await commit(self)
        if had:
            process.at("offset committed")
        return done

    batch._run_statements = statements
    kafka_member.GroupMember._commit = committed  # type: ignore[method-assign]
    kafka_member.SESSION_MS, kafka_member.HEARTBEAT_MS = 1500, 300


async def main(database: str, bootstrap: str, tenant: str, group: str, step: str, events: str) -> None:
    urls = DatabaseUrls(**json.loads(Path(database).read_text()))
    process = Process(step, 1 if step in STEPS[-5:] else 3)
    _between(process)
    transport = SteppedTransport(KafkaTransport(KafkaSettings(bootstrap=bootstrap)), process)

    async def handle(message: Message) -> Effect:
        return Effect(statements=seen_by(message).statements, after_commit=lambda: process.at("effect committed, not told"))

    async with opened_store(urls) as store:
        world = World(urls, store, transport, tenant=tenant, group=group)
        outbox = SteppedOutbox(urls.relay)
        outbox.process = process
        await transport.start()
        store.on_commit(lambda: process.at("committed, not acknowledged"))
        async with running(world.consumer(handle).run()), world.relay(outbox=outbox):
            await asyncio.gather(*(_client(world, process, key, int(events)) for key in KEYS))
            print("written", flush=True)
            await asyncio.to_thread(sys.stdin.read)
        await transport.stop()


async def _client(world: World, process: Process, key: str, count: int) -> None:
    begin = await world.store.version(world.tenant, f"client/{key}")
    for number in range(max(0, begin - 1), begin + count):
        publication = Publication(CONSENT_POLICY, f"{world.tenant}/{key}")
        event_id = uuid5(NAMESPACE_OID, f"{world.tenant}/{key}/{number}")
        event = NewEvent(event_id, CHANGED, 1, str(number).encode(), publish=(publication,))
        process.at("before the append")
        try:
            await world.store.append(world.tenant, [StreamAppend(f"client/{key}", None, [event])])
        except UniqueViolation:  # its id: written before the process ended
            continue
        print(f"done {key} {number}", flush=True)
        process.at("acknowledged")
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
