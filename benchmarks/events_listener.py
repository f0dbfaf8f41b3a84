"""The other service of `events_relay`: its own process, database and consumer. Prints `ready` at the first message it applied;
at the end of its standard input it prints when each message was visible (seconds of the machine's monotonic clock).

    python -m benchmarks.events_listener <database file> <bootstrap> <group>
"""

import asyncio
import json
import sys
from pathlib import Path
from time import monotonic

import uvloop

from benchmarks.events_world import TENANT, opened, saved_urls
from shared.eventstore.model import Statement
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.port import Effect, Message
from tests.support.messaging import DDL, World, running

_INSERT = "INSERT INTO seen (tenant_id, key, number) VALUES ($1, $2, $3)"


async def main(database: str, bootstrap: str, group: str) -> None:
    urls, seen = saved_urls(Path(database)), dict[int, float]()
    transport = KafkaTransport(KafkaSettings(bootstrap=bootstrap))

    async def handle(message: Message) -> Effect:
        number = int(message.payload[:12])

        def visible() -> None:
            if not seen:
                print("ready", flush=True)
            seen[number] = monotonic()

        return Effect(statements=(Statement(_INSERT, (message.tenant, message.key, number)),), after_commit=visible)

    async with opened(urls, *DDL) as store:
        consumer = World(urls, store, transport, tenant=TENANT, group=group).consumer(handle)
        async with running(consumer.run()):
            await asyncio.to_thread(sys.stdin.read)
    await transport.stop()
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
