"""The gate as a service sees it: one port, two adapters (HTTP in `shared.gate.client`, direct in the embedded run)."""

from enum import StrEnum
from typing import Final, Protocol

from shared.contracts.disclosure import (
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    ReleaseRequest,
    ReleaseState,
)
from shared.contracts.downtime import LateAnswer, LateWrite, SignedGateKey
from shared.http.problems import Problem, Unavailable, unavailable


class Away(StrEnum):
    """What does not answer: the `reason` of the 503 that a caller gets."""

    GATE = "gate"
    """the gate itself cannot be reached: nobody took the question"""
    KEYS = "keys"
    """the keyring's database or its KMS"""
    LEDGER = "ledger"
    DATABASE = "database"
    """the gate's own"""
    OTHER = "other"


AWAY_IN_WORDS: Final[dict[Away, str]] = {
    Away.GATE: "The gate cannot be reached: nothing was opened or written.",
    Away.KEYS: "The keys cannot be had, because keyring or KMS does not answer: nothing was opened or written. No other place "
    "keeps them; it goes on by itself once they answer.",
    Away.LEDGER: "The ledger does not take an entry: nothing was opened or written.",
    Away.DATABASE: "The gate's database does not answer: nothing was opened or written.",
    Away.OTHER: "The gate gives no answer just now: nothing was opened or written.",
}


class GateUnavailable(Unavailable):
    """No answer from the gate: nothing was decided, nothing may be opened. The caller gets 503."""

    def __init__(self, message: str = "", why: Away = Away.OTHER) -> None:
        super().__init__(message)
        self.why = why

    def problem(self) -> Problem:
        return unavailable(AWAY_IN_WORDS[self.why], reason=str(self.why))


class Gate(Protocol):
    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer: ...

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        """Answers once the gate decides by that policy sequence; GateUnavailable where it does not within 5 s."""

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        """The client's choice, in force when it returns. ReleaseRefused (an HTTP problem) where the caller may not."""


class LateGate(Protocol):
    """The gate as a service sees it that may write while it cannot be reached (ADR 0015). The same adapters."""

    async def gate_key(self) -> SignedGateKey:
        """What to seal to while the gate cannot be reached: to be had beforehand."""

    async def settle(self, write: LateWrite) -> LateAnswer:
        """What becomes of a record that was written while the gate could not be reached."""
