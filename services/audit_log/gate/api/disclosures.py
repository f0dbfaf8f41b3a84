"""What services ask of the gate over HTTP: by the lane and msgspec, because every clinical read passes here."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.gate.application.direct import Late
from services.audit_log.gate.application.disclosure import DisclosureGate
from services.audit_log.gate.application.releases import Releases
from shared.contracts.disclosure import DisclosureRequest, PolicyConfirmationRequest, ReleaseRequest
from shared.contracts.downtime import GateKeyRequest, LateWrite
from shared.contracts.records import ServiceName
from shared.http.lane import Answer
from shared.http.problems import Fault, invalid
from shared.http.service_callers import service_of
from shared.identity.assertions import ServiceVerifier

CALLERS: Final = frozenset({ServiceName.CONSENT, ServiceName.SESSION_NOTES, ServiceName.ALLIANCE})
WRITERS: Final = frozenset({ServiceName.SESSION_NOTES})
"""who may write while the gate is away"""
W = TypeVar("W", bound=msgspec.Struct)
_encoder = msgspec.json.Encoder()


def answers(
    verifier: ServiceVerifier, gate: DisclosureGate, policy: PolicyProjection, releases: Releases, late: Late
) -> dict[str, Answer]:
    """By path, for the lane before the service's application."""

    async def disclose(service: ServiceName, wanted: DisclosureRequest) -> msgspec.Struct:
        return await gate.disclose(service, wanted)

    async def confirm(_: ServiceName, wanted: PolicyConfirmationRequest) -> msgspec.Struct:
        return await policy.confirm(wanted.tenant, wanted.sequence)

    async def release(service: ServiceName, wanted: ReleaseRequest) -> msgspec.Struct:
        return await releases.set_release(service, wanted)

    return {
        "/v1/disclosures": _answer(verifier, CALLERS, DisclosureRequest, disclose),
        "/v1/policy-confirmations": _answer(verifier, frozenset({ServiceName.CONSENT}), PolicyConfirmationRequest, confirm),
        "/v1/releases": _answer(verifier, frozenset({ServiceName.ALLIANCE}), ReleaseRequest, release),
        "/v1/gate-key": _answer(verifier, WRITERS, GateKeyRequest, late.gate_key),
        "/v1/late-writes": _answer(verifier, WRITERS, LateWrite, late.settle),
    }


def _answer(
    verifier: ServiceVerifier,
    allowed: frozenset[ServiceName],
    wanted: type[W],
    answer: Callable[[ServiceName, W], Awaitable[msgspec.Struct]],
) -> Answer:
    decoder = msgspec.json.Decoder(wanted)

    async def answered(request: Request) -> bytes:
        service, body = await service_of(request, verifier, allowed)
        try:
            asked = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # msgspec's message may quote what was sent
            raise invalid([Fault("", f"not a {wanted.__name__} of this version")]) from None
        return _encoder.encode(await answer(service, asked))

    return answered
