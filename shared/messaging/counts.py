"""What one consumer has done, and how far it is behind: the source of its metrics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from shared.messaging.checked import written
from shared.messaging.port import Inbound


@dataclass(slots=True)
class Counts:
    """Since the start of the process."""

    handled: int = 0
    """effects written, or found written before"""
    forged: int = 0
    parked: int = 0
    retried: int = 0
    dropped: int = 0
    """came again so late that only their number was known"""
    skipped: int = 0
    """given up by an operator"""


class Lag:
    """From commit to effect. A message that cannot be handled yet counts as it ages, so that a consumer that hangs is seen."""

    def __init__(self, now: Callable[[], datetime] | None) -> None:
        """Without `now` nothing is measured."""
        self._now = now
        self._in_hand: dict[int, datetime] = {}
        self._last = 0.0

    @contextmanager
    def of(self, inbound: Inbound) -> Iterator[None]:
        """While the message is handled; an error leaves it unhandled."""
        at = written(inbound) if self._now is not None else None
        if at is None:
            yield
            return
        self._in_hand[id(inbound)] = at
        try:
            yield
            self._last = self._age(at)
        finally:
            del self._in_hand[id(inbound)]

    @property
    def seconds(self) -> float:
        """Age of the oldest message in hand; where there is none, that of the last one when it was handled."""
        return max(map(self._age, self._in_hand.values()), default=self._last)

    def _age(self, at: datetime) -> float:
        assert self._now is not None
        return max(0.0, (self._now() - at).total_seconds())
