"""Messages into effects: checked, handled in order of key, applied once.

At-least-once delivery and an inbox row in the effect's own transaction give exactly once in effect. What fails for a reason
that passes is tried again in place; what cannot be handled is parked with all later messages of its key, and alarms.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from shared.eventstore.model import (
    AlreadyHandled,
    InboxMark,
    Overloaded,
    Statement,
    StoreUnavailable,
    StreamAppend,
    VersionConflict,
)
from shared.eventstore.schema import INBOX_KEPT_DAYS
from shared.eventstore.store import EventStore
from shared.http.problems import Problem, Unavailable
from shared.messaging.backoff import Backoff
from shared.messaging.checked import checked, written
from shared.messaging.counts import Counts, Lag
from shared.messaging.numbers import Numbers, Turn
from shared.messaging.parked import GAP, Parked, ParkedNow
from shared.messaging.port import Effect, Handler, Inbound, Message, Transient, Transport
from shared.messaging.signature import EventVerifier, ForgedMessage

_log = logging.getLogger(__name__)
_PASSING: Final = (
    Transient,
    StoreUnavailable,
    Overloaded,
    VersionConflict,
    Unavailable,
    ConnectionError,
    TimeoutError,
)
_KEYS_AT_ONCE: Final = 16
"""keys of one batch whose effects are written side by side"""


NUMBER_AGAIN: Final = "number-again"
"""a new message under a number that was there before: its producer's database was set back"""


class MessageMissing(Exception):
    """An earlier message of the same client has not arrived: it is waited for."""


class Consumer:
    """One group of one service: its handlers by message type."""

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        *,
        store: EventStore,
        transport: Transport,
        verifier: EventVerifier,
        handlers: Mapping[str, Handler],
        on_forged: Callable[[str, str], None],
        on_poison: Callable[[str, str], None] | None = None,
        now: Callable[[], datetime] | None = None,
        first_wait: float = 0.05,
        longest_wait: float = 5.0,
    ) -> None:
        """`name` is the group and the inbox's consumer: never change it. `on_forged` is called with (reason, topic),
        `on_poison` with (class of the exception, topic). Without `now` no lag is counted. Waits in seconds.
        """
        self.name, self._topics = name, tuple(topics)
        self._store, self._transport, self._verifier, self._handlers = store, transport, verifier, handlers
        self._on_forged, self._on_poison, self._now = on_forged, on_poison, now
        self._waits = first_wait, longest_wait
        self._parked = Parked(store, name)
        self._numbers = Numbers(store, name)
        self.counts, self.lag = Counts(), Lag(now)

    async def run(self) -> None:
        """Until cancelled."""
        await self._transport.consume(self.name, self._topics, self._handle)

    async def release(self, tenant: str, topic: str, key: str) -> int:
        """Handles the parked messages of a key again, in order: how many. Raises what the handler raises; the rest stays."""
        released = 0
        while (inbound := await self._parked.oldest(tenant, topic, key)) is not None:
            message = checked(inbound, self._verifier)
            if await self._numbers.turn(message) is Turn.AHEAD:
                raise MessageMissing("an earlier message of the same client has not arrived")
            await self._apply(message, (self._parked.removal(message),))
            released += 1
        return released

    async def parked_type(self, tenant: str, topic: str, key: str, message_id: UUID) -> tuple[str, str] | None:
        """(message type, class of the error) of a parked message that its key waits for; None where it is none."""
        found = await self._parked.find(tenant, topic, key, message_id)
        return (checked(found.inbound, self._verifier).type, found.error) if found is not None and found.first else None

    async def skip(self, tenant: str, topic: str, key: str, message_id: UUID, noted: StreamAppend) -> bool:
        """Gives up the message that its key waits for, for good, and writes `noted` in the same transaction.

        Where it waits for a missing one, the missing is given up and not the message. False where it is not parked, or waits
        behind another: only what stands in the way is skipped.
        """
        found = await self._parked.find(tenant, topic, key, message_id)
        if found is None or not found.first:
            return False
        message = checked(found.inbound, self._verifier)
        if message.number is not None and await self._numbers.turn(message, stored=True) is Turn.AHEAD:
            await self._store.append(tenant, [noted], statements=self._numbers.moved(replace(message, number=message.number - 1)))
        else:
            await self._store.append(
                tenant,
                [noted],
                statements=(self._parked.removal(message), *self._numbers.moved(message)),
                inbox=InboxMark(self.name, message_id),
            )
        self.counts.skipped += 1
        return True

    async def _handle(self, batch: Sequence[Inbound]) -> None:
        """Keys side by side, so that their effects share commits; the messages of one key in turn."""
        keys: dict[tuple[str, str], list[tuple[Message, Inbound]]] = {}
        for inbound in batch:
            # checking a signature takes 0.2 ms: others get their turn in between
            await asyncio.sleep(0)
            try:
                message = checked(inbound, self._verifier)
            except ForgedMessage as error:
                self._refuse(error, inbound)
                continue
            keys.setdefault((message.topic, message.key), []).append((message, inbound))
        parked, places = ParkedNow(self._parked), asyncio.Semaphore(_KEYS_AT_ONCE)

        async def settle(messages: Sequence[tuple[Message, Inbound]]) -> None:
            async with places:
                for message, inbound in messages:
                    with self.lag.of(inbound):
                        await self._settle(message, inbound, parked)

        async with asyncio.TaskGroup() as tasks:
            for messages in keys.values():
                tasks.create_task(settle(messages))

    async def _settle(self, message: Message, inbound: Inbound, parked: ParkedNow) -> None:
        """Returns once the message is applied or parked, however long that takes."""
        backoff = Backoff(*self._waits)
        poison: str | None = None
        while True:
            try:
                if poison is not None:
                    if not await self._parked.settled(message):  # given up by an operator, and delivered again
                        await self._park(message, inbound, poison, parked)
                    return
                poison = await self._take(message, inbound, parked)
                if poison is None:
                    return
            except Exception as error:
                if _passes(error):
                    self.counts.retried += 1
                    _log.warning("%s on %s: %s, tried again", self.name, message.topic, type(error).__name__)
                    await backoff.wait()
                elif poison is None:
                    poison = type(error).__name__
                else:
                    _log.error("%s cannot park a message on %s: %s", self.name, message.topic, type(error).__name__)
                    raise

    async def _take(self, message: Message, inbound: Inbound, parked: ParkedNow) -> str | None:
        """Applies the message, drops it, or leaves it behind a parked one; else for which fault it is to be parked."""
        turn = await self._turn(message, inbound)
        if turn is Turn.AGAIN:
            if message.type in self._handlers and await self._parked.settled(message):
                await self._apply(message)  # what comes after its commit is done again
            elif message.type in self._handlers and not self._forgotten(inbound):
                return NUMBER_AGAIN
            else:
                self.counts.dropped += 1
            if await parked.holds(message):  # it was applied before; what waited for it may not have been
                await self._flow(message)
            return None
        fills = turn is Turn.NEXT and await parked.holds(message) and not await self._parked.stands_in_the_way(message)
        if not fills and await parked.holds(message):
            if await self._waits_behind(message, inbound, parked):
                await self._flow(message)
                return None
            turn = await self._turn(message, inbound)  # what it waited for was released meanwhile
        if turn is Turn.AHEAD:
            return GAP
        await self._apply(message)
        if fills:
            await self._flow(message)
        return None

    async def _turn(self, message: Message, inbound: Inbound) -> Turn:
        """What the inbox may have forgotten is measured by what is stored: what is remembered may be behind it."""
        return await self._numbers.turn(message, stored=self._forgotten(inbound))

    async def _flow(self, near: Message) -> None:
        """What only waited for a missing one of the key of `near` goes on, up to the next that is missing or cannot be handled.

        Asked also where nothing may have changed: after a crash or an error in here, the next delivery goes on.
        """
        tenant, topic, key = near.tenant, near.topic, near.key
        if await self._parked.blocked(tenant, topic, key):
            return
        while (inbound := await self._parked.oldest(tenant, topic, key)) is not None:
            try:
                message = checked(inbound, self._verifier)
            except ForgedMessage as error:  # the key it was signed with is no longer known
                self._refuse(error, inbound)
                return
            if await self._numbers.turn(message) is Turn.AHEAD:
                return
            try:
                await self._apply(message, (self._parked.removal(message),))
            except Exception as error:
                if _passes(error):
                    raise
                await self._store.append(tenant, (), statements=(self._parked.failed(message, type(error).__name__),))
                self._alarm(message, type(error).__name__)
                return

    async def _apply(self, message: Message, statements: tuple[Statement, ...] = ()) -> None:
        handler = self._handlers.get(message.type)
        effect = await handler(message) if handler is not None else None
        statements = (*self._numbers.moved(message), *statements)
        if effect is None and not statements:
            self.counts.handled += handler is not None
            return
        effect = effect or Effect()
        try:
            await self._store.append(
                message.tenant,
                effect.appends,
                statements=(*effect.statements, *statements),
                inbox=InboxMark(self.name, message.message_id) if handler is not None else None,
            )
        except AlreadyHandled:
            if statements:
                await self._store.append(message.tenant, (), statements=statements)
        self._numbers.remember(message)
        if effect.after_commit is not None:
            effect.after_commit()
        self.counts.handled += handler is not None

    async def _waits_behind(self, message: Message, inbound: Inbound, parked: ParkedNow) -> bool:
        await self._parked.park_behind(message, inbound)
        if not await parked.still_holds(message):
            return False
        self.counts.parked += 1
        return True

    async def _park(self, message: Message, inbound: Inbound, error: str, parked: ParkedNow) -> None:
        await self._parked.park(message, inbound, error)
        await parked.took(message)
        self._alarm(message, error)

    def _refuse(self, error: ForgedMessage, inbound: Inbound) -> None:
        self.counts.forged += 1
        _log.error("%s refused a message: %s", self.name, error)
        self._on_forged(str(error), inbound.topic)

    def _alarm(self, message: Message, error: str) -> None:
        self.counts.parked += 1
        _log.error("%s parked a %s on %s: %s", self.name, message.type, message.topic, error)
        if self._on_poison is not None:
            self._on_poison(error, message.topic)

    def _forgotten(self, inbound: Inbound) -> bool:
        """Whether it is so old that the inbox may have forgotten it: then a number that was there before says enough."""
        at = written(inbound)
        return at is not None and self._now is not None and self._now() - at > timedelta(days=INBOX_KEPT_DAYS)


def _passes(error: Exception) -> bool:
    """Whether the reason passes by itself: something is away, or somebody else was first."""
    return isinstance(error, _PASSING) or (isinstance(error, Problem) and error.status == 503)
