"""A member of a consumer group in a process of its own, to be stopped and continued: `python -m tests.support.member`.

Arguments: database file, bootstrap, tenant, group, seconds that handling one message takes, and, where it is not the deployed
one, its session timeout in milliseconds. Prints `ready` at each message.
"""

import asyncio
import json
import sys
from pathlib import Path

from shared.eventstore.databases import DatabaseUrls
from shared.messaging import kafka_member
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.port import Effect, Message
from tests.support.messaging import World, opened_store, seen_by


async def main(database: str, bootstrap: str, tenant: str, group: str, seconds: str, session_ms: str = "") -> None:
    if session_ms:
        kafka_member.SESSION_MS, kafka_member.HEARTBEAT_MS = int(session_ms), int(session_ms) // 5
    urls = DatabaseUrls(**json.loads(Path(database).read_text()))

    async def handle(message: Message) -> Effect:
        print("ready", flush=True)
        await asyncio.sleep(float(seconds))
        return seen_by(message)

    async with opened_store(urls) as store:
        transport = KafkaTransport(KafkaSettings(bootstrap=bootstrap))
        await World(urls, store, transport, tenant=tenant, group=group).consumer(handle).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
