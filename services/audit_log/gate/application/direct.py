"""The gate by direct call, for the embedded run: the same checks, no HTTP. A service's name is given when it is put together."""

from typing import Protocol

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.gate.application.disclosure import DisclosureGate
from services.audit_log.gate.application.releases import Releases
from shared.contracts.disclosure import (
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    ReleaseRequest,
    ReleaseState,
)
from shared.contracts.downtime import GateKeyRequest, LateAnswer, LateWrite, SignedGateKey
from shared.contracts.records import ServiceName
from shared.http.problems import forbidden


class Late(Protocol):
    async def gate_key(self, service: ServiceName, request: GateKeyRequest) -> SignedGateKey: ...

    async def settle(self, service: ServiceName, write: LateWrite) -> LateAnswer: ...


class DirectGate:
    """Implements `shared.gate.port.Gate` and `LateGate` for one service."""

    def __init__(
        self, service: ServiceName, gate: DisclosureGate, policy: PolicyProjection, releases: Releases, late: Late
    ) -> None:
        self._service, self._gate, self._policy, self._releases, self._late = service, gate, policy, releases, late

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        return await self._gate.disclose(self._service, request)

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        if self._service is not ServiceName.CONSENT:
            raise forbidden("Only the consent service asks for confirmations.")
        return await self._policy.confirm(tenant, sequence)

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        return await self._releases.set_release(self._service, request)

    async def gate_key(self) -> SignedGateKey:
        return await self._late.gate_key(self._service, GateKeyRequest())

    async def settle(self, write: LateWrite) -> LateAnswer:
        return await self._late.settle(self._service, write)
