"""Attempts to sign in by the identity provider: begun in a browser, taken once, within ten minutes."""

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Final

from services.audit_log.officers.domain.attempt import HANDLE_BYTES, LASTS, Attempt, Proofs, opened, proofs, sealed
from services.audit_log.officers.domain.refusals import Refusal, Refused

_MOST: Final = 10_000


class Attempts:
    """Which were taken is remembered by this process. At another replica a second try meets the provider's own rule: a code
    is good once (RFC 6749, 4.1.2)."""

    def __init__(self, secret: bytes, *, now: Callable[[], datetime], random: Callable[[int], bytes]) -> None:
        self._secret, self._now, self._random = secret, now, random
        self._taken: dict[bytes, float] = {}

    def begin(self, leads_to: str) -> tuple[str, Proofs]:
        """What the browser keeps, and what the provider is told."""
        attempt = Attempt(self._random(HANDLE_BYTES), int(self._now().timestamp()), leads_to)
        return sealed(self._secret, attempt), proofs(self._secret, attempt)

    def take(self, kept: str, state: str) -> tuple[Attempt, Proofs]:
        """The attempt that this browser began and the provider answered. Refused where it is another, over, or taken."""
        attempt = opened(self._secret, kept)
        if attempt is None:
            raise Refused(Refusal.ATTEMPT)
        now = self._now().timestamp()
        if attempt.over(now):
            raise Refused(Refusal.OVER)
        found = proofs(self._secret, attempt)
        if not hmac.compare_digest(found.state.encode(), state.encode()) or attempt.handle in self._taken:
            raise Refused(Refusal.ATTEMPT)
        self._remember(attempt.handle, now)
        return attempt, found

    def _remember(self, handle: bytes, now: float) -> None:
        if len(self._taken) >= _MOST:
            self._taken = {h: at for h, at in self._taken.items() if now - at < LASTS.total_seconds()}
        self._taken[handle] = now
