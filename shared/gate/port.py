"""The gate as a service sees it: one port, two adapters (HTTP in `shared.gate.client`, direct in the embedded run)."""

from typing import Protocol

from shared.contracts.disclosure import (
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    ReleaseRequest,
    ReleaseState,
)


class GateUnavailable(Exception):
    """No answer from the gate: nothing was decided, nothing may be opened. The caller gets 503."""


class Gate(Protocol):
    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer: ...

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        """Answers once the gate decides by that policy sequence; GateUnavailable where it does not within 5 s."""

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        """The client's choice, in force when it returns. ReleaseRefused (an HTTP problem) where the caller may not."""
