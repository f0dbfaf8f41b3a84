"""The gate by direct call, for the embedded run: the same checks, no HTTP. A service's name is given when it is put together."""

from services.audit_log.application.disclosure import DisclosureGate
from services.audit_log.application.policy_projection import PolicyProjection
from services.audit_log.application.releases import Releases
from shared.contracts.disclosure import (
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    ReleaseRequest,
    ReleaseState,
)
from shared.contracts.records import ServiceName
from shared.http.problems import forbidden


class DirectGate:
    """Implements `shared.gate.port.Gate` for one service."""

    def __init__(self, service: ServiceName, gate: DisclosureGate, policy: PolicyProjection, releases: Releases) -> None:
        self._service, self._gate, self._policy, self._releases = service, gate, policy, releases

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        return await self._gate.disclose(self._service, request)

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        if self._service is not ServiceName.CONSENT:
            raise forbidden("Only the consent service asks for confirmations.")
        return await self._policy.confirm(tenant, sequence)

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        return await self._releases.set_release(self._service, request)
