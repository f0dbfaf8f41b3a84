"""From the outbox to the transport: one leader a database, in commit order, at least once (reference: transactional outbox).

Rows are deleted only after the transport confirmed them. What was sent but not confirmed is sent again under the same
message id; inboxes on the other side apply it once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final, Protocol
from uuid import UUID

from shared.eventstore.outbox import OutboxRow
from shared.messaging.backoff import Backoff
from shared.messaging.port import Outbound, Transport
from shared.messaging.signature import NUMBER, EventSigner

_log = logging.getLogger(__name__)
_PAGE: Final = 1000
_CHUNK: Final = 250
"""rows that are signed while those before them are on their way"""
_SIGNED_AT_ONCE: Final = 20
"""signatures (about 50 µs each) between two turns of the event loop"""
_FIRST_LOOK: Final = 0.002
"""seconds until the next look after a wake-up that found nothing: an older transaction still hides the row (the fence)"""


@dataclass(frozen=True, slots=True)
class Beat:
    """A message that is in no stream: the policy heartbeat."""

    topic: str
    key: str
    """`tenant/…`; the tenant is taken from it"""
    type: str
    payload: bytes
    stream: str = ""
    sequence: int = 0
    schema_version: int = 1


Heartbeat = Callable[[], Awaitable[Sequence[Beat]]]


class PendingRows(Protocol):
    """What the relay needs of `shared.eventstore.outbox.Outbox`."""

    async def lead(self) -> bool: ...

    async def pending(self, limit: int) -> list[OutboxRow]: ...

    async def delete(self, ids: Sequence[int]) -> None: ...


class Relay:
    """Runs in every process of a service; only the one that leads relays."""

    def __init__(
        self,
        outbox: PendingRows,
        transport: Transport,
        signer: EventSigner,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
        heartbeat: Heartbeat | None = None,
        heartbeat_seconds: float = 1.0,
        poll_seconds: float = 0.05,
        lead_seconds: float = 1.0,
        publish_timeout: float = 30.0,
    ) -> None:
        """`heartbeat` is asked about once in `heartbeat_seconds`; its messages leave after all that was pending then."""
        self._outbox, self._transport, self._signer = outbox, transport, signer
        self._heartbeat, self._heartbeat_seconds = heartbeat, heartbeat_seconds
        self._poll_seconds, self._lead_seconds, self._publish_timeout = poll_seconds, lead_seconds, publish_timeout
        self._now, self._new_id = now, new_id
        self._woken = asyncio.Event()
        self._last_beat = float("-inf")
        self.leading = False
        self.relayed = 0
        """rows confirmed by the transport since the start"""
        self.on_relayed: Callable[[float], None] | None = None
        """called for each confirmed page with the seconds that its oldest row had waited"""

    def wake(self) -> None:
        """Rows were committed: look now. From the relay's own event loop only."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. Errors are logged by their class, then tried again; no row is dropped."""
        backoff = Backoff(0.1, 5.0)
        while True:
            try:
                await self._take_lead()
                await self._relay(backoff)
            except Exception as error:
                _log.warning("relay of %s: %s; rows are kept and sent again", self._signer.service, type(error).__name__)
                await backoff.wait()
            finally:
                self.leading = False

    async def _take_lead(self) -> None:
        while True:
            if await self._outbox.lead():
                self.leading = True
                return
            await asyncio.sleep(self._lead_seconds)

    async def _relay(self, backoff: Backoff) -> None:
        pause = self._poll_seconds
        while True:
            self._woken.clear()
            beats = await self._due_beats()
            sent = await self._drain()
            if beats:
                await self._publish([self._beat(b) for b in beats])
                self._last_beat = monotonic()
            backoff.reset()
            if sent:
                pause = _FIRST_LOOK
                continue
            woken = await self._wait(pause)
            pause = _FIRST_LOOK if woken else min(pause * 2, self._poll_seconds)

    async def _wait(self, seconds: float) -> bool:
        """Whether it was woken within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    async def _drain(self) -> int:
        """Relays what is pending now, page by page; a short page is the last."""
        sent = 0
        while True:
            rows = await self._outbox.pending(_PAGE)
            if rows:
                confirmed: list[int] = []
                try:
                    await self._send(rows, confirmed)
                finally:  # what has arrived is not sent again because of what has not
                    if confirmed:
                        await self._outbox.delete(confirmed)
                sent += len(rows)
                self.relayed += len(rows)
                if self.on_relayed is not None:
                    self.on_relayed(max(0.0, (self._now() - rows[0].created_at).total_seconds()))
            if len(rows) < _PAGE:
                return sent

    async def _send(self, rows: Sequence[OutboxRow], confirmed: list[int]) -> None:
        """In order: a chunk leaves when the one before it is confirmed, and is signed meanwhile. Ids are added as they arrive."""
        under_way: asyncio.Task[None] | None = None
        try:
            for start in range(0, len(rows) + _CHUNK, _CHUNK):
                chunk = rows[start : start + _CHUNK]
                messages = await self._messages(chunk)
                if under_way is not None:
                    await under_way
                    confirmed += [row.id for row in rows[start - _CHUNK : start]]
                under_way = asyncio.create_task(self._publish(messages)) if chunk else None
        finally:
            if under_way is not None:
                under_way.cancel()
                await asyncio.gather(under_way, return_exceptions=True)

    async def _publish(self, messages: Sequence[Outbound]) -> None:
        async with asyncio.timeout(self._publish_timeout):
            await self._transport.publish(messages)

    async def _due_beats(self) -> Sequence[Beat]:
        """Read before the drain: when they leave, all that they speak of has left."""
        if self._heartbeat is None or monotonic() - self._last_beat < self._heartbeat_seconds:
            return ()
        try:
            return await self._heartbeat()
        except Exception as error:
            _log.warning("heartbeat of %s: %s; rows are relayed without it", self._signer.service, type(error).__name__)
            self._last_beat = monotonic()
            return ()

    async def _messages(self, rows: Sequence[OutboxRow]) -> list[Outbound]:
        messages = []
        for count, row in enumerate(rows, 1):
            messages.append(self._message(row))
            if count % _SIGNED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return messages

    def _message(self, row: OutboxRow) -> Outbound:
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(row.event_id),
            "ce_type": row.type,
            "ce_subject": row.stream,
            "ce_time": row.created_at.astimezone(UTC).isoformat(),
            "ce_sequence": str(row.sequence),
            "ce_tenant": row.tenant_id,
            "ce_schemaversion": str(row.schema_version),
            NUMBER: str(row.number),
            "content-type": "application/json",
        }
        signed = self._signer.sign(row.aggregatetype, row.aggregateid, headers, row.payload)
        return Outbound(row.aggregatetype, row.aggregateid, signed, row.payload)

    def _beat(self, beat: Beat) -> Outbound:
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(self._new_id()),
            "ce_type": beat.type,
            "ce_subject": beat.stream,
            "ce_time": self._now().isoformat(),
            "ce_sequence": str(beat.sequence),
            "ce_tenant": beat.key.split("/", 1)[0],
            "ce_schemaversion": str(beat.schema_version),
            "content-type": "application/json",
        }
        return Outbound(beat.topic, beat.key, self._signer.sign(beat.topic, beat.key, headers, beat.payload), beat.payload)
