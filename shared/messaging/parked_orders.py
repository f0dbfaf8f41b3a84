"""What an operator ordered about parked messages (`python -m infra.operator.parked`), carried out by the service itself.

The service that owns the table has the handlers and the keys; the operator's command sees ids and error classes and no more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from shared.contracts.receipts import MESSAGE_SKIPPED, MessageSkipped
from shared.contracts.topics import RECEIPTS
from shared.eventstore.model import NewEvent, Publication, StoreError, StreamAppend
from shared.eventstore.outbox import Outbox
from shared.messaging.consumer import Consumer

_log = logging.getLogger(__name__)
_OPEN: Final = "SELECT * FROM parked_order WHERE outcome IS NULL AND consumer = $1 ORDER BY id LIMIT 20"
_DONE: Final = "UPDATE parked_order SET outcome = $2 WHERE id = $1"
STREAM: Final = "skipped"
"""one a tenant: what operators gave up"""

OnSkipped = Callable[[str, MessageSkipped], Awaitable[None]]
"""(tenant, what was skipped), called before the message is given up: for the one service that owns the ledger"""


class ParkedOrders:
    """Runs in every process of a service; the one that leads the relay carries orders out."""

    def __init__(
        self,
        outbox: Outbox,
        consumer: Consumer,
        *,
        service: str,
        now: Callable[[], datetime],
        on_skipped: OnSkipped | None = None,
        every_seconds: float = 1.0,
    ) -> None:
        """Without `on_skipped` the skip is told by a message on `receipts.v1`, which the ledger's service enters."""
        self._outbox, self._consumer, self._service, self._now = outbox, consumer, service, now
        self._on_skipped, self._every = on_skipped, every_seconds

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                for row in await self._outbox.fetch(_OPEN, self._consumer.name):
                    outcome = await self._carry_out(dict(row))
                    _log.warning("%s: an operator's %s of a parked message: %s", self._consumer.name, row["action"], outcome)
                    await self._outbox.fetch(_DONE, row["id"], outcome)
            except StoreError:  # another process leads, or the database is away: the order stands
                _log.debug("%s carries out no orders just now", self._consumer.name)
            await asyncio.sleep(self._every)

    async def _carry_out(self, order: dict[str, Any]) -> str:
        tenant, topic, key = order["tenant_id"], order["topic"], order["key"]
        if order["action"] == "skip":
            try:
                skipped = await self._skip(order)
            except StoreError:
                raise
            except Exception as error:
                return f"not skipped: {type(error).__name__}"
            if not skipped:
                return "not skipped: it is not parked, or waits behind another message of its key"
        try:
            released = await self._consumer.release(tenant, topic, key)
        except StoreError:
            raise
        except Exception as error:
            what = "skipped; the next one" if order["action"] == "skip" else "it"
            return f"{what} still cannot be handled: {type(error).__name__}"
        return f"{'skipped, and ' if order['action'] == 'skip' else ''}{released} handled"

    async def _skip(self, order: dict[str, Any]) -> bool:
        tenant, message_id = order["tenant_id"], order["message_id"]
        said = await self._consumer.parked_type(tenant, order["topic"], order["key"], message_id)
        if said is None:
            return False
        message_type, error = said
        skipped = MessageSkipped(
            service=self._service,
            topic=order["topic"],
            message_id=message_id,
            message_type=message_type,
            client_id=_client(order["key"]),
            error=error,
            reason=order["reason"],
            skipped_by=order["ordered_by"],
            at=self._now(),
        )
        if self._on_skipped is not None:
            await self._on_skipped(tenant, skipped)
        data = skipped.model_dump_json().encode()
        publish = (Publication(RECEIPTS, order["key"]),) if self._on_skipped is None else ()
        event_id = uuid5(message_id, f"skipped by {self._consumer.name}")
        event = NewEvent(event_id, MESSAGE_SKIPPED, 1, data, publish=publish)
        return await self._consumer.skip(tenant, order["topic"], order["key"], message_id, StreamAppend(STREAM, None, (event,)))


def _client(key: str) -> UUID | None:
    try:
        return UUID(key.partition("/")[2])
    except ValueError:
        return None
