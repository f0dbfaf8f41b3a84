"""What services ask of the gate over HTTP: Starlette routes and msgspec, because every clinical read passes here."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.audit_log.application.disclosure import DisclosureGate
from services.audit_log.application.policy_projection import PolicyProjection
from services.audit_log.application.releases import Releases
from shared.contracts.disclosure import DisclosureRequest, PolicyConfirmationRequest, ReleaseRequest
from shared.contracts.downtime import GateKeyRequest, LateAnswer, LateWrite, SignedGateKey
from shared.contracts.records import ServiceName
from shared.http.problems import Fault, invalid
from shared.identity.assertions import ServiceVerifier

CALLERS: Final = frozenset({ServiceName.CONSENT, ServiceName.SESSION_NOTES, ServiceName.ALLIANCE})
WRITERS: Final = frozenset({ServiceName.SESSION_NOTES})
"""who may write while the gate is away"""
W = TypeVar("W", bound=msgspec.Struct)
_encoder = msgspec.json.Encoder()


class Late(Protocol):
    async def gate_key(self, service: ServiceName, request: GateKeyRequest) -> SignedGateKey: ...

    async def settle(self, service: ServiceName, write: LateWrite) -> LateAnswer: ...


def routes(
    verifier: ServiceVerifier, gate: DisclosureGate, policy: PolicyProjection, releases: Releases, late: Late
) -> list[Route]:
    """To put before the other routes of the service's application."""

    async def disclose(service: ServiceName, wanted: DisclosureRequest) -> msgspec.Struct:
        return await gate.disclose(service, wanted)

    async def confirm(_: ServiceName, wanted: PolicyConfirmationRequest) -> msgspec.Struct:
        return await policy.confirm(wanted.tenant, wanted.sequence)

    async def release(service: ServiceName, wanted: ReleaseRequest) -> msgspec.Struct:
        return await releases.set_release(service, wanted)

    return [
        _route("/v1/disclosures", verifier, CALLERS, DisclosureRequest, disclose),
        _route("/v1/policy-confirmations", verifier, frozenset({ServiceName.CONSENT}), PolicyConfirmationRequest, confirm),
        _route("/v1/releases", verifier, frozenset({ServiceName.ALLIANCE}), ReleaseRequest, release),
        _route("/v1/gate-key", verifier, WRITERS, GateKeyRequest, late.gate_key),
        _route("/v1/late-writes", verifier, WRITERS, LateWrite, late.settle),
    ]


def _route(
    path: str,
    verifier: ServiceVerifier,
    allowed: frozenset[ServiceName],
    wanted: type[W],
    answer: Callable[[ServiceName, W], Awaitable[msgspec.Struct]],
) -> Route:
    decoder = msgspec.json.Decoder(wanted)

    async def endpoint(request: Request) -> Response:
        service, body = await verifier.service_of(request, allowed)
        try:
            asked = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # msgspec's message may quote what was sent
            raise invalid([Fault("", f"not a {wanted.__name__} of this version")]) from None
        return Response(_encoder.encode(await answer(service, asked)), media_type="application/json")

    return Route(path, endpoint, methods=["POST"])
