"""A process that numbers and relays as a service does, to be killed: `python -m tests.support.leader <database file>`.

Prints `leads` once it leads both. Its transport takes everything and tells nobody.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from shared.contracts.records import ServiceName
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.outbox import Outbox
from shared.eventstore.sequencer import Sequencer
from shared.messaging.in_process import InProcessBus
from shared.messaging.relay import Relay
from shared.messaging.signature import EventSigner
from tests.support.messaging import now, running, service_keys


@asynccontextmanager
async def leaders(urls: DatabaseUrls) -> AsyncIterator[tuple[Sequencer, Relay]]:
    """They run as a service runs them: every wait is the one that is deployed."""
    signer, outbox, sequencer = EventSigner(service_keys(ServiceName.CONSENT)), Outbox(urls.relay), Sequencer(urls.relay)
    relay = Relay(outbox, InProcessBus(), signer, now=now, new_id=uuid4)
    try:
        async with running(sequencer.run()), running(relay.run()):
            yield sequencer, relay
    finally:
        await outbox.close()


async def main(database: str) -> None:
    async with leaders(DatabaseUrls(**json.loads(Path(database).read_text()))) as (sequencer, relay):
        while not (sequencer.leading and relay.leading):
            await asyncio.sleep(0.02)
        print("leads", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
