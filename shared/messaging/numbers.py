"""Each client's stream of messages has no gap: how far a consumer is, by the numbers that the relay gives.

A message's number is dense from 1 in its topic, key and source. A lower one is dropped, one that is ahead waits for the missing.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.messaging.port import Message

_LAST: Final = "SELECT last FROM inbox_number WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND source = $4 AND key = $5"
_MOVED: Final = """
INSERT INTO inbox_number (tenant_id, consumer, topic, source, key, last) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT ON CONSTRAINT inbox_number_pkey DO UPDATE SET last = greatest(inbox_number.last, excluded.last)
"""
_KEPT: Final = 20_000
"""keys remembered by a process; a forgotten one costs a query"""

Place = tuple[str, str, str, str]


class Turn(Enum):
    """Where a message stands in its client's stream."""

    FREE = auto()
    """it has no number: a heartbeat, or a message from before there were numbers"""
    NEXT = auto()
    AGAIN = auto()
    AHEAD = auto()


@dataclass(slots=True)
class Numbers:
    """Of one consumer. What is remembered may be behind what is stored (another member of the group), never ahead."""

    store: EventStore
    consumer: str
    _known: dict[Place, int] = field(default_factory=dict)

    async def turn(self, message: Message, *, stored: bool = False) -> Turn:
        """`stored`: by what is stored, whatever is remembered."""
        if message.number is None:
            return Turn.FREE
        last = None if stored else self._known.get(_place(message))
        if last is None or message.number != last + 1:
            last = await self._stored(message)
        if message.number == last + 1:
            return Turn.NEXT
        return Turn.AGAIN if message.number <= last else Turn.AHEAD

    def moved(self, message: Message) -> tuple[Statement, ...]:
        """To be written with the message's effect."""
        if message.number is None:
            return ()
        return (Statement(_MOVED, (message.tenant, self.consumer, *_place(message)[1:], message.number)),)

    def remember(self, message: Message) -> None:
        """The effect is durable."""
        if message.number is not None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[_place(message)] = max(message.number, self._known.get(_place(message), 0))

    async def _stored(self, message: Message) -> int:
        rows = await self.store.fetch(message.tenant, _LAST, message.tenant, self.consumer, *_place(message)[1:])
        last = int(rows[0]["last"]) if rows else 0
        self._known[_place(message)] = last
        return last


def _place(message: Message) -> Place:
    return message.tenant, message.topic, message.source, message.key
