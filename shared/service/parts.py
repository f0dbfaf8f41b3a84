"""What a service is built from: everything from outside is handed in here, nothing is opened at import."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from shared.eventstore.databases import DatabaseUrls
from shared.gate.port import Gate, LateGate
from shared.identity.tokens import TokenVerifier
from shared.messaging.port import Transport
from shared.messaging.signature import EventSigner, EventVerifier
from shared.service.leaving import Leaving
from shared.values.time import ANYWHERE, Place

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """Given to every `services.<service>.bootstrap.build(parts)`."""

    database: DatabaseUrls | None
    transport: Transport
    signer: EventSigner
    verifier: EventVerifier
    tokens: TokenVerifier
    gate: Gate | None
    """None only for audit_log, which is the gate, and ehr_gateway; any other service refuses to start without it"""
    late_gate: LateGate | None = field(default=None, kw_only=True)
    """for a service that may write while the gate cannot be reached; without it nothing is written then (ADR 0015)"""
    now: Callable[[], datetime]
    """aware, UTC"""
    new_id: Callable[[], UUID]
    random: Callable[[int], bytes]
    public_url: str
    """origin that callers use, without a trailing slash"""
    place: Place = field(default=ANYWHERE, kw_only=True)
    """whose calendar says which day it is (PLACE_ZONE)"""
    leaving: Leaving = field(default_factory=Leaving, kw_only=True)
    secret: bytes = field(repr=False)
    """32 bytes of this service alone (from its signing key); for HMACs of idempotency records and cursors"""


class Service(Protocol):
    """One service, put together. `start` connects and begins consuming; `stop` ends cleanly."""

    name: str
    app: ASGIApp

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Unwired(Exception):
    """A part that a service cannot do without is missing: it refuses to start."""
