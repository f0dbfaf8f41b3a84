"""The gate's public key as a service keeps it for the day on which the gate cannot be reached (ADR 0015).

It is fetched while the gate answers, kept in the service's own database with the gate's signature, and the signature is checked
at each use: who can write to that database still cannot put a key of their own in its place.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol

from pydantic import ValidationError

from shared.contracts.downtime import GATE_KEY, GATE_KEY_PLACE, GateKey, SignedGateKey
from shared.contracts.records import ServiceName
from shared.contracts.topics import AUDIT
from shared.eventstore.model import StoreError
from shared.gate.port import GateUnavailable, LateGate
from shared.http.problems import Problem
from shared.messaging.signature import EventVerifier, ForgedMessage

FETCH_EVERY: Final = 300.0
"""seconds between two fetches, while the gate answers"""
FETCH_AGAIN: Final = 2.0
"""seconds after which a fetch that failed is tried again; who is told to look looks at once"""
_log = logging.getLogger(__name__)


class KeptKeys(Protocol):
    """Statements as they were signed. Raises StoreError."""

    async def keep(self, key_id: str, signed: SignedGateKey, at: datetime) -> None: ...

    async def kept(self) -> list[SignedGateKey]:
        """Newest first, at most a few."""


class PinnedKey:
    def __init__(
        self,
        gate: LateGate,
        verifier: EventVerifier,
        keys: KeptKeys,
        *,
        now: Callable[[], datetime],
        on_answer: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_answer` is told whenever the gate answers."""
        self._gate, self._verifier, self._keys, self._now = gate, verifier, keys, now
        self._on_answer, self._looked_for = on_answer, asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            seconds = FETCH_EVERY if await self.fetch() else FETCH_AGAIN
            self._looked_for.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._looked_for.wait()

    def look(self) -> None:
        """Somebody found the gate away: find out whether it is back, from now on every few seconds."""
        self._looked_for.set()

    async def fetch(self) -> bool:
        """Whether the gate's key of now is kept."""
        try:
            signed = await self._gate.gate_key()
            self._on_answer()
            key = verified(signed, self._verifier)
            if key is None:
                _log.error("the gate's key is not signed by the gate: it is not used")
                return False
            await self._keys.keep(key.key_id, signed, self._now())
        except (GateUnavailable, Problem, StoreError) as error:
            _log.debug("the gate's key is fetched later: %s", type(error).__name__)
            return False
        return True

    async def current(self) -> GateKey | None:
        """The newest kept key that may be written to now; None where there is none that the gate has signed. StoreError."""
        now = self._now()
        for signed in await self._keys.kept():
            key = verified(signed, self._verifier)
            if key is not None and key.written_from <= now < key.written_until:
                return key
        return None


def verified(signed: SignedGateKey, verifier: EventVerifier) -> GateKey | None:
    """The key, where the gate signed this very statement as one of its keys."""
    try:
        source = verifier.verify(AUDIT, GATE_KEY_PLACE, signed.headers, signed.statement)
        key = GateKey.model_validate_json(signed.statement)
        usable = len(bytes.fromhex(key.public)) == 32
    except (ForgedMessage, ValidationError, ValueError):
        return None
    return key if usable and source is ServiceName.AUDIT_LOG and signed.headers.get("ce_type") == GATE_KEY else None
